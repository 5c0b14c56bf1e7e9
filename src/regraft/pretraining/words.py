"""Texts corrupted by a word: "The dog sleeps" is good, "The dog they" is not, and nobody has to label either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

import numpy as np
import torch

from regraft.data import Part
from regraft.data.tokens import encoded
from regraft.network import InputSpec
from regraft.train.learner import Batch


def replaced(words: Sequence[str], others: Sequence[str], dice: Random) -> list[str]:
    """One word becomes one of another text."""
    place = dice.randrange(len(words))
    return [*words[:place], dice.choice(dice.choice(others).split() or words), *words[place + 1 :]]


def swapped(words: Sequence[str], others: Sequence[str], dice: Random) -> list[str]:
    """Two neighbours change places; a single word has none."""
    place = dice.randrange(max(1, len(words) - 1))
    return [*words[:place], *reversed(words[place : place + 2]), *words[place + 2 :]]


def dropped(words: Sequence[str], others: Sequence[str], dice: Random) -> list[str]:
    """One word is left out, but not the only one."""
    place = dice.randrange(len(words))
    return [*words[:place], *words[place + 1 :]] or list(words)


WAYS: Mapping[str, Callable[[Sequence[str], Sequence[str], Random], list[str]]] = {
    "a word replaced": replaced,
    "two words swapped": swapped,
    "a word dropped": dropped,
}


def corrupted(text: str, others: Sequence[str], dice: Random) -> tuple[str, int]:
    """A text with what was done to it: 0 for nothing, else the number of the way; words stand apart by one space."""
    words, kind = text.split(), dice.randrange(1 + len(WAYS))
    found = list(WAYS.values())[kind - 1](words, others, dice) if words and kind else words
    return " ".join(found), kind if found != words else 0


class CorruptedTexts:
    """Good and corrupted texts as an input of bytes has them, and which of them is what."""

    def __init__(self, part: Part, spec: InputSpec) -> None:
        self._texts = part.examples.texts
        self._indices = part.indices
        self._spec = spec

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, rows: np.ndarray) -> Batch:
        """(b t), and (b) int64: 0 for a good one, else the number of what was done to it."""
        texts = [self._read(int(index)) for index in self._indices[rows]]
        dice = Random(int(torch.randint(2**62, ())))
        found, kinds = zip(*(corrupted(text, texts, dice) for text in texts), strict=True)
        return torch.from_numpy(encoded(found, self._spec)), torch.tensor(kinds)

    def _read(self, index: int) -> str:
        """What of a text is read: damage behind that nobody could tell."""
        return self._texts[index].encode()[: self._spec.shape[1]].decode(errors="ignore")
