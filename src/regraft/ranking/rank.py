"""`regraft.rank`: the models of a zoo as starts for some data, by successive halving over the amount of data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from math import ceil
from os import PathLike
from pathlib import Path

import numpy as np

from regraft.data import Part, Splits, open_splits
from regraft.errors import BadArgument, BadData, RegraftError
from regraft.ranking.candidates import Candidate, opened
from regraft.ranking.probing import probed
from regraft.ranking.record import Ranked, Ranking
from regraft.run import Progress
from regraft.tasks.record import part_record
from regraft.zoo import Card, Score, Zoo

_MORE = 4  # times as many examples for those that go on
_LEAST = 20  # training examples of a class, on average, below which models are not told apart
_RULES = 1  # to be raised whenever a change to regraft changes the scores of the same models for the same data


def rank(
    data: str | PathLike[str] | Splits,
    *,
    zoo: str | PathLike[str] | None = None,
    pattern: str = "*",
    top: int = 5,
    input: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Ranking:
    """Find out which models of a zoo are the best starts for labelled data; what was found out before is remembered.

    Args:
        data: as `fit` takes them; their test part is not looked at.
        zoo: the folder of the zoo; None: the user's own, or what REGRAFT_ZOO names.
        pattern: of the models' names, as a shell has it.
        top: how many models at least are scored on all data.
        input: how pictures are fed to models that neither say it nor let it be guessed.
        seed: of the split, of the folds, and of the examples that are taken first.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: there is no such model, none fits the data, or the data cannot be used.
    """
    progress, shelf = progress or Progress(), Zoo(zoo)
    if top < 1:
        raise BadArgument("a ranking needs a model to go to the end", expected="a top of 1 or more", got=str(top))
    cards = _cards(shelf, pattern)
    if not isinstance(data, Splits):
        data = open_splits(Path(data), seed=seed, progress=progress)
    data.train.examples.require_classes()
    rounds = _Rounds(zoo=shelf, splits=data, input=input, seed=seed, progress=progress)
    left, scores = cards, dict[str, Score]()
    for share in _shares(data):
        if share < 1 and len(left) <= top:
            continue
        found = rounds.scored(left, share)
        scores |= found
        fitting = [card for card in left if card.name in found]
        left = sorted(fitting, key=lambda card: _place(card, scores))[: max(top, ceil(len(fitting) / 2))]
    if not scores:
        raise _nothing_fits(data, rounds.skipped)
    models = [Ranked(card=card, score=scores[card.name]) for card in cards if card.name in scores]
    models.sort(key=lambda model: _place(model.card, scores))
    return Ranking(models=tuple(models), skipped=rounds.skipped, blocks=rounds.blocks, run=rounds.run)


def _place(card: Card, scores: dict[str, Score]) -> tuple[float, ...]:
    """What models are sorted by: the data they were scored on, their accuracy; of equal ones the cheapest is first."""
    score = scores[card.name]
    return -score.learned, -score.accuracy, card.flops or 0


def _cards(zoo: Zoo, pattern: str) -> list[Card]:
    cards = zoo.list(pattern)
    if not cards:
        wanted = "there is no model in the zoo" if pattern == "*" else f"no model has a name like {pattern!r}"
        fix = "`regraft zoo add SOURCE` adds one" if pattern == "*" else "`regraft zoo list` shows all"
        raise BadArgument(wanted, where=str(zoo.path), fix=fix)
    return cards


def _nothing_fits(splits: Splits, skipped: dict[str, str]) -> BadData:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
    return BadData(
        "no model of the zoo fits these data",
        where=splits.train.examples.source,
        got=reasons + ("; ..." if len(skipped) > 3 else ""),
        fix="`regraft zoo list` says what each model takes; --input says how pictures are fed where a model does not",
    )


def _shares(splits: Splits) -> list[float]:
    """The parts of the data the rounds see. They hang on the data alone, so that new models meet what is remembered."""
    shares = [1.0]
    while shares[0] / _MORE * len(splits.train) >= _LEAST * len(splits.classes):
        shares.insert(0, shares[0] / _MORE)
    return shares


def _portion(part: Part, share: float, seed: int) -> Part:
    """A share of a part, the same of each class; a larger share holds all of a smaller one."""
    order = np.random.default_rng(seed).permutation(len(part))
    labels = part.labels[order]
    classes = [order[labels == label] for label in np.unique(labels)]
    chosen = np.sort(np.concatenate([own[: ceil(share * len(own))] for own in classes]))
    return part.examples.some(part.indices[chosen])


@dataclass(kw_only=True)
class _Rounds:
    """Rounds of probing, and what they have in common.

    Attributes:
        skipped: why models were left out, by name.
        blocks, run: as `Ranking` has them.
    """

    zoo: Zoo
    splits: Splits
    input: str | None
    seed: int
    progress: Progress
    skipped: dict[str, str] = field(default_factory=dict)
    blocks: int = 0
    run: int = 0
    _opened: dict[str, Candidate] = field(default_factory=dict)

    def scored(self, cards: Sequence[Card], share: float) -> dict[str, Score]:
        """The scores on a share of the data, by name; without those of models that do not fit."""
        splits = self._portion(share)
        known = self.zoo.scores(self._key(splits, None)) | self.zoo.scores(self._key(splits, self.input))
        new = self._candidates([card for card in cards if card.content not in known])
        title = f"probing models on {len(splits.train):,} examples"
        with self.progress.task(title, len(new)) as advance:
            for _, members in groupby(sorted(new, key=lambda one: one.family), key=lambda one: one.family):
                family = list(members)
                found = probed(family, splits, self.seed, self.progress)
                self.blocks, self.run = self.blocks + found.blocks, self.run + found.run
                for one, score in zip(family, found.scores, strict=True):
                    known[one.card.content] = score
                    self._remember(self._key(splits, one.told), {one.card.content: score})
                advance(len(family))
        return {card.name: known[card.content] for card in cards if card.content in known}

    def _portion(self, share: float) -> Splits:
        train, validation = (_portion(part, share, self.seed) for part in (self.splits.train, self.splits.validation))
        return replace(self.splits, train=train, validation=validation, test=replace(train, indices=train.indices[:0]))

    def _key(self, splits: Splits, told: str | None) -> str:
        """What tells these data, and how they are used and fed, from others; where they lie does not count."""
        parts = [{**part_record(part), "source": ""} for part in (splits.train, splits.validation)]
        said = json.dumps([_RULES, parts, len(splits.classes), told, self.seed])
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    def _candidates(self, cards: Sequence[Card]) -> list[Candidate]:
        """The models opened; those that do not fit are noted."""
        wanted = [card for card in cards if card.name not in self._opened]
        with self.progress.task("opening models", len(wanted)) as advance:
            for card in wanted:
                try:
                    self._opened[card.name] = opened(self.zoo, card, self.splits, self.input, self.progress)
                except RegraftError as error:
                    self.skipped[card.name] = error.what
                advance(1)
        return [self._opened[card.name] for card in cards if card.name in self._opened]

    def _remember(self, key: str, scores: dict[str, Score]) -> None:
        if not self._is_read_only:
            self.zoo.remember(key, scores)

    @cached_property
    def _is_read_only(self) -> bool:
        """Whether nothing can be remembered, which is said once."""
        if self.zoo.writable:
            return False
        self.progress.say(f"note: {self.zoo.path} is read only, so that the scores are not remembered")
        return True
