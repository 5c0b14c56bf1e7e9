"""Classifiers for a handful of examples, on features that are centred and of length 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

CENTROID = "nearest centroid"
_FOLDS = 5  # at most, where a method is chosen
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

    No distance from a point of the support changes, and so nothing that any of the methods tells; with fewer dimensions
    they are told many times sooner.

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


# From the one that needs least to the one that can do most: where several are as good, the first is taken.
_MAKERS: Mapping[str, Callable[[int], Any]] = {
    CENTROID: lambda shots: Centroids(),
    "nearest neighbours": lambda shots: KNeighborsClassifier(min(shots, _NEIGHBOURS), weights="distance"),
    "logistic regression": lambda shots: LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000),
    "linear SVM": lambda shots: SVC(kernel="linear", C=1.0, class_weight="balanced"),
    "RBF SVM": lambda shots: SVC(kernel="rbf", C=10.0, class_weight="balanced"),
}


def methods(shots: int) -> dict[str, Pipeline]:
    """All methods, for so many examples of the smallest class."""
    return {name: make_pipeline(Centred(), make(shots)) for name, make in _MAKERS.items()}


def chosen(points: np.ndarray, labels: np.ndarray, seed: int) -> str:
    """The method that tells most of the examples right when those are held out by turns.

    A class with one example has none to hold out: it is the nearest centroid then.

    Args:
        points: (n d).
        labels: (n).
        seed: of the folds.
    """
    least = int(np.unique(labels, return_counts=True)[1].min())
    if least < 2:
        return CENTROID
    folds = list(StratifiedKFold(min(least, _FOLDS), shuffle=True, random_state=seed).split(points, labels))
    found = methods(least - -(-least // len(folds)))
    right = {name: sum(_right(model, points, labels, *fold) for fold in folds) for name, model in found.items()}
    return max(right, key=lambda name: right[name])


def _right(model: Pipeline, points: np.ndarray, labels: np.ndarray, learnt: np.ndarray, held: np.ndarray) -> int:
    fitted: Any = clone(model)
    fitted.fit(points[learnt], labels[learnt])
    return int((fitted.predict(points[held]) == labels[held]).sum())
