"""Texts as the numbers that a network reads: the bytes of their UTF-8, or the tokens its tokenizer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np

from regraft.data.pairs import Pair, Text, as_bytes
from regraft.errors import BadArgument, MissingExtra, UnreadableFile
from regraft.network.graph import InputSpec
from regraft.network.vocabulary import Vocabulary, is_vocabulary, vocabulary_of

TEXT_LAYOUTS = ("bytes", "tokens")
LOOKED = 1000  # texts that tell how long they are

_FITTING = 0.95  # the share of texts that are read whole where a length is chosen
_STEP = 8  # lengths are multiples of it
_LONGEST_BYTES = 256  # where nobody says another length
_WHOLE = -1  # in place of a length: nothing is cut off
_SHARED = 8  # two windows of a longer text share one token of so many


def encoded(texts: Sequence[Text], spec: InputSpec) -> np.ndarray:
    """Texts as such an input has them, (b t), filled up behind the end; what is longer than the input is cut off.

    Where a vocabulary says so they are filled up, and cut off, in front of the beginning. Of a pair the longer text is
    cut off first.

    Raises:
        BadArgument: the input reads tokens, and no tokenizer is known, or none that keeps two texts apart.
    """
    return filled(_numbers(texts, spec), spec)


def filled(rows: Sequence[np.ndarray], spec: InputSpec) -> np.ndarray:
    """The numbers of texts, none longer than the input, filled up to one length (b t)."""
    length = spec.shape[1] or max(1, *map(len, rows))
    found = np.full((len(rows), length), _filler(spec), spec.dtype)
    before = _filled_before(spec)
    for row, numbers in zip(found, rows, strict=True):
        row[slice(length - len(numbers), None) if before else slice(len(numbers))] = numbers
    return found


def in_windows(texts: Sequence[Text], spec: InputSpec) -> list[list[np.ndarray]]:
    """The numbers of each text, in windows as long as the input where it is longer; two share what `overlap` says.

    Of a pair the longer text is divided, and stands in each window beside the other; where both are too long, each
    window of one stands beside each of the other.

    Raises:
        BadArgument: as `encoded`.
    """
    made = _reader(texts, spec, longest(spec), spec.overlap or 0).encode_batch(list(texts))
    return [[np.array(one.ids, np.int32) for one in (whole, *whole.overflowing)] for whole in made]


def with_windows(spec: InputSpec) -> InputSpec:
    """The input, reading longer texts in windows: where tokens have no fixed length, but the tokenizer keeps so many.

    A vocabulary's texts are cut off, as those were that its network learned from.
    """
    free = spec.layout == "tokens" and spec.shape[1] is None and not is_vocabulary(spec.tokenizer)
    most = _most(spec) if free and spec.tokenizer else None
    return replace(spec, overlap=most // _SHARED) if most else spec


def of_length(spec: InputSpec, length: int) -> InputSpec:
    """The input with a length of texts, and windows that share as many tokens as suits it, if they are read in such."""
    shared = None if spec.overlap is None else length // _SHARED
    return replace(spec, shape=(spec.shape[0], length), overlap=shared)


def encoded_words(sentences: Sequence[Sequence[str]], spec: InputSpec) -> tuple[np.ndarray, list[np.ndarray]]:
    """Sentences as such an input has them, (b t), and for each the places (w) at which its words begin.

    Each word has a place of its own. Bytes are those of the words with spaces between them. What is longer than the
    input is cut off: `windowed` divides sentences so that this is the end of one endless word.

    Raises:
        BadArgument: the input reads tokens, and no tokenizer is known.
    """
    rows = [_spelled(words) for words in sentences] if spec.layout == "bytes" else _tokenized(sentences, spec)
    length = spec.shape[1] or max(len(numbers) for numbers, _ in rows)
    found = np.full((len(rows), length), _filler(spec), spec.dtype)
    starts = [max(0, length - len(numbers)) * _filled_before(spec) for numbers, _ in rows]
    for row, start, (numbers, _) in zip(found, starts, rows, strict=True):
        row[start : start + len(numbers)] = numbers[:length]
    return found, [np.minimum(start + places, length - 1) for start, (_, places) in zip(starts, rows, strict=True)]


def word_sizes(sentences: Sequence[Sequence[str]], spec: InputSpec) -> list[np.ndarray]:
    """How many numbers each word (w) of each sentence takes."""
    if spec.layout == "bytes":
        return [np.array([len(word.encode()) + 1 for word in words]) for words in sentences]
    return [
        np.bincount([word for word in one.word_ids if word is not None], minlength=len(words))
        for one, words in zip(_made_of(sentences, spec), sentences, strict=True)
    ]


def _spelled(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a sentence, and where its words begin."""
    sizes = [len(word.encode()) + 1 for word in words]
    return np.frombuffer(" ".join(words).encode(), np.uint8), np.cumsum([0, *sizes])[:-1]


