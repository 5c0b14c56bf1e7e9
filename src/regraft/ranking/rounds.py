"""Rounds of probing: models on a share of the data, the best of them on more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import ceil

import numpy as np

from regraft.data import Part, Splits
from regraft.errors import RegraftError
from regraft.ranking.allowance import Allowance
from regraft.ranking.candidates import Candidate, opened
from regraft.ranking.memory import Memory
from regraft.ranking.probing import probed
from regraft.run import Progress
from regraft.zoo import Card, Score

MORE = 4  # times as many examples for a round, and one of so many models goes on to it: rounds cost about the same
_LEAST = 20  # training examples of a class, on average, below which models are not told apart


@dataclass(kw_only=True)
class Rounds:
    """Rounds of probing, and what they have in common.

    Attributes:
        skipped: why models were left out, by name.
        unfinished: what was not done with models for lack of time, by name.
        blocks, run: as `Ranking` has them.
    """

    splits: Splits
    memory: Memory
    allowance: Allowance
    progress: Progress
    skipped: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    blocks: int = 0
    run: int = 0
    _opened: dict[str, Candidate] = field(default_factory=dict)

    def scored(self, cards: Sequence[Card], share: float) -> dict[str, Score]:
        """The scores on a share of the data, by name; without those of models that do not fit or had no time."""
        splits = self.portion(share)
        known = self.memory.known(Score, splits)
        new = self.candidates([card for card in cards if card.content not in known])
        title = f"probing models on {len(splits.train):,} examples"
        with self.progress.task(title, len(new)) as advance:
            for family in _families(new):
                found = probed(family, splits, self.memory.seed, self.allowance, self.progress)
                if found is not None:
                    self.blocks, self.run = self.blocks + found.blocks, self.run + found.run
                    for one, score in zip(family, found.scores, strict=True):
                        known[one.card.content] = score
                        self.memory.keep(one, score, splits)
                advance(len(family))
        missed = [card for card in cards if card.content not in known and card.name not in self.skipped]
        self.unfinished |= {card.name: f"scored on {len(splits.train):,} examples" for card in missed}
        return {card.name: known[card.content] for card in cards if card.content in known}

    def candidates(self, cards: Sequence[Card]) -> list[Candidate]:
        """The models opened, as far as there is time; those that do not fit are noted."""
        wanted = [card for card in cards if card.name not in self._opened]
        with self.progress.task("opening models", len(wanted)) as advance:
            for card in wanted:
                if self.allowance.left > 0:
                    self._open(card)
                advance(1)
        return [self._opened[card.name] for card in cards if card.name in self._opened]

    def _open(self, card: Card) -> None:
        memory, others = self.memory, self._opened.values()
        try:
            self._opened[card.name] = opened(memory.zoo, card, self.splits, memory.input, self.progress, others)
        except RegraftError as error:
            self.skipped[card.name] = error.what

    def portion(self, share: float) -> Splits:
        """A share of the data, nothing of it for testing."""
        parts = (self.splits.train, self.splits.validation)
        train, validation = (_portion(part, share, self.memory.seed) for part in parts)
        return replace(self.splits, train=train, validation=validation, test=replace(train, indices=train.indices[:0]))


def shares(splits: Splits) -> list[float]:
    """The parts of the data the rounds see. They hang on the data alone, so that new models meet what is remembered."""
    found = [1.0]
    while found[0] / MORE * len(splits.train) >= _LEAST * len(splits.classes):
        found.insert(0, found[0] / MORE)
    return found


def _families(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Those that are alike together; the cheapest first, so that most are scored where time is short."""
    found = groupby(sorted(candidates, key=lambda one: one.family), key=lambda one: one.family)
    return sorted((list(members) for _, members in found), key=lambda family: family[0].levels[-1].flops)


def _portion(part: Part, share: float, seed: int) -> Part:
    """A share of a part, the same of each class; a larger share holds all of a smaller one.

    Their contents say which are taken: where examples are added, most of the share stays what it was.
    """
    hashes, salt = part.examples.hashes, str(seed).encode()
    drawn = [hashlib.blake2b(hashes[index], digest_size=8, key=salt).digest() for index in part.indices]
    order = np.array(sorted(range(len(part)), key=drawn.__getitem__))
    labels = part.labels[order]
    classes = [order[labels == label] for label in np.unique(labels)]
    chosen = np.sort(np.concatenate([own[: ceil(share * len(own))] for own in classes]))
    return part.examples.some(part.indices[chosen])
