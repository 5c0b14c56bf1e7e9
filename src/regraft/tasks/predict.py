"""What a finished network takes examples for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Examples, open_unlabelled, whole
from regraft.data.arrays import unlabelled
from regraft.data.examples import Sentence, said_of_skipped
from regraft.data.iob import are_entities
from regraft.data.opening import unlabelled_texts
from regraft.data.pairs import Pair
from regraft.data.windows import in_words
from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.tasks.entities import entities
from regraft.tasks.judging import BATCH, Answers, answers_words, class_names, in_windows, ready, task_of, told
from regraft.tasks.multilabel import THRESHOLD

Inputs = Examples | np.ndarray | Path | str | Sequence[Path | str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What examples were taken for: `probability` is (n k), columns in the order of `classes`.

    `inputs` says which they are: paths, rows, texts; of a pair both texts with " | " between.
    """

    inputs: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The most likely class of each example, as JSON holds it."""
        best = self.probability.argmax(axis=1)
        return {
            "predictions": [
                {"input": name, "class": self.classes[k], "probability": float(row[k])}
                for name, k, row in zip(self.inputs, best, self.probability, strict=True)
            ]
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class TaggedSentences:
    """What the words of sentences were taken for: `probability` is (w k) for all words in turn."""

    sentences: tuple[Sentence, ...] = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)

    @property
    def tags(self) -> tuple[tuple[str, ...], ...]:
        """The likeliest tag of each word, sentence by sentence."""
        best = iter(self.probability.argmax(axis=1).tolist())
        return tuple(tuple(self.classes[next(best)] for _ in words) for words in self.sentences)

    def as_json(self) -> dict[str, Any]:
        """The tag of each word and how probable it is, and the entities that tags make up, as JSON holds them."""
        shares = iter(self.probability.max(axis=1).tolist())
        return {
            "predictions": [
                {
                    "input": " ".join(words),
                    "words": list(words),
                    "tags": list(tags),
                    "probability": [next(shares) for _ in words],
                    **_entities(words, tags, self.classes),
                }
                for words, tags in zip(self.sentences, self.tags, strict=True)
            ]
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledExamples:
    """The labels that examples were taken to have: `probability` is (n k), of each label by itself."""

    inputs: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each example."""
        return tuple(
            tuple(name for name, share in zip(self.classes, row, strict=True) if share >= THRESHOLD)
            for row in self.probability
        )

    def as_json(self) -> dict[str, Any]:
        """The labels of each example, and how probable all of them are, as JSON holds them."""
        return {
            "predictions": [
                {"input": name, "labels": list(own), "probability": dict(zip(self.classes, row.tolist(), strict=True))}
                for name, own, row in zip(self.inputs, self.labels, self.probability, strict=True)
            ]
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class ToldNumbers:
    """The numbers that were told of examples: `numbers` is (n m), columns in the order of their names `classes`."""

    inputs: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    numbers: np.ndarray = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The numbers of each example, as JSON holds them."""
        return {
            "predictions": [
                {"input": name, "numbers": dict(zip(self.classes, row.tolist(), strict=True))}
                for name, row in zip(self.inputs, self.numbers, strict=True)
            ]
        }


# What is told of some examples, or of all.
Piece = Predictions | TaggedSentences | LabelledExamples | ToldNumbers


def _entities(words: Sentence, tags: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """What the tags of a sentence make up; nothing where they are no entities."""
    if not are_entities(classes):
        return {}
    found = sorted(entities(tags, [len(tags)]), key=lambda entity: entity[1])
    return {
        "entities": [
            {"type": name, "text": " ".join(words[first:end]), "first": first, "end": end} for name, first, end in found
        ]
    }


def predict_in_pieces(
    network: GraphNetwork,
    inputs: Inputs,
    *,
    classes: Sequence[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Piece]:
    """Judge examples, some at a time; of a network that answers for words, each word of sentences.

    Args:
        inputs: pictures, folders and archives of them, texts, sentences, or one array (n ...) as a file or in memory;
            or pairs of texts in memory, two strings each.
        classes: the names of the network's classes, in the order of its output; None: their numbers.
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.
        skip_bad: leave out pictures that cannot be read.

    Returns:
        What the examples were taken for, in their order, computed when it is asked for.

    Raises:
        RegraftError: the inputs cannot be opened, or do not fit the network.
    """
    progress = progress or Progress()
    names = class_names(network, classes)
    examples = _opened(inputs, skip_bad, progress)
    for line in said_of_skipped(examples.skipped):
        progress.say(line)
    if answers_words(network):
        examples = in_words(examples)
    return _pieces(ready(network, whole(examples), input, progress), examples, names, device, progress)


def joined(pieces: Iterable[Piece]) -> Piece:
    """Pieces of one judgement as a whole."""
    found = list(pieces)
    parts = [vars(piece) for piece in found]
    whole = {
        name: np.concatenate([part[name] for part in parts])
        if isinstance(value, np.ndarray)
        else tuple(chain.from_iterable(part[name] for part in parts))
        for name, value in parts[0].items()
    }
    return replace(found[0], **{**whole, "classes": found[0].classes})


def _pieces(
    network: GraphNetwork, examples: Examples, classes: tuple[str, ...], device: str, progress: Progress
) -> Iterator[Piece]:
    answers, first = Answers(network, device), None
    with progress.task("judging", len(examples)) as advance:
        for start in range(0, len(examples), BATCH):
            piece = examples.between(start, start + BATCH)
            found = answers(in_windows(network, whole(piece)), lambda _: None)
            first = found if first is None else first
            advance(len(piece))
            yield _piece(network, piece, start, classes, told(network, found, among=first))


def _piece(
    network: GraphNetwork, examples: Examples, start: int, classes: tuple[str, ...], answers: np.ndarray
) -> Piece:
    """What was told of some examples, the first of which is number `start` of all."""
    if answers_words(network):
        return TaggedSentences(sentences=tuple(examples.sentences), classes=classes, probability=answers)
    inputs = tuple(examples.name(place, first=start) for place in range(len(examples)))
    task = task_of(network)
    if task == "regress":
        return ToldNumbers(inputs=inputs, classes=classes, numbers=answers)
    kind = LabelledExamples if task == "multilabel" else Predictions
    return kind(inputs=inputs, classes=classes, probability=answers)


def _opened(inputs: Inputs, skip_bad: bool, progress: Progress) -> Examples:
    if isinstance(inputs, Examples):
        return inputs
    if isinstance(inputs, np.ndarray):
        return unlabelled(inputs, "the array given")
    items = [inputs] if isinstance(inputs, Path | str) else list(inputs)
    paths = [item for item in items if not isinstance(item, tuple)]
    if len(paths) == len(items):
        return open_unlabelled(paths, skip_bad=skip_bad, progress=progress)
    return unlabelled_texts("the pairs given", [_pair(item) for item in items])


def _pair(item: object) -> Pair:
    match item:
        case (str(first), str(second)):
            return Pair(first, second)
        case _:
            raise BadArgument("this is no pair of texts", expected="two strings", got=repr(item)[:80])