def _tokenized(sentences: Sequence[Sequence[str]], spec: InputSpec) -> list[tuple[np.ndarray, np.ndarray]]:
    """The tokens of each sentence, and where its words begin."""
    made = zip(_made_of(sentences, spec), sentences, strict=True)
    return [(np.array(one.ids), _beginnings(one.word_ids, len(words))) for one, words in made]


def _beginnings(word_ids: Sequence[int | None], count: int) -> np.ndarray:
    places = np.zeros(count, np.int64)
    for place, word in reversed([*enumerate(word_ids)]):
        if word is not None:
            places[word] = place
    return places


def _made_of(sentences: Sequence[Sequence[str]], spec: InputSpec) -> list[Any]:
    """The tokens of each sentence; a word that the tokenizer makes nothing of is read as a question mark."""
    encode = _tokenizer(spec.tokenizer, _WHOLE).encode_batch
    made = encode([list(words) for words in sentences], is_pretokenized=True)
    if all(len({*one.word_ids} - {None}) == len(words) for one, words in zip(made, sentences, strict=True)):
        return made
    known = [{*one.word_ids} for one in made]
    read = [
        [word if k in own else "?" for k, word in enumerate(words)] for words, own in zip(sentences, known, strict=True)
    ]
    return encode(read, is_pretokenized=True)


def lengths(texts: Sequence[Text], spec: InputSpec) -> np.ndarray:
    """How many numbers (n) each text or pair has, cut off nowhere."""
    if spec.layout == "bytes":
        return np.array([len(as_bytes(text, None)) for text in texts])
    return np.array([len(one.ids) for one in _tokenizer(spec.tokenizer, _WHOLE).encode_batch(list(texts))])


def limits(spec: InputSpec) -> tuple[int, int | None]:
    """The fewest numbers that hold something of a text, and the most that are read; None: as many as it has."""
    if spec.layout == "bytes":
        return 1, None
    return 1 + len(_tokenizer(spec.tokenizer, _WHOLE).encode_batch([""])[0].ids), _most(spec)


def usual_length(texts: Sequence[Text], spec: InputSpec) -> int:
    """How many numbers of a text are read where nobody says it: as many as 95 % of the first thousand have."""
    wanted = _STEP * ceil(float(np.quantile(lengths(texts[:LOOKED], spec), _FITTING)) / _STEP)
    return min(wanted, _LONGEST_BYTES if spec.layout == "bytes" else _most(spec) or wanted)


def _numbers(texts: Sequence[Text], spec: InputSpec) -> list[np.ndarray]:
    if spec.layout == "bytes":
        return [np.frombuffer(as_bytes(text, spec.shape[1]), np.uint8) for text in texts]
    return [np.array(one.ids) for one in _reader(texts, spec, spec.shape[1]).encode_batch(list(texts))]


def _reader(texts: Sequence[Text], spec: InputSpec, length: int | None, overlap: int = 0) -> _Tokenizer | _Words:
    """The tokenizer of an input, which can read these texts."""
    made = _tokenizer(spec.tokenizer, length, overlap)
    if not made.reads_pairs and any(isinstance(text, Pair) for text in texts):
        raise BadArgument(
            "the network reads no pairs of texts",
            where=spec.name,
            expected="a tokenizer that puts a token between two texts, and types from there on if it has types",
            fix="name one column of texts: --text COLUMN",
        )
    return made


