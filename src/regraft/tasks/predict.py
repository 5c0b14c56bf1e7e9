"""What a finished network takes examples for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
from regraft.tasks.classify import probabilities
from regraft.tasks.entities import entities
from regraft.tasks.judging import BATCH, Answers, answers_words, class_names, class_output, in_windows, ready

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
) -> Iterator[Predictions | TaggedSentences]:
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


def joined(pieces: Iterable[Predictions | TaggedSentences]) -> Predictions | TaggedSentences:
    """Pieces of one judgement as a whole."""
    found = list(pieces)
    classes, probability = found[0].classes, np.concatenate([piece.probability for piece in found])
    tagged = [piece for piece in found if isinstance(piece, TaggedSentences)]
    if tagged:
        sentences = tuple(words for piece in tagged for words in piece.sentences)
        return TaggedSentences(sentences=sentences, classes=classes, probability=probability)
    inputs = tuple(name for piece in found if isinstance(piece, Predictions) for name in piece.inputs)
    return Predictions(inputs=inputs, classes=classes, probability=probability)


def _pieces(
    network: GraphNetwork, examples: Examples, classes: tuple[str, ...], device: str, progress: Progress
) -> Iterator[Predictions | TaggedSentences]:
    answers, output, first = Answers(network, device), class_output(network), None
    with progress.task("judging", len(examples)) as advance:
        for start in range(0, len(examples), BATCH):
            piece = examples.between(start, start + BATCH)
            found = answers(in_windows(network, whole(piece)), lambda _: None)
            first = found if first is None else first
            probability = probabilities(found, output, among=first)
            advance(len(piece))
            if answers_words(network):
                yield TaggedSentences(sentences=tuple(piece.sentences), classes=classes, probability=probability)
            else:
                names = piece.texts if piece.kind == "text" else map(examples.name, range(start, start + len(piece)))
                yield Predictions(inputs=tuple(names), classes=classes, probability=probability)


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
