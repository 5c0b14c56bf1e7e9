"""A model probed by itself, as one does it with PyTorch and scikit-learn.

Every photo is decoded for the model, by two processes of a DataLoader, and goes once through it in eager mode, which
gives the pooled features of all its cuts. On each cut, logistic regressions of eight strengths and the nearest
neighbours are fitted on the training part; the validation part chooses among them. The cuts share the cores.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from regraft.data import Part, Splits, prepare
from regraft.ranking.candidates import Candidate
from regraft.trials.probe import SPREADS

BATCH, WORKERS, NEIGHBOURS, STEPS = 32, 2, 5, 1000
_NOTHING = (np.eye(6), np.eye(6), np.arange(6) % 2, np.arange(6) % 2)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """The accuracy at the best cut on the validation part, which cut that is, and the seconds of both halves."""

    accuracy: float
    cut: str
    features: float
    heads: float

    @property
    def seconds(self) -> float:
        """All it took."""
        return self.features + self.heads


def plain(one: Candidate, splits: Splits) -> Plain:
    """A model probed by itself."""
    share = Parallel(n_jobs=os.cpu_count())
    share(delayed(_told)(*_NOTHING) for _ in range(2 * WORKERS))  # its processes have been started and have imported
    started = time.perf_counter()
    module = one.surveyed.module([level.vector for level in one.levels], [one.spec.name]).eval()
    train, validation = (_features(module, _Batches(part, one)) for part in (splits.train, splits.validation))
    between = time.perf_counter()
    labels = splits.train.labels, splits.validation.labels
    told = share(delayed(_told)(known, asked, *labels) for known, asked in zip(train, validation, strict=True))
    best = max(range(len(told)), key=lambda place: (told[place], place))
    return Plain(
        accuracy=told[best],
        cut=one.levels[best].cut,
        features=between - started,
        heads=time.perf_counter() - between,
    )


class _Batches(Dataset[Tensor]):
    """The batches of a part as a model is fed."""

    def __init__(self, part: Part, one: Candidate) -> None:
        self._part = part
        self._spec = one.spec

    def __len__(self) -> int:
        return -(-len(self._part) // BATCH)

    def __getitem__(self, number: int) -> Tensor:
        rows = self._part.indices[number * BATCH : (number + 1) * BATCH]
        return torch.from_numpy(prepare(self._part.examples, rows, self._spec))


def _features(module: torch.nn.Module, batches: Dataset[Tensor]) -> list[np.ndarray]:
    """The values (n d) of all cuts."""
    with torch.inference_mode():
        found = [module(batch) for batch in DataLoader(batches, batch_size=None, num_workers=WORKERS)]
    return [torch.cat(values).numpy() for values in zip(*found, strict=True)]


def _told(train: np.ndarray, validation: np.ndarray, learned: np.ndarray, asked: np.ndarray) -> float:
    """The best accuracy on one cut."""
    scaler = StandardScaler().fit(train)
    known, seen = scaler.transform(train), scaler.transform(validation)
    strengths: Sequence[float] = [spread / train.shape[1] for spread in SPREADS]  # those of regraft's probe
    heads = [LogisticRegression(C=strength, max_iter=STEPS) for strength in strengths]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        told = [head.fit(known, learned).score(seen, asked) for head in heads]
    KNeighborsClassifier(NEIGHBOURS).fit(known, learned).score(seen, asked)  # said beside it, as the ranking does
    return float(max(told))
