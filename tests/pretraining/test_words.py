"""Texts corrupted by a word: what changes, what is told of it, and that the dice are torch's."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
import torch

from regraft.data import Examples, whole
from regraft.network import InputSpec
from regraft.pretraining.words import WAYS, CorruptedTexts, corrupted, dropped, replaced, swapped

WORDS = ["the", "small", "dog", "sleeps", "in", "the", "warm", "house"]
OTHERS = ["cats run", "birds fly away"]
BYTES = InputSpec(name="x", shape=(None, 64), dtype="int32", layout="bytes")


def read(batch: torch.Tensor) -> list[str]:
    return [bytes(row[row > 0].tolist()).decode() for row in batch]


@pytest.mark.parametrize("seed", range(20))
def test_one_word_changes(seed: int) -> None:
    dice = Random(seed)
    found = replaced(WORDS, OTHERS, dice)
    (place,) = [k for k in range(8) if found[k] != WORDS[k]]
    assert len(found) == 8
    assert found[place] in " ".join(OTHERS).split()
    found = swapped(WORDS, OTHERS, dice)
    first, second = [k for k in range(8) if found[k] != WORDS[k]]
    assert (second, found[first], found[second]) == (first + 1, WORDS[second], WORDS[first])
    found = dropped(WORDS, OTHERS, dice)
    assert len(found) == 7
    assert any([*found[:k], WORDS[k], *found[k:]] == WORDS for k in range(8))


def test_all_ways_are_drawn_alike() -> None:
    dice = Random(0)
    counts = Counter(corrupted(" ".join(WORDS), OTHERS, dice)[1] for _ in range(4000))
    assert sorted(counts) == list(range(1 + len(WAYS)))
    assert max(counts.values()) < 1.15 * min(counts.values())


@pytest.mark.parametrize("text", ["word", "same same same"])
def test_what_nothing_can_be_done_to_is_good(text: str) -> None:
    dice = Random(0)
    for _ in range(200):
        found, kind = corrupted(text, [text], dice)
        assert (found == text) == (kind == 0)


def texts() -> Examples:
    items = [f"{word} {' '.join(WORDS)} {k}" for k, word in enumerate("abcdefgh" * 8)]
    return Examples(source="here", items=items, labels=np.full(64, -1), classes=(), hashes=())


def test_rows_hang_on_the_seed() -> None:
    rows = CorruptedTexts(whole(texts()), BYTES)
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(rows.take(np.arange(64)))
    assert all(torch.equal(one, other) for one, other in zip(found[0], found[1], strict=True))
    assert not torch.equal(found[0][0], found[2][0])
    batch, kinds = found[0]
    assert (batch.shape, batch.dtype, kinds.dtype) == ((64, 64), torch.int32, torch.int64)
    given = list(texts().items)
    assert [one == given[k] for k, one in enumerate(read(batch))] == (kinds == 0).tolist()


def test_texts_without_words_and_longer_than_read() -> None:
    items = ["\u00a0", "\u3000 \u00a0", "one two " + "three " * 100]
    examples = Examples(source="here", items=items, labels=np.full(3, -1), classes=(), hashes=())
    rows = CorruptedTexts(whole(examples), InputSpec(name="x", shape=(None, 7), dtype="int32", layout="bytes"))
    for seed in range(50):
        torch.manual_seed(seed)
        batch, kinds = rows.take(np.arange(3))
        assert kinds[:2].tolist() == [0, 0]
        assert (read(batch)[2] == "one two") == (kinds[2] == 0)  # damage lies where it is read
