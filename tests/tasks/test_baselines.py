from __future__ import annotations

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from tasks.small import points
from train.toy import Points

from regraft.tasks.baselines import Embedded, embedded, majority, neighbours


def test_the_most_frequent_class() -> None:
    assert majority(np.array([0, 1, 1]), np.array([1, 0, 1, 1])) == 0.75


def rows() -> list[Embedded]:
    splits = points()
    parts = (splits.train, splits.validation, splits.test)
    return [
        embedded(Points(x=torch.from_numpy(p.examples.items[p.indices]), y=torch.from_numpy(p.labels))) for p in parts
    ]


def test_neighbours_vote_as_scikit_learns_do() -> None:
    train, validation, test = rows()

    def theirs(k: int, judged: Embedded) -> float:
        made = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: 2 - distance)
        return float(made.fit(train.points, train.labels).score(judged.points, judged.labels))

    best = max((1, 3, 5, 10, 20), key=lambda k: theirs(k, validation))
    assert neighbours(train, validation, test) == theirs(best, test)
