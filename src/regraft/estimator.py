"""regraft as scikit-learn knows a classifier: `fit(X, y)`, `predict(X)`, in pipelines, grids and cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.extmath import softmax
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from regraft.data import Examples, Splits, open_unlabelled, whole
from regraft.data.arrays import unlabelled
from regraft.data.splits import split
from regraft.errors import BadArgument, BadData
from regraft.network import GraphNetwork, Plan
from regraft.opening import Address, fed
from regraft.run import Progress, new_place
from regraft.tasks.fit import FitResult, fit
from regraft.tasks.judging import outputs
from regraft.trials.budget import Budget
from regraft.trials.ground import Choices
from regraft.trials.record import Found
from regraft.trials.search import search

_SEEDS = 2**31
_checked: Callable[..., Any] = validate_data  # which has no types of its own: those of its defaults are taken for them


class TransferClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that reuses a part of a trained network and trains the rest.

    The examples X are one array (n ...) of what the source's input takes: rows, or pictures, whose type is uint8
    where their values are 0..255; or a list or array (n) of paths of pictures. The labels y (n) are of any type.

    `fit` divides a validation part off them, which the training is chosen by. There is no test part: in scikit-learn
    that is what `score` and `cross_val_score` are given. With `search` it finds out how many layers to reuse as well.

    Args:
        source: a network, or the address of one.
        plan: what is reused, frozen and new; None: all up to the bottleneck is frozen, a linear layer goes on it.
        settings: of the training, those that differ from the defaults: {"epochs": 20, "device": "cpu"}.
        search: whether `fit` tries many schemes and keeps the best, as `regraft.search` does.
        passes, minutes: the budget of that, one of them; None: ten passes, or a minute where those take less.
        input: how pictures are fed ("range=-1..1,channels=rgb"); None: as the file says, or guessed.
        validation_fraction: the share of the examples that is not trained on.
        random_state: the seed of the division, the fresh weights and the order; None: another one each time.
        out: a folder in which every training leaves a run folder of its own; None: no run is kept.
        verbose: say and show on stderr what `regraft fit` does.

    Attributes:
        classes_: the labels (k), in the order of the columns of what is predicted.
        n_features_in_: the size of the second axis of the array in `fit`; not there for paths.
        feature_names_in_: the names of its columns, where X had such.
        network_: the trunk with its trained head, which `regraft.export` writes.
        validation_: how well it does on the validation part.
        said_: what was settled and noticed, line by line; what `verbose` says.
        run_: the run folder; None where none is kept.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn knows a parameter by its name here
        self,
        source: Address | GraphNetwork,
        *,
        plan: Plan | None = None,
        settings: Mapping[str, Any] | None = None,
        search: bool = False,
        passes: float | None = None,
        minutes: float | None = None,
        input: str | None = None,
        validation_fraction: float = 0.15,
        random_state: int | np.random.RandomState | None = 0,
        out: Address | None = None,
        verbose: bool = False,
    ) -> None:
        self.source = source
        self.plan = plan
        self.settings = settings
        self.search = search
        self.passes = passes
        self.minutes = minutes
        self.input = input
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.out = out
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train the layers that the plan, or the best scheme of a search, leaves open.

        Raises:
            RegraftError: the plan, the settings, the budget or the examples do not fit the source, or are too few.
            ValueError: X holds NaN, y are no classes, or they have different lengths.
        """
        seed = _seed(self.random_state)
        progress = Progress(quiet=not self.verbose)
        examples, labels = self._opened(X, y)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        labelled = replace(examples, labels=numbers, classes=tuple(map(str, self.classes_)))
        splits = _divided(labelled, self.validation_fraction, seed)
        with _run_place(self.out, "search" if self.search else "fit") as place:
            result = (self._searched if self.search else self._trained)(splits, seed, place, progress)
        self.network_ = result.network
        self.validation_ = result.validation
        self.said_ = tuple(progress.said)
        self.run_ = None if self.out is None else result.run
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The label (n) of each example."""
        found = self._logits(X).argmax(axis=1)
        return self.classes_[found]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability (n k) of each class."""
        return softmax(self._logits(X).astype(np.float64))

    def decision_function(self, X: Any) -> np.ndarray:
        """The logits (n k); of two classes by how much the second is above the first (n)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def _opened(self, X: Any, y: Any) -> tuple[Examples, np.ndarray]:
        """The examples, not yet labelled, and their labels (n) as they are."""
        if (paths := _paths(X)) is None:
            rows, labels = _checked(self, X, y, allow_nd=True)
            examples = unlabelled(rows, "X")
        else:
            labels = _checked(self, y=y)
            check_consistent_length(paths, labels)
            examples = _pictures(paths)
        check_classification_targets(labels)
        return examples, labels

    def _searched(self, splits: Splits, seed: int, place: Path, progress: Progress) -> Found:
        _refuse("a search finds plan and settings by itself", "search=False", plan=self.plan, settings=self.settings)
        budget = Budget(passes=self.passes, minutes=self.minutes)
        network, input = fed(self.source, self.input)
        return search(
            network,
            splits,
            choices=Choices(budget=budget, seed=seed),
            out=place,
            input=input,
            progress=progress,
        )

    def _trained(self, splits: Splits, seed: int, place: Path, progress: Progress) -> FitResult:
        _refuse("only a search has a budget", "search=True", passes=self.passes, minutes=self.minutes)
        given = dict(self.settings or {})
        if "seed" in given:
            raise BadArgument(
                "the seed is no setting here", got=f"seed {given['seed']}", fix="say it: random_state=SEED"
            )
        network, input = fed(self.source, self.input)
        return fit(
            network,
            splits,
            plan=self.plan,
            settings={**given, "seed": seed},
            out=place,
            input=input,
            progress=progress,
        )

    def _logits(self, X: Any) -> np.ndarray:
        """(n k), in the type of the network."""
        check_is_fitted(self)
        if (paths := _paths(X)) is None:
            examples = unlabelled(_checked(self, X, reset=False, allow_nd=True), "X")
        else:
            examples = _pictures(paths)
        device = (self.settings or {}).get("device", "auto")
        return outputs(self.network_, whole(examples), device=device, progress=Progress(quiet=not self.verbose))


def _paths(X: Any) -> list[str | PathLike[str]] | None:
    """The paths in a list, or in an array or a column (n); None where these are none."""
    flat = isinstance(X, list | tuple) or getattr(X, "ndim", None) == 1
    items = list(X) if flat else []
    return items if items and all(isinstance(item, str | PathLike) for item in items) else None


def _pictures(paths: Sequence[str | PathLike[str]]) -> Examples:
    """The pictures at some paths, one each.

    Raises:
        MissingFile: there is none.
        BadData: one cannot be read, or a path leads to several.
    """
    examples = open_unlabelled([Path(path) for path in paths])
    if len(examples) != len(paths):
        raise BadData(
            "some of these paths lead to more than one picture",
            where="X",
            expected=f"{len(paths)} pictures, one a path",
            got=f"{len(examples)} pictures",
        )
    return examples


def _refuse(why: str, instead: str, **given: object) -> None:
    """Raise where anything is given that has no meaning here."""
    strange = [name for name, value in given.items() if value is not None]
    if strange:
        raise BadArgument(why, got=", ".join(strange), fix=f"leave that out, or say {instead}")


def _divided(examples: Examples, share: float, seed: int) -> Splits:
    """What to train on, and a share to choose by."""
    if not 0 < share < 1:
        raise BadArgument("validation_fraction has to lie between 0 and 1", got=repr(share))
    return split(examples, seed=seed, fractions=(1 - share, share, 0.0))


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(_SEEDS))


@contextmanager
def _run_place(out: Address | None, kind: str) -> Generator[Path]:
    """A place for a run: a new one in `out`, or one that is removed afterwards."""
    if out is not None:
        yield new_place(Path(out), kind)
        return
    with TemporaryDirectory(prefix="regraft-") as place:
        yield Path(place)
