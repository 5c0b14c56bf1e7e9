"""Classifiers for a handful of examples, on features that are centred and of length 1, or standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

CENTROID, LOGISTIC = "nearest centroid", "logistic regression"
STANDARDISED = "logistic regression, standardised"
_FOLDS = 5  # at most, where a method is chosen
_Z = 1.96  # standard errors that another must be better by, at 95 %
_NEIGHBOURS = 5  # at most


class Centred(TransformerMixin, BaseEstimator):
    """Less the mean of the classes' means, each then made of length 1: a large class does not pull the centre."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Centred:
        """Take the centre of x (n d)."""
        self.centre_ = np.mean([x[y == one].mean(axis=0) for one in np.unique(y)], axis=0)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """The points x (n d) seen from there."""
        moved = x - self.centre_
        return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


def spanned(support: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in the few dimensions that the support spans, and one more for how far others are from these.

    No distance from a point of the support changes, and so nothing that any of the classifiers tells; with fewer
    dimensions they are told many times sooner.

    Args:
        support: (n d), with n below d; else both stay as they are.
        others: (m d).
    """
    if len(support) >= support.shape[1]:
        return support, others
    basis = np.linalg.qr(support.T.astype(np.float64))[0]
    inside = others @ basis
    beyond = np.sqrt(np.maximum((others.astype(np.float64) ** 2).sum(axis=1) - (inside**2).sum(axis=1), 0))
    return np.column_stack([support @ basis, np.zeros(len(support))]), np.column_stack([inside, beyond])


class Centroids(ClassifierMixin, BaseEstimator):
    """The class of the nearest mean. scikit-learn's own also wants spreads, and warns where an example has none."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Centroids:
        """Take the means of x (n d)."""
        self.classes_ = np.unique(y)
        self.means_ = np.stack([x[y == one].mean(axis=0) for one in self.classes_])
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The classes of x (n d)."""
        return self.classes_[pairwise_distances_argmin(x, self.means_)]


def methods(shots: int) -> dict[str, Pipeline]:
    """All methods, for so many examples of the smallest class."""
    alike: dict[str, Any] = {"class_weight": "balanced"}
    return {
        CENTROID: make_pipeline(Centred(), Centroids()),
        "nearest neighbours": make_pipeline(
            Centred(), KNeighborsClassifier(min(shots, _NEIGHBOURS), weights="distance")
        ),
        LOGISTIC: make_pipeline(Centred(), LogisticRegression(C=10.0, max_iter=1000, **alike)),
        STANDARDISED: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, **alike)),
        "linear SVM": make_pipeline(Centred(), SVC(kernel="linear", C=1.0, **alike)),
        "RBF SVM": make_pipeline(Centred(), SVC(kernel="rbf", C=10.0, **alike)),
    }


METHODS = tuple(methods(1))


class Handful:
    """Labelled points, and others that each method tells by them as its pipeline does: prepared once for all."""

    def __init__(self, points: np.ndarray, labels: np.ndarray, others: np.ndarray) -> None:
        """Take labelled points (n d), (n), and others (m d)."""
        self._points, self._labels, self._others = points, labels, others
        self._methods = methods(_least(labels))
        self._prepared: dict[type, tuple[np.ndarray, np.ndarray]] = {}

    def told(self, method: str) -> np.ndarray:
        """The classes (m) of the others."""
        preparation, classifier = self._methods[method]
        if type(preparation) not in self._prepared:
            learnt = preparation.fit_transform(self._points, self._labels)
            self._prepared[type(preparation)] = spanned(learnt, preparation.transform(self._others))
        learnt, asked = self._prepared[type(preparation)]
        return classifier.fit(learnt, self._labels).predict(asked)


def chosen(points: np.ndarray, labels: np.ndarray, seed: int) -> str:
    """Logistic regression, or what clearly tells more of the examples right when those are held out by turns.

    A class with one example has none to hold out: it is logistic regression then.

    Args:
        points: (n d).
        labels: (n).
        seed: of the folds.
    """
    least = _least(labels)
    if least < 2:
        return LOGISTIC
    right = {name: np.zeros(len(labels), bool) for name in METHODS}
    for learnt, held in StratifiedKFold(min(least, _FOLDS), shuffle=True, random_state=seed).split(points, labels):
        handful = Handful(points[learnt], labels[learnt], points[held])
        for name, own in right.items():
            own[held] = handful.told(name) == labels[held]
    better = [name for name, own in right.items() if _clearly_better(own, right[LOGISTIC])]
    return max(better, key=lambda name: right[name].sum(), default=LOGISTIC)


def _clearly_better(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one tells more right (n) than another, and not by chance: McNemar's test."""
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return gained - lost > _Z * (gained + lost) ** 0.5


def _least(labels: np.ndarray) -> int:
    """Examples of the smallest class."""
    return int(np.unique(labels, return_counts=True)[1].min())
