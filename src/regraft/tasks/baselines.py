"""What a trained network has to beat: always the same answer, and the nearest neighbours in the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regraft.data import Part, Splits
from regraft.data.examples import Task
from regraft.tasks.long_texts import shares_of
from regraft.tasks.rows import ROWS, batches
from regraft.tasks.scores import KINDS, reported
from regraft.train.learner import Rows

_NEIGHBOURS = (1, 3, 5, 10, 20)


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """Examples as points (n d) of length 1, and their labels (n), or (n k)."""

    points: Tensor
    labels: Tensor


def majority(train: np.ndarray, test: np.ndarray) -> float:
    """The accuracy on the classes `test` (m) of always saying the most frequent class of `train` (n)."""
    return float((test == np.bincount(train).argmax()).mean())


def tag_baselines(splits: Splits) -> dict[str, float]:
    """Scores on the test part of always saying the most frequent tag, and of each word's own most frequent one."""
    train, test = splits.train.tags, splits.test.tags
    assert train is not None
    assert test is not None
    usual = np.bincount(train.flat).argmax()
    counts: dict[str, Counter[int]] = {}
    for word, tag in zip(_words(splits.train), train.flat.tolist(), strict=True):
        counts.setdefault(word, Counter())[tag] += 1
    own = [counts[word].most_common(1)[0][0] if word in counts else usual for word in _words(splits.test)]
    taken = {"most frequent tag": np.full(len(test.flat), usual), "most frequent tag of each word": np.array(own)}
    every = np.eye(len(splits.classes))
    return {name: reported(every[tags], splits.test).score for name, tags in taken.items()}


def constant(splits: Splits) -> dict[str, float]:
    """The score on the test part of always answering the same: the labels that most examples have, or the mean."""
    mean = splits.train.labels.mean(axis=0)
    name = "mean" if splits.train.examples.task == "regress" else "most frequent labels"
    return {name: reported(np.tile(mean, (len(splits.test), 1)), splits.test).score}


def _words(part: Part) -> Iterator[str]:
    return (word for index in part.indices for word in part.examples.sentences[index])


def embedded(rows: Rows) -> Embedded:
    """Rows of features as points, all numbers of an example in one row."""
    points: list[Tensor] = []
    labels: list[Tensor] = []
    for numbers in batches(len(rows), ROWS):
        *features, classes = rows.take(numbers)
        flat = [tensor.float().reshape(len(numbers), -1) for tensor in features]
        points.append(torch.cat(flat, 1).cpu())
        labels.append(classes)
    found, known = torch.cat(points), torch.cat(labels)
    if shares := shares_of(rows):
        found, known = torch.from_numpy(shares.mean(found.numpy())), known[torch.from_numpy(shares.firsts)]
    return Embedded(points=functional.normalize(found, dim=1), labels=known)


def neighbours(train: Embedded, validation: Embedded, test: Embedded, task: Task = "classify") -> float:
    """The score on `test` of the nearest training examples by angle; how many are asked, validation decides.

    For a class they vote; several labels or numbers are the mean of theirs.
    """

    def score(judged: Embedded, k: int) -> float:
        return _accuracy(train, judged, k) if task == "classify" else _mean_score(train, judged, k, task)

    choices = [k for k in _NEIGHBOURS if k <= len(train.labels)]
    return score(test, max(choices, key=lambda k: score(validation, k)))


def _mean_score(train: Embedded, judged: Embedded, k: int, task: Task) -> float:
    nearest = [(points @ train.points.T).topk(k).indices for points in judged.points.split(256)]
    answers = torch.cat([train.labels[places].double().mean(1) for places in nearest])
    return KINDS[task].report(answers.numpy(), judged.labels.numpy(), [""] * answers.shape[1]).score


def _accuracy(train: Embedded, judged: Embedded, k: int) -> float:
    classes = int(train.labels.max()) + 1
    hits = 0
    for points, labels in zip(judged.points.split(256), judged.labels.split(256), strict=True):
        likeness, nearest = (points @ train.points.T).topk(k)
        votes = torch.zeros(len(points), classes).scatter_add(1, train.labels[nearest], likeness + 1)
        hits += int((votes.argmax(1) == labels).sum())
    return hits / len(judged.labels)
