"""The results of a search as its run folder keeps them, read and checked before anything is drawn of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from regraft.errors import BadArgument, UnreadableFile
from regraft.run import RunFolder

_MOST = 5  # problems named in one message


@dataclass(frozen=True, kw_only=True)
class Source:
    """The network that was searched."""

    format: str
    name: str
    parameters: int
    flops: float  # of one example
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Data:
    """The labelled data, and how many examples each part has."""

    source: str
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which order of schemes was followed, and why."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What could have run the trunk; `note` says why it was not used."""

    name: str
    seconds: float | None  # an example; None: it did not run
    difference: float | None  # of its features from torch's; None: it did not run
    note: str


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A cut whose features were kept on disk."""

    tensor: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the search was allowed, and what its planner foretold; `forecast` is in seconds a stage."""

    passes: float | None
    minutes: float | None
    pass_seconds: float
    engine: str
    engines: tuple[Engine, ...]
    stored: tuple[Stored, ...]
    forecast: Mapping[str, float]
    naive_seconds: float


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A point of the curve: a linear head on one frozen cut. `low` and `high` bound its score at 95 %."""

    cut: str
    layers_reused: int
    score: float
    low: float
    high: float
    knn: float | None
    untrained: float | None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """A look at validation; epoch 0 is before the training."""

    epoch: int
    validation_score: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One scheme, trained and scored. The numbers of one that diverged are None."""

    number: int
    name: str
    stage: str
    cut: str
    layers_reused: int
    score: float | None
    low: float | None
    high: float | None
    loss: float | None
    by_folds: float | None
    epochs: int
    seconds: float
    state: str
    note: str
    learning: tuple[Epoch, ...]


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How well one class is told from the others."""

    name: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How well the winner does on one part; `confusion` is (k k), its rows the true classes."""

    accuracy: float
    loss: float
    n: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]


@dataclass(frozen=True, kw_only=True)
class Winner:
    """The scheme that was chosen; `interval` bounds `score`, which is that on the test part, at 95 %."""

    number: int
    name: str
    settings: Mapping[str, Any]
    plan_text: str
    command: str
    validation: Measured
    test: Measured
    score: float
    interval: tuple[float, float]
    ties: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The score on validation of a scheme with kept views, or with another crop each time (None), and without."""

    views: int | None
    scheme: str
    accuracy: float
    without: float


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """An example of the test part taken for another class; `index` is its place among the examples."""

    index: int
    input: str
    truth: str
    taken: str
    probability: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that a search found.

    Scores are what `measure` gives: the share of right answers ("accuracy"), or "F1" of entities. `task` is "classify"
    or "tag"; `seconds` are by stage, `baselines` scores on the test part.
    """

    run: str
    model: str
    task: str
    measure: str
    source: Source
    data: Data
    rule: Rule
    folds: int
    budget: Budget
    seconds: Mapping[str, float]
    curve: tuple[Cut, ...]
    trials: tuple[Trial, ...]
    winner: Winner
    baselines: Mapping[str, float]
    baseline_notes: Mapping[str, str]
    augmentation: Augmentation | None
    warnings: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def won(self) -> Trial:
        """The trial of the winner."""
        return next(trial for trial in self.trials if trial.number == self.winner.number)

    @property
    def most_layers(self) -> int:
        """How many layers the deepest cut reuses."""
        return max(place.layers_reused for place in (*self.curve, *self.trials))


def read_results(run: RunFolder) -> Results:
    """The results of a search.

    Raises:
        MissingFile: the run has none.
        UnreadableFile: something is missing or cannot be; the message names the first places.
        BadArgument: the search had no test part.
    """
    found, problems = run.read_json(run.results.name), list[str]()
    winner = found.get("winner") if isinstance(found, Mapping) else None
    if isinstance(winner, Mapping) and winner.get("test", winner) is None:
        raise BadArgument(
            "the search had no test part: there is nothing to report on",
            where=str(run.path),
            fix="search again, with a test part",
        )
    results = _read(Results, found, "", problems)
    if not problems:
        problems = _contradictions(results)
    if problems:
        more = f"; and {len(problems) - _MOST} more" if len(problems) > _MOST else ""
        raise UnreadableFile(
            f"{run.results.name} does not hold what a search writes",
            where=str(run.results),
            got="; ".join(problems[:_MOST]) + more,
            fix="search again, into a new folder",
        )
    return results


def _contradictions(results: Results) -> list[str]:
    """What is of the right kind, and yet cannot be."""
    problems: list[str] = []
    if results.winner.number not in {trial.number for trial in results.trials}:
        problems.append(f"winner.number: no trial has the number {results.winner.number}")
    for part in ("validation", "test"):
        measured: Measured = getattr(results.winner, part)
        width = len(measured.classes)
        if [len(row) for row in measured.confusion] != [width] * width:
            problems.append(f"winner.{part}.confusion: {width} rows of {width} numbers expected")
        if [score.name for score in measured.per_class] != list(measured.classes):
            problems.append(f"winner.{part}.per_class: the {width} classes in their order expected")
    for at, mistake in enumerate(results.mistakes):
        if mistake.index < 0:
            problems.append(f"mistakes[{at}].index: a position expected, got {mistake.index}")
    return problems


def _read(kind: Any, value: Any, place: str, problems: list[str]) -> Any:
    """The value as its type says; what does not fit is added to the problems. Keys nobody asks for are left alone."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:  # each is "something or None"
        return None if value is None else _read(inner[0], value, place, problems)
    if is_dataclass(kind):
        return _record(kind, value, place, problems)
    if origin is Mapping and isinstance(value, Mapping):
        return {name: _read(inner[1], item, f"{place}.{name}", problems) for name, item in value.items()}
    if origin is tuple and isinstance(value, list) and (inner[-1] is ... or len(value) == len(inner)):
        return tuple(_read(inner[0], item, f"{place}[{at}]", problems) for at, item in enumerate(value))
    if kind is Any or _is_scalar(kind, value):
        return value
    problems.append(f"{place}: {_expected(kind)} expected, got {_short(value)}")
    return None


def _record(kind: Any, value: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{place or 'the document'}: an object expected, got {_short(value)}")
        return None
    kinds = get_type_hints(kind)
    found: dict[str, Any] = {}
    for name in (field.name for field in fields(kind)):
        inside = f"{place}.{name}" if place else name
        if name in value:
            found[name] = _read(kinds[name], value[name], inside, problems)
        else:
            problems.append(f"{inside} is missing")
            found[name] = None
    return kind(**found)


def _is_scalar(kind: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return kind in (int, str) and isinstance(value, kind)


def _expected(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return "a list" if inner[-1] is ... else f"a list of {len(inner)}"
    if origin is Mapping:
        return "an object"
    return {int: "a whole number", float: "a number", str: "text"}[kind]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
