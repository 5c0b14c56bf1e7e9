"""A small text encoder of transformers with random weights, its tokenizer, and sentences for it."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import regraft
from regraft.network import GraphNetwork

WORDS = ["the", "a", "one", "dog", "cat", "bird", "child", "sees", "likes", "finds", "house", "tree", "ball"]
WORDS += ["small", "old", "red", "very"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}


def bert_in(folder: Path) -> Path:
    """The folder, with a model.safetensors, a config.json and the tokenizer's files."""
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    torch.manual_seed(0)
    config = transformers.BertConfig(**SMALL, vocab_size=len(VOCABULARY), max_position_embeddings=20)
    transformers.BertModel(config).eval().save_pretrained(folder)
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: k for k, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    made.post_processor = tokenizers.processors.TemplateProcessing("[CLS] $A [SEP]", None, special)
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")
    words.save_pretrained(folder)
    return folder


def opened(folder: Path) -> GraphNetwork:
    """The network of such a folder."""
    with warnings.catch_warnings(action="ignore"):  # what a trace of evaluation does not show
        return regraft.open(f"hf:{folder}")


def module_of(folder: Path) -> tuple[Any, Any]:
    """The module and the tokenizer as transformers opens them."""
    import transformers

    return transformers.AutoModel.from_pretrained(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)


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


def table(path: Path, count: int = 240) -> Path:
    """They as a table."""
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in sentences(count)))
    return path
