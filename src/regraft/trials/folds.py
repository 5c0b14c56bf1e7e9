"""Which examples choices are made on: the validation part, or every example in turn where it is small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regraft.data import Splits
from regraft.data.examples import Part
from regraft.tasks.truth import Truth, truth_of

# A validation part smaller than this decides nothing between neighbours: it is crossed with the training part. Words of
# a sentence say much the same: of these it takes more.
_FEW, _FEW_WORDS = 200, 2000
_FOLDS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """The training and validation examples, or all their words, in this order, and how they take turns.

    Attributes:
        truth: of the examples.
        learns: (n f) bool, which examples each fold learns from. Fold 0 is the training part itself.
        judge: (n) the fold that judges an example; -1 for none.
    """

    truth: Truth
    learns: np.ndarray
    judge: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """(n) bool, which examples are judged."""
        return self.judge >= 0

    @property
    def crossed(self) -> int:
        """How many folds cross training and validation; 1 where the validation part decides alone."""
        return max(1, self.learns.shape[1] - 1)


def folds(splits: Splits, seed: int) -> Folds:
    """The folds of a search: copies of an example stay together, and each class is spread evenly.

    So do the words of a sentence.
    """
    truth = truth_of([splits.train, splits.validation])
    first = np.arange(len(truth)) < len(splits.train.truth)
    hashes = [*_hashes(splits.train), *_hashes(splits.validation)]
    enough, rare = len(splits.validation) >= _FEW, np.bincount(truth.labels).min() < _FOLDS
    if truth.ends is not None:
        enough, rare = len(splits.validation.truth) >= _FEW_WORDS, False  # tags fall into folds as they may
    if enough or rare or len(set(hashes)) < _FOLDS:
        return Folds(truth=truth, learns=first[:, None], judge=np.where(first, -1, 0))
    judge = _crossed(hashes, truth, seed)
    learns = np.stack([first, *(judge != fold for fold in range(1, _FOLDS + 1))], axis=1)
    return Folds(truth=truth, learns=learns, judge=judge)


def _crossed(hashes: list[bytes], truth: Truth, seed: int) -> np.ndarray:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    groups = np.unique(np.array([key.hex() for key in hashes]), return_inverse=True)[1]
    judge = np.zeros(len(truth), np.int64)
    division = (StratifiedGroupKFold if truth.ends is None else GroupKFold)(_FOLDS, shuffle=True, random_state=seed)
    for number, (_, judged) in enumerate(division.split(truth.labels, truth.labels, groups), 1):
        judge[judged] = number
    return judge


def _hashes(part: Part) -> list[bytes]:
    """Of each example, or of the sentence of each word."""
    each = part.indices if part.tags is None else np.repeat(part.indices, part.tags.counts)
    return [part.examples.hashes[index] for index in each]
