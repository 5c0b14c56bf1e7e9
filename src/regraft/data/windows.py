"""Sentences and texts longer than a network reads, divided into what it reads one by one: pieces, windows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise
from weakref import WeakKeyDictionary

import numpy as np

from regraft.data.examples import TEXT_KINDS, Examples, Part, Sentence
from regraft.data.tags import Tags, spread
from regraft.data.texts import Made, digest
from regraft.data.tokens import LOOKED, in_windows, limits, longest, word_sizes
from regraft.errors import BadData
from regraft.network.graph import InputSpec

_LONGEST = 128  # numbers of a sentence that are read at once where nobody says another length
_BYTES = 4  # times as many, where they are bytes
_WORD = re.compile(r"\w+|[^\w\s]")
_TOGETHER = 1000  # texts that are divided at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Sentences as pieces, or texts as windows.

    `ends` is (n): the piece behind the last one of each.
    """

    examples: Examples
    ends: np.ndarray

    def part(self, of: Part) -> Part:
        """The pieces of some sentences."""
        return Part(examples=self.examples, indices=spread(self.ends, of.indices)[0])

    def shares(self, indices: np.ndarray) -> Shares:
        """How much each window of some texts counts."""
        places, ends = spread(self.ends, indices)
        return Shares(sizes=self._sizes[places], ends=ends)

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.array([len(row) for row in self.examples.numbers])


@dataclass(frozen=True, kw_only=True, eq=False)
class Shares:
    """How much the windows of texts count: as many as they have tokens.

    Attributes:
        sizes: (w) those of each window.
        ends: (n) the place behind the last window of each text.
    """

    sizes: np.ndarray
    ends: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(n) how many windows each text has."""
        return np.diff(self.ends, prepend=0)

    @property
    def firsts(self) -> np.ndarray:
        """(n) the place of each text's first window."""
        return self.ends - self.counts

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(n ...) of each text, of what its windows gave (w ...); of a single one as it is."""
        whole = np.repeat(np.add.reduceat(self.sizes, self.firsts), self.counts)
        share = (self.sizes / whole).astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
        return np.add.reduceat(values * share, self.firsts)


# What was divided is asked for batch by batch, and kept as long as the texts are: of a stream, piece by piece.
_DIVIDED: WeakKeyDictionary[Examples, dict[InputSpec, Windows | None]] = WeakKeyDictionary()


def text_windows(examples: Examples, spec: InputSpec) -> Windows | None:
    """Texts or pairs in overlapping windows of the input's length; None where none is longer, or they are cut off.

    Windows are labelled as their texts are.

    Raises:
        BadArgument: no tokenizer is known, or none that keeps two texts apart.
    """
    if spec.overlap is None or examples.kind not in TEXT_KINDS:
        return None
    known = _DIVIDED.setdefault(examples, {})
    if spec not in known:
        known[spec] = _in_windows(examples, spec)
    return known[spec]


def _in_windows(examples: Examples, spec: InputSpec) -> Windows | None:
    texts = examples.texts_or_pairs
    found = list[list[np.ndarray]]()
    for first in range(0, len(texts), _TOGETHER):
        found += in_windows(texts[first : first + _TOGETHER], spec)
    counts = np.array([len(own) for own in found])
    if (counts == 1).all():
        return None
    rows = list(chain.from_iterable(found))
    made = replace(
        examples,
        items=rows,
        labels=np.repeat(examples.labels, counts, axis=0),
        hashes=[hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows],
    )
    return Windows(examples=made, ends=np.cumsum(counts))


def windowed(examples: Examples, spec: InputSpec) -> Windows:
    """Sentences divided, each between words, as few times as the input wants.

    Words keep their tags. A word longer than the input is a piece by itself.
    """
    length = longest(spec)
    cuts = [_cuts(sizes, _room(length, spec)) for sizes in word_sizes(examples.sentences, spec)] if length else []
    if all(len(own) == 2 for own in cuts):
        return Windows(examples=examples, ends=np.arange(1, len(examples) + 1))
    pieces = [
        words[start:end] for words, own in zip(examples.sentences, cuts, strict=True) for start, end in pairwise(own)
    ]
    tags = examples.tags and Tags(flat=examples.tags.flat, ends=np.cumsum([len(piece) for piece in pieces]))
    found = replace(
        examples,
        items=pieces,
        labels=np.full(len(pieces), -1),
        tags=tags,
        hashes=[digest("\0".join(piece)) for piece in pieces],
    )
    return Windows(examples=found, ends=np.cumsum([len(own) - 1 for own in cuts]))


def in_words(examples: Examples) -> Examples:
    """Texts as sentences of words: letters and digits together are one, every other mark is one by itself.

    Raises:
        BadData: they are pairs of texts.
    """
    if examples.kind == "pair":
        raise BadData(
            "the words of pairs cannot be told",
            where=examples.source,
            expected="sentences",
            fix="name one column of texts: --text COLUMN",
        )
    if examples.kind != "text":
        return examples
    return replace(examples, items=Made(_words, examples.texts))


def _words(text: str) -> Sentence:
    return tuple(_WORD.findall(text))


def in_texts(examples: Examples) -> Examples:
    """Sentences of words as texts, with a space between words."""
    if examples.kind != "words":
        return examples
    return replace(examples, items=[" ".join(words) for words in examples.sentences], tags=None, classes=())


def usual_window(examples: Examples, spec: InputSpec) -> int:
    """How many numbers of a sentence are read at once where nobody says it: as many as there are, within bounds."""
    sizes = word_sizes(examples.sentences[:LOOKED], spec)
    wanted = max(int(own.sum()) for own in sizes) + _beside(spec)
    usual = _LONGEST * (_BYTES if spec.layout == "bytes" else 1)
    return min(wanted, usual, limits(spec)[1] or usual)


def _room(length: int, spec: InputSpec) -> int:
    return max(1, length - _beside(spec))


def _beside(spec: InputSpec) -> int:
    """Numbers that an input has beside those of its words; of bytes one less: the last word has no space behind it."""
    return -1 if spec.layout == "bytes" else limits(spec)[0] - 1


def _cuts(sizes: Sequence[int] | np.ndarray, room: int) -> list[int]:
    """Where the pieces of a sentence begin, and the end."""
    found, taken = [0], 0
    for word, size in enumerate(sizes):
        if word > found[-1] and taken + size > room:
            found.append(word)
            taken = 0
        taken += int(size)
    return [*found, len(sizes)]
