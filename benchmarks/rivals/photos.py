"""The photos of five flowers and how they are divided: the one list that all sides of a comparison read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Examples, Part, Splits
from regraft.data.opening import open_data

ROOT = Path(__file__).parent.parent.parent
SHARED = Path(os.environ.get("REGRAFT_SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data/flowers5"
MODELS = SHARED / "models"
WEIGHTS = MODELS / "mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth"
FOLDS, VALIDATION = 5, 0.15

Labelled = tuple[tuple[str, int], ...]  # paths below the folder of the data, and the number of the class


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of the photos: what to train on, what to choose by, what to look at once."""

    classes: tuple[str, ...]
    train: Labelled
    validation: Labelled
    test: Labelled

    def as_json(self) -> dict[str, Any]:
        """The division as JSON holds it."""
        return asdict(self)

    @property
    def truth(self) -> np.ndarray:
        """(n) classes of the test part."""
        return np.array([label for _, label in self.test])


def folds(seed: int, per_class: int, data: Path = DATA) -> tuple[Fold, ...]:
    """Five divisions in which each photo is tested once; each class is divided alike.

    Args:
        seed: which photos are taken and how they lie.
        per_class: how many of each class are taken.
    """
    classes = tuple(sorted(path.name for path in data.iterdir() if path.is_dir()))
    generator = np.random.default_rng(seed)
    chosen = [_some(data / name, per_class, generator) for name in classes]
    parts = [[_parts(photos, number) for photos in chosen] for number in range(FOLDS)]
    return tuple(
        Fold(classes=classes, train=_joined(train), validation=_joined(validation), test=_joined(test))
        for train, validation, test in (zip(*by_class, strict=True) for by_class in parts)
    )


def _some(folder: Path, count: int, generator: np.random.Generator) -> list[str]:
    names = sorted(path.name for path in folder.iterdir())
    if count > len(names):
        raise SystemExit(f"{folder} holds {len(names)} photos, not {count}")
    return [f"{folder.name}/{names[k]}" for k in generator.permutation(len(names))[:count]]


def _parts(photos: Sequence[str], number: int) -> tuple[list[str], list[str], list[str]]:
    """Train, validation and test photos of one class in one fold."""
    fifths = [photos[k::FOLDS] for k in range(FOLDS)]
    rest = [name for k in range(1, FOLDS) for name in fifths[(number + k) % FOLDS]]
    count = max(1, round(VALIDATION * len(photos)))
    return rest[count:], rest[:count], list(fifths[number])


def _joined(by_class: Sequence[Sequence[str]]) -> Labelled:
    return tuple((name, label) for label, names in enumerate(by_class) for name in names)


def at_hand() -> bool:
    """Whether the photos and the weights are there; it is said if not."""
    if DATA.exists() and WEIGHTS.exists():
        return True
    print(f"left out: there is no {DATA} or no {WEIGHTS} (REGRAFT_SHARED names another folder)", file=sys.stderr)
    return False


def splits_of(fold: Fold, data: Path = DATA) -> Splits:
    """The same division as regraft takes it; photos that are in no part are left out of the examples."""
    examples = _only(open_data(data), {name for part in (fold.train, fold.validation, fold.test) for name, _ in part})
    places = {examples.name(index): index for index in range(len(examples))}

    def part(photos: Labelled) -> Part:
        return Part(examples=examples, indices=np.array([places[name] for name, _ in photos], np.int64))

    return Splits(
        train=part(fold.train), validation=part(fold.validation), test=part(fold.test), classes=examples.classes
    )


def _only(examples: Examples, names: Set[str]) -> Examples:
    kept = [index for index in range(len(examples)) if examples.name(index) in names]
    return replace(
        examples,
        items=[examples.items[index] for index in kept],
        labels=examples.labels[kept],
        hashes=tuple(examples.hashes[index] for index in kept),
    )
