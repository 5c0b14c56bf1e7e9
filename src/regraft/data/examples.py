"""Labelled examples as all later rooms see them: what there is, not yet in the form a network wants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, cast

import numpy as np

from regraft.data.pairs import Pair, Text
from regraft.data.tags import Tags
from regraft.errors import BadData, nearest_names

Sentence = tuple[str, ...]  # its words
_NAMED = 5  # of the examples that were left out
_SHOWN = 80  # letters of an example
# What labels are: a class each, several of the classes each, numbers, or a class for each word.
Task = Literal["classify", "multilabel", "regress", "tag"]
TEXT_KINDS = ("text", "pair")  # kinds of examples that are read as texts


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded picture, still where it lies: in a folder or in an archive."""

    name: str  # its path inside the data, with "/"
    read: Callable[[], bytes]


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """What was found in one place: pictures still encoded, texts or pairs, sentences of words, or the rows of an array.

    Or what texts were made: their windows, each the numbers of its tokens.

    `labels` is (n) int64, positions in `classes`, or -1 throughout where nothing is labelled; (n k) bool, which of the
    classes an example has; or (n m) float64, numbers whose names the classes are. `tags` has those of words, where they
    are. `hashes` tells equal contents; `skipped` names what was left out, with the reason.
    """

    source: str
    items: Sequence[Picture] | Sequence[Text] | Sequence[Sentence] | Sequence[np.ndarray] | np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    hashes: Sequence[bytes]
    skipped: tuple[str, ...] = ()
    tags: Tags | None = None

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def kind(self) -> Literal["picture", "text", "pair", "words", "numbers", "array"]:
        """What the items are."""
        if isinstance(self.items, np.ndarray):
            return "array"
        first = self.items[0] if len(self.items) else None
        if isinstance(first, Pair):
            return "pair"
        if isinstance(first, np.ndarray):
            return "numbers"
        return "text" if isinstance(first, str) else "words" if isinstance(first, tuple) else "picture"

    @property
    def task(self) -> Task:
        """What its labels are."""
        if self.tags is not None:
            return "tag"
        if self.labels.ndim == 1:
            return "classify"
        return "multilabel" if self.labels.dtype == bool else "regress"

    @property
    def texts(self) -> Sequence[str]:
        """The items, where they are texts."""
        return cast("Sequence[str]", self.items)

    @property
    def texts_or_pairs(self) -> Sequence[Text]:
        """The items, where they are texts or pairs of texts."""
        return cast("Sequence[Text]", self.items)

    @property
    def sentences(self) -> Sequence[Sentence]:
        """The items, where they are sentences of words."""
        return cast("Sequence[Sentence]", self.items)

    @property
    def numbers(self) -> Sequence[np.ndarray]:
        """The items, where they are the numbers of texts."""
        return cast("Sequence[np.ndarray]", self.items)

    @property
    def pictures(self) -> Sequence[Picture]:
        """The items, where they are pictures."""
        return cast("Sequence[Picture]", self.items)

    @property
    def pixels(self) -> bool:
        """Whether the values are 0..255 and still have to be brought to a network's range."""
        return self.items.dtype == np.uint8 if isinstance(self.items, np.ndarray) else self.kind == "picture"

    def name(self, index: int, first: int = 0) -> str:
        """What to call one example: its path, the text itself, or its row, where the first is row number `first`."""
        item = self.items[index]
        if isinstance(item, Picture):
            return item.name
        if isinstance(item, Pair):
            return str(item)
        if isinstance(item, tuple):
            return " ".join(item)
        return item if isinstance(item, str) else f"row {first + index}"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all contents in their order; labels and names do not count."""
        found = hashlib.blake2b(self.kind.encode(), digest_size=16)
        for key in self.hashes:
            found.update(key)
        return found.hexdigest()

    def some(self, indices: np.ndarray) -> Part:
        """The examples at `indices` alone, as a part that is all of its examples."""
        items = self.items[indices] if isinstance(self.items, np.ndarray) else [self.items[k] for k in indices]
        hashes = tuple(self.hashes[index] for index in indices)
        tags = None if self.tags is None else self.tags[indices]
        return whole(replace(self, items=items, labels=self.labels[indices], tags=tags, hashes=hashes, skipped=()))

    def between(self, start: int, stop: int) -> Examples:
        """Some that follow each other, without their tags; texts of a file are read at once."""
        span = slice(start, stop)
        kept = {"items": self.items[span], "labels": self.labels[span], "hashes": self.hashes[span]}
        return replace(self, **kept, tags=None, skipped=())

    def require_classes(self) -> None:
        """Make sure that examples have a class each.

        Raises:
            BadData: their words are tagged, they may have several labels, or numbers are to be told of them.
        """
        if self.tags is not None:
            raise BadData(
                "here the words are tagged, not the sentences",
                where=self.source,
                expected="examples with a class each",
                fix="`regraft fit`, `search`, `evaluate` and `predict` take tagged words",
            )
        if self.task != "classify":
            raise BadData(
                "here each example has one class",
                where=self.source,
                expected="examples with a class each",
                got="numbers" if self.task == "regress" else "several labels each",
                fix="`regraft fit`, `multitask`, `evaluate` and `predict` take such",
            )

    def with_classes(self, classes: Sequence[str]) -> Examples:
        """The same examples, labelled by another list of classes that holds all of theirs.

        Numbers are the same ones in another order.

        Raises:
            BadData: an example has a class that the list lacks.
        """
        unknown = [name for name in self.classes if name not in set(classes)]
        if unknown:
            raise BadData(
                f"{_listed(unknown)} {'is no class' if len(unknown) == 1 else 'are no classes'} of the training data",
                where=self.source,
                expected=_listed(classes),
                got=self._those_of(unknown),
                nearest=nearest_names(unknown[0], classes),
                fix="correct them or leave them out, or train on data that have such too",
            )
        if self.labels.ndim == 2:
            return replace(self, labels=self._columns(classes), classes=tuple(classes))
        position = {name: index for index, name in enumerate(classes)}
        table = np.array([position[name] for name in self.classes] + [-1], dtype=np.int64)
        tags = self.tags and replace(self.tags, flat=table[self.tags.flat])
        return replace(self, labels=table[self.labels], tags=tags, classes=tuple(classes))

    def _those_of(self, names: Sequence[str]) -> str:
        """How many examples, or words, are of some classes, and the first of them."""
        positions = [self.classes.index(name) for name in names]
        if self.labels.ndim == 2:
            found = (self.labels[:, positions] != 0).any(axis=1)
        else:
            found = np.isin(self.labels if self.tags is None else self.tags.flat, positions)
        place = int(found.argmax())
        example = place if self.tags is None else int(np.searchsorted(self.tags.ends, place, side="right"))
        counted = f"{found.sum()} of {len(found)} {'examples' if self.tags is None else 'words'}"
        return f"{counted}, the first: {self.name(example)[:_SHOWN]}"

    def _columns(self, classes: Sequence[str]) -> np.ndarray:
        """The labels (n k) by another list of classes: none has one that is new, and no number may be missing."""
        missing = [name for name in classes if name not in self.classes]
        if missing and self.task == "regress":
            raise BadData(
                "a number is missing", where=self.source, expected=_listed(classes), got=_listed(self.classes)
            )
        own = {name: self.labels[:, index] for index, name in enumerate(self.classes)}
        none = np.zeros(len(self), self.labels.dtype)
        return np.stack([own.get(name, none) for name in classes], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Some of the examples, by their positions `indices` (n) int64."""

    examples: Examples
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> np.ndarray:
        """As the examples have them: (n) int64, positions in the classes, or (n k)."""
        return self.examples.labels[self.indices]

    @property
    def tags(self) -> Tags | None:
        """Those of the words, where words are tagged."""
        return None if self.examples.tags is None else self.examples.tags[self.indices]

    @property
    def truth(self) -> np.ndarray:
        """What is to be told: the labels of its examples, or (w) the tags of all their words."""
        tags = self.tags
        return self.labels if tags is None else tags.flat


