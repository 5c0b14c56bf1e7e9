"""Make a network of layers and let it learn from examples without the labels that are wanted later."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from regraft.data import Examples, Part
from regraft.data.preparation import change_of_shape
from regraft.errors import BadArgument, BadData, nearest_names
from regraft.formats import saved
from regraft.network import GraphNetwork
from regraft.network.from_layers import from_layers
from regraft.network.plan import New
from regraft.pretraining.autoencoder import WITH_WEIGHTS, autoencoded
from regraft.pretraining.beside import Goal, Worth, worth
from regraft.pretraining.course import Course
from regraft.pretraining.input import input_of
from regraft.pretraining.told_apart import of_classes, of_corruption
from regraft.run import Progress, RunFolder, place_of
from regraft.tasks.record import array_record, require_same, source_record
from regraft.train.learner import device_of
from regraft.train.settings import Settings

Method = Literal["autoencoder", "corruption", "classes"]
METHODS: tuple[Method, ...] = get_args(Method)
DEFAULTS: Mapping[str, Any] = {"epochs": 20, "batch": 64, "schedule": "cosine"}  # of each training

_LEAST = 50  # examples
_VALIDATION, _MOST = 0.1, 1000  # what is held back of them: a share, and at most so many
_BLOCK = 4096  # examples that are put in order at a time
_POOL = New(kind="max_pool")
_OF_PICTURES = tuple(
    layer for width in (32, 64, 128) for layer in (New(kind="conv", width=width, activation="relu"), _POOL)
)
_OF_TEXTS = (
    New(kind="embedding", width=32),
    *(layer for width in (64, 64) for layer in (New(kind="conv", width=width, kernel=5, activation="relu"), _POOL)),
    New(kind="conv", width=128, kernel=5, activation="relu"),
    New(kind="global_max_pool"),
)
_OF_ROWS = tuple(New(kind="dense", width=width, activation="relu") for width in (128, 64))


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How to pretrain.

    Attributes:
        method: "autoencoder": give back what was masked; "corruption": tell what was done to an example;
            "classes": tell the classes of labelled examples apart.
        layers: of the network, from the lowest; (): what is usual for such examples.
        turns: of "classes": each class turned by a quarter, two and three is a further class.
        settings: of each training; `DEFAULTS` suit most.

    Raises:
        BadArgument: there is no such method, it turns nothing, or no layer has weights.
    """

    method: Method
    layers: tuple[New, ...] = ()
    turns: bool = False
    settings: Settings

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out."""
        if self.method not in METHODS:
            raise BadArgument(
                f"there is no method {self.method!r}",
                expected=", ".join(METHODS),
                nearest=nearest_names(self.method, METHODS, 1),
            )
        learning = (*WITH_WEIGHTS, "embedding")
        if self.layers and not any(layer.kind in learning for layer in self.layers):
            raise BadArgument("no layer has weights that could learn", expected=f"one of {', '.join(learning)}")
        if self.turns and self.method != "classes":
            raise BadArgument("turns make further classes: only the method classes has them", got=self.method)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pretrained:
    """A finished pretraining.

    Attributes:
        network: the layers with what they learned; it ends in `code`, on which `fit` and `search` put new heads.
        trainings: what was measured on examples held back, by training.
        worth: what it was worth for labelled data; None: there were none to see it on.
    """

    run: Path
    model: Path
    network: GraphNetwork = field(repr=False)
    code: str
    examples: int
    trainings: Mapping[str, Mapping[str, Any]]
    worth: Worth | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {
            "run": str(self.run),
            "model": str(self.model),
            "code": self.code,
            "examples": self.examples,
            "trainings": {name: dict(measured) for name, measured in self.trainings.items()},
            "worth": self.worth and self.worth.as_json(),
            "seconds": self.seconds,
        }


def pretrain(
    examples: Examples,
    choices: Choices,
    *,
    goal: Goal | None = None,
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Pretrained:
    """Pretrain a network, and see what it is worth.

    Args:
        goal: what it is meant for, to see what it is worth. Examples of its test part are left out of the pretraining.
        out: the run folder; None: a new one in `runs`.
        input: what the network shall take, as `--input` says it ("size=32,channels=grey").
        resume: go on with the run in `out`.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: the examples are too few, or layers, method and examples do not go together.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    started = time.monotonic()
    progress = progress or Progress()
    place = place_of(out, resume=resume, kind="pretrain")
    _require_fitting(examples, choices.method)
    layers = choices.layers or _usual(examples)
    spec = input_of(examples, layers, input)
    network = from_layers(spec, layers, choices.settings.seed)
    if change := change_of_shape(examples, spec):
        progress.say(f"note: {change}")
    train, validation = _divided(examples, goal, choices.settings.seed, progress)
    run = RunFolder.at(place, resume=resume)
    course = Course(
        train=train,
        validation=validation,
        spec=spec,
        settings=choices.settings,
        device=device_of(choices.settings.device),
        folder=run.trials,
        progress=progress,
    )
    record = require_same(run, _record(choices, network, course))
    with run.working():
        run.write_json(run.settings.name, record)
        network, trainings = _carried_out(network, layers, choices, course)
        saved.write(network, run.model, {"task": "pretrain", "method": choices.method, "trainings": trainings})
        found = Pretrained(
            run=run.path,
            model=run.model,
            network=network,
            code=network.outputs[0],
            examples=len(train),
            trainings=trainings,
            worth=goal and worth(network, goal, choices.settings.seed, run.trials, progress),
            seconds=time.monotonic() - started,
        )
        run.write_json(run.results.name, found.as_json())
    return found


