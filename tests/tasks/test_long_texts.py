"""Texts longer than an encoder reads: windows of them, in every verb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoders import bert_in, module_of, opened, pairs, sentences

import regraft
from regraft.data import open_unlabelled
from regraft.data.windows import text_windows
from regraft.features import Place, extract
from regraft.network import InputSpec, New, Plan
from regraft.data.tokens import with_windows

LAYER = "encoder.layer.1.output.LayerNorm"
LONG = 20  # tokens that the small encoders read


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def texts(count: int) -> list[tuple[str, str]]:
    """One to nine sentences, all of a dog or all of a cat."""
    known = sentences(count * 10)
    of = {name: [text for text, label in known if label == name] for name in ("dog", "cat")}
    found = list[tuple[str, str]]()
    for number in range(count):
        name = ("dog", "cat")[number % 2]
        found.append((" ".join(of[name][number * 4 % 90 :][: 1 + number % 9]), name))
    return found


def table(path: Path, count: int = 90) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in texts(count)))
    return path


def reading(folder: Path) -> InputSpec:
    return with_windows(opened(folder).inputs["input_ids"])


def of_transformers(folder: Path, asked: Sequence[Any], stride: int) -> np.ndarray:
    """The mean over the windows of each text, or pair, by the tokens of each, of what transformers makes of a window."""
    module, tokenizer = module_of(folder)
    typed = module.config.type_vocab_size > 1
    columns = [list(asked)] if isinstance(asked[0], str) else [list(column) for column in zip(*asked, strict=True)]
    how: dict[str, Any] = {"truncation": "longest_first", "max_length": LONG, "stride": stride, "padding": True}
    fed = tokenizer(*columns, **how, return_overflowing_tokens=True, return_token_type_ids=typed, return_tensors="pt")
    owner = fed.pop("overflow_to_sample_mapping").numpy()
    with torch.no_grad():
        words, mask = module(**fed).last_hidden_state, fed["attention_mask"][..., None]
    vectors, sizes = ((words * mask).sum(1) / mask.sum(1)).numpy(), mask.sum(1).numpy()
    return np.stack([(vectors * sizes)[owner == k].sum(0) / sizes[owner == k].sum() for k in range(len(asked))])


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_features_are_those_of_transformers_windows(kind: str, small_encoder: Any, tmp_path: Path) -> None:
    folder, spec = small_encoder(kind), reading(small_encoder(kind))
    asked = [text for text, _ in texts(40)]
    (tmp_path / "t.txt").write_text("\n".join(asked))
    examples = open_unlabelled([tmp_path / "t.txt"])
    found = extract(opened(folder), ["sentence"], examples, spec, Place(root=tmp_path / "features"))
    assert len(found) == len(asked) < found.store.rows
    expected = of_transformers(folder, asked, spec.overlap or 0)
    np.testing.assert_allclose(found.rows("sentence", np.arange(40)), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.rows("sentence", [31, 8, 31]), expected[[31, 8, 31]], rtol=1e-5, atol=1e-5)