def said_of_skipped(skipped: Sequence[str]) -> list[str]:
    """What is said of examples that were left out: the first five, and how many more there are."""
    more = len(skipped) - _NAMED
    return [f"skipped {one}" for one in skipped[:_NAMED]] + (
        [f"skipped {more} more, {len(skipped)} in all"] if more > 0 else []
    )


def whole(examples: Examples) -> Part:
    """All examples, in their order."""
    return Part(examples=examples, indices=np.arange(len(examples)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """What to train on, what to choose by, and what to look at once, at the end.

    `test` is empty where that look is somebody else's.
    `duplicates` counts examples that are exact copies of an earlier one; copies always share a part.
    `leaked` counts examples of a validation or test set the user gave that stand in the training part too, `seen`
    those of the test part that stand in the validation part.
    """

    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...]
    duplicates: int = 0
    leaked: int = 0
    seen: int = 0

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was left out, of all parts."""
        parts = (self.train, self.validation, self.test)
        return tuple(dict.fromkeys(one for part in parts for one in part.examples.skipped))

    def with_classes(self, classes: Sequence[str]) -> Splits:
        """The same parts, labelled by another list of classes that holds all of theirs."""
        parts = (self.train, self.validation, self.test)
        train, validation, test = (replace(part, examples=part.examples.with_classes(classes)) for part in parts)
        return replace(self, train=train, validation=validation, test=test, classes=tuple(classes))


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