def _carried_out(
    network: GraphNetwork, layers: Sequence[New], choices: Choices, course: Course
) -> tuple[GraphNetwork, Mapping[str, Mapping[str, Any]]]:
    if choices.method == "autoencoder":
        return autoencoded(network, layers, course)
    if choices.method == "corruption":
        return of_corruption(network, course)
    return of_classes(network, course, turns=choices.turns)


def _usual(examples: Examples) -> tuple[New, ...]:
    if examples.kind == "text":
        return _OF_TEXTS
    is_table = isinstance(examples.items, np.ndarray) and examples.items.ndim == 2
    return _OF_ROWS if is_table else _OF_PICTURES


def _require_fitting(examples: Examples, method: Method) -> None:
    """Refuse examples that a method cannot learn from.

    Raises:
        BadArgument: they are pairs of texts, or texts shall be given back.
        BadData: the method needs classes and there is one at most.
    """
    if examples.kind == "pair":
        raise BadArgument(
            "a network is pretrained on single texts, and these are pairs",
            where=examples.source,
            fix="name one column: --text COLUMN",
        )
    if method == "autoencoder" and examples.kind == "text":
        raise BadArgument(
            "an autoencoder gives back numbers, and texts are none",
            where=examples.source,
            fix="let it tell good texts from corrupted ones: --method corruption",
        )
    if method == "classes" and len(examples.classes) < 2:
        raise BadData(
            "the method classes needs labelled examples of two classes or more",
            where=examples.source,
            got=", ".join(examples.classes) or "no labels",
            fix="--method autoencoder and --method corruption need none",
        )


def _divided(examples: Examples, goal: Goal | None, seed: int, progress: Progress) -> tuple[Part, Part]:
    """What is trained on and what is held back; equal examples stay together, those to be tested on later stay out.

    The examples are gone through, and never all in memory: there may be more than fit.

    Raises:
        BadData: too few are left, or too few of them are different.
    """
    tested = set[bytes]()
    if goal is not None:
        test = goal.data.test
        tested = {test.examples.hashes[index] for index in test.indices}
    count = len(examples)
    is_out = np.zeros(count, bool)
    if tested:
        is_out = np.fromiter((key in tested for key in examples.hashes), bool, count)
    left = count - int(is_out.sum())
    if left < count:
        progress.say(f"{count - left} examples of the labelled test part are left out")
    if left < _LEAST:
        raise BadData(
            "these are too few examples to pretrain on",
            where=examples.source,
            expected=f"at least {_LEAST}",
            got=str(left),
        )
    held = _chosen((_salted(key, seed) for key in examples.hashes if key not in tested), _held_of(left))
    if not held:
        raise BadData(
            "too few examples are different to hold some back", where=examples.source, got=f"{left}, most of them equal"
        )
    is_held = np.fromiter((_salted(key, seed) in held for key in examples.hashes), bool, count) & ~is_out
    indices = np.flatnonzero(~(is_held | is_out)), np.flatnonzero(is_held)
    train, validation = (Part(examples=examples, indices=found) for found in indices)
    return train, validation


def _held_of(count: int) -> int:
    return min(_MOST, max(1, round(_VALIDATION * count)))


def _salted(key: bytes, seed: int) -> bytes:
    """What orders examples at random, by the seed and their content alone."""
    return hashlib.blake2b(key, digest_size=8, key=str(seed).encode()).digest()


def _chosen(keys: Iterator[bytes], count: int) -> frozenset[bytes]:
    """The least of all keys that stand for no more than so many examples: several may have one key."""
    found = Counter[bytes]()
    while some := list(islice(keys, _BLOCK)):
        found.update(some)
        found = Counter({key: found[key] for key in sorted(found)[:count]})
    chosen = set[bytes]()
    for key in sorted(found):
        if found[key] <= count:
            chosen.add(key)
            count -= found[key]
    return frozenset(chosen)


def _record(choices: Choices, network: GraphNetwork, course: Course) -> dict[str, Any]:
    """What the run is about: to go on with it, all of this must be the same."""
    return {
        "source": source_record(network),
        "plan": choices.method + (", turned" if choices.turns else ""),
        "input": course.spec.record(),
        "classes": list(course.train.examples.classes),
        "data": {
            "source": course.train.examples.source,
            "fingerprint": course.train.examples.fingerprint,
            "rows": array_record(course.train.indices)["fingerprint"],
        },
        "seed": choices.settings.seed,
        "training": choices.settings.as_json(),
    }
