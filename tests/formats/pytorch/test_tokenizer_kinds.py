"""Text encoders with other tokenizers than BERT's, and without types of tokens, give what transformers does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoders import SMALL, WORDS, module_of, sentences

import regraft
from regraft.data.pairs import Pair
from regraft.data.tokens import encoded

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEXTS = [text for text, _ in sentences(40)]
# By the kind of the encoder: the model of its tokenizer, and what its configuration calls otherwise.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Albert": ("Unigram", {"embedding_size": 16}),
    "XLMRoberta": ("Unigram", {}),
    "Roberta": ("BPE", {}),
    "DistilBert": ("WordPiece", {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32}),
}


def tokenizer_of(model: str) -> Any:
    """A tokenizer that has learned from small sentences."""
    made = tokenizers.Tokenizer(getattr(tokenizers.models, model)())
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    if model == "Unigram":
        made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
        trainer = tokenizers.trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>")
    elif model == "BPE":
        made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=330, special_tokens=special, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
        )
    else:
        made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="<unk>"))
        made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        trainer = tokenizers.trainers.WordPieceTrainer(vocab_size=60, special_tokens=special)
    made.train_from_iterator([*TEXTS, *WORDS], trainer)
    ends = [(word, made.token_to_id(word)) for word in ("<s>", "</s>")]
    made.post_processor = tokenizers.processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", ends)
    return made


def folder_of(kind: str, folder: Path) -> Path:
    """A small encoder of a kind with random weights, and its tokenizer."""
    torch.manual_seed(0)
    model, other = KINDS[kind]
    made = tokenizer_of(model)
    config = getattr(transformers, f"{kind}Config")(
        **{**SMALL, **other}, vocab_size=made.get_vocab_size(), max_position_embeddings=130, pad_token_id=0
    )
    getattr(transformers, f"{kind}Model")(config).eval().save_pretrained(folder)
    named = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **named).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_words_and_sentences_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = folder_of(kind, tmp_path)
    module, tokenizer = module_of(folder)
    network = regraft.open(f"hf:{folder}")
    (spec,) = network.inputs.values()
    assert spec.layout == "tokens"
    for asked in (TEXTS, [Pair(TEXTS[0], TEXTS[1]), Pair(TEXTS[2], TEXTS[3])]):
        columns = [list(asked)] if isinstance(asked[0], str) else [list(column) for column in zip(*asked, strict=True)]
        fed = tokenizer(*columns, padding=True, return_tensors="pt", return_token_type_ids=False)
        np.testing.assert_array_equal(encoded(asked, spec), fed["input_ids"].numpy())
        with torch.no_grad():
            words, mask = module(**fed).last_hidden_state, fed["attention_mask"][..., None]
        sentence = ((words * mask).sum(1) / mask.sum(1)).numpy()
        np.testing.assert_allclose(network.run(encoded(asked, spec), to="sentence"), sentence, rtol=1e-5, atol=1e-5)