def _filled_before(spec: InputSpec) -> bool:
    return spec.layout == "tokens" and _tokenizer(spec.tokenizer, None).before


def _filler(spec: InputSpec) -> int:
    return 0 if spec.layout == "bytes" else _tokenizer(spec.tokenizer, None).filler


def longest(spec: InputSpec) -> int | None:
    """How many numbers of a text are read at most; None: all."""
    return spec.shape[1] or (_most(spec) if spec.layout == "tokens" else None)


def _most(spec: InputSpec) -> int | None:
    """How many tokens the tokenizer keeps."""
    return _tokenizer(spec.tokenizer, None).most


@dataclass(frozen=True)
class _Numbered:
    """The numbers of a text or a sentence, and the word that each is of."""

    ids: list[int]
    word_ids: list[int]
    overflowing: tuple[()] = ()  # windows of a text behind its first: there are none


class _Words:
    """A vocabulary, as tokenizers are asked."""

    most = None
    reads_pairs = False

    def __init__(self, made: Vocabulary, length: int | None) -> None:
        self.filler, self.before = made.filler, made.rules.before
        self._made = made
        kept = length if length not in (None, _WHOLE) else None
        self._kept = slice(None) if kept is None else slice(-kept, None) if self.before else slice(kept)

    def encode_batch(self, texts: Sequence[Any], *, is_pretokenized: bool = False) -> list[_Numbered]:
        """The numbers of texts, or of sentences of words: there a word that has none is filled up."""
        return [_Numbered(*(self._words(text) if is_pretokenized else self._text(text))) for text in texts]

    def _text(self, text: str) -> tuple[list[int], list[int]]:
        found = self._made.numbered(text)[self._kept]
        return found, [0] * len(found)

    def _words(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        apart = " " if self._made.rules.unit == "characters" else ""
        spelled = [*(word + apart for word in words[:-1]), *words[-1:]]
        found = [self._made.numbered(word) or [self.filler] for word in spelled]
        of = [place for place, numbers in enumerate(found) for _ in numbers]
        return [number for numbers in found for number in numbers][self._kept], of[self._kept]


class _Tokenizer:
    """A tokenizer as its file describes it, with the number of the token that fills up."""

    before = False

    def __init__(self, made: Any, length: int | None, overlap: int) -> None:
        self.filler = int((made.padding or {}).get("pad_id", 0))
        self.most: int | None = (made.truncation or {}).get("max_length")
        made.no_padding()
        self.reads_pairs = _told_apart(made.encode("a", "b"))
        if length == _WHOLE:
            made.no_truncation()
        elif length is not None:
            made.enable_truncation(length, stride=overlap)
        self.encode_batch = made.encode_batch


def _told_apart(pair: Any) -> bool:
    """Whether a token stands between two texts, and only what is behind it may be of type 1."""
    texts, types = list(pair.sequence_ids), list(pair.type_ids)
    if 1 not in texts or texts[texts.index(1) - 1] is not None:
        return False
    if not any(types):
        return True
    first = texts.index(1)
    told = pair.ids.index(pair.ids[first - 1]) == first - 1  # by the first token of the kind that stands between
    return told and types == [int(place >= first) for place in range(len(types))]


@lru_cache(maxsize=16)
def _tokenizer(said: str, length: int | None, overlap: int = 0) -> _Tokenizer | _Words:
    if not said:
        raise BadArgument(
            "nobody knows how texts become tokens",
            expected="a tokenizer.json beside the text encoder",
            fix="put it into the folder, and open that: hf:FOLDER",
        )
    if is_vocabulary(said):
        return _Words(vocabulary_of(said), length)
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("tokenizers is needed to read texts", fix="pip install 'regraft[text]'") from error
    try:
        return _Tokenizer(Tokenizer.from_str(said), length, overlap)
    except Exception as error:  # the package raises bare ones
        raise UnreadableFile("the tokenizer is damaged", got=str(error)) from error
