"""Sentences divided into pieces that a network reads, and the places at which their words begin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encoders import minilm, opened

from regraft.data import Examples, whole
from regraft.data.tags import Tags
from regraft.data.texts import digest
from regraft.data.tokens import encoded_words, word_sizes
from regraft.data.windows import in_words, usual_window, windowed
from regraft.network import InputSpec

BYTES = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
WORDS = (("A", "dog", "barks"), ("Überall",), ("un", "deux", "trois", "quatre", "cinq"))


def sentences(*words):
    counts = [len(own) for own in words]
    tags = Tags(flat=np.arange(sum(counts)) % 3, ends=np.cumsum(counts))
    hashes = tuple(digest("\0".join(own)) for own in words)
    labels = np.full(len(words), -1)
    return Examples(source="x", items=words, labels=labels, classes=("a", "b", "c"), hashes=hashes, tags=tags)


def of(length, spec=BYTES):
    return replace(spec, shape=(None, length))


def test_words_of_bytes_begin_behind_their_spaces():
    rows, places = encoded_words(WORDS[:2], BYTES)
    assert bytes(rows[0].astype(np.uint8)) == b"A dog barks"
    assert bytes(rows[1].astype(np.uint8)).rstrip(b"\0") == "Überall".encode()
    assert [own.tolist() for own in places] == [[0, 2, 6], [0]]


@pytest.mark.parametrize(
    ("length", "pieces"),
    [
        (100, [(3,), (1,), (5,)]),
        (11, [(3,), (1,), (2, 1, 2)]),
        (10, [(2, 1), (1,), (2, 1, 1, 1)]),
    ],
)
def test_pieces_are_as_long_as_fits(length, pieces):
    found = windowed(sentences(*WORDS), of(length))
    starts = np.concatenate([[0], found.ends[:-1]])
    cut = [tuple(map(len, found.examples.sentences[a:b])) for a, b in zip(starts, found.ends, strict=True)]
    assert cut == pieces
    assert [word for own in found.examples.sentences for word in own] == [word for own in WORDS for word in own]
    assert found.examples.tags.flat.tolist() == sentences(*WORDS).tags.flat.tolist()
    assert found.examples.tags.counts.tolist() == [len(own) for own in found.examples.sentences]
    rows, _ = encoded_words(found.examples.sentences, of(length))
    assert rows.shape[1] == length


def test_the_pieces_of_some_sentences():
    examples = sentences(*WORDS)
    part = replace(whole(examples), indices=np.array([2, 0]))
    found = windowed(examples, of(10)).part(part)
    assert [" ".join(found.examples.sentences[k]) for k in found.indices] == [
        "un deux", "trois", "quatre", "cinq", "A dog", "barks"
    ]  # fmt: skip
    assert found.tags.flat.tolist() == part.tags.flat.tolist()


def test_what_fits_stays_as_it_is():
    examples = sentences(*WORDS)
    assert windowed(examples, BYTES).examples is windowed(examples, of(40)).examples is examples


def test_an_endless_word_is_a_piece_by_itself_and_cut_off():
    found = windowed(sentences(("a", "b" * 50, "c")), of(8))
    assert [len(own) for own in found.examples.sentences] == [1, 1, 1]
    rows, places = encoded_words(found.examples.sentences, of(8))
    assert bytes(rows[1].astype(np.uint8)) == b"b" * 8
    assert [own.tolist() for own in places] == [[0], [0], [0]]


def test_usual_is_as_long_as_the_longest_within_bounds():
    assert usual_window(sentences(*WORDS), BYTES) == len("un deux trois quatre cinq")
    assert usual_window(sentences(("long",) * 5000), BYTES) == 512


def test_words_of_raw_text():
    texts = replace(sentences(("x",)), items=["Don't stop, Zoë!", "\u200b"], tags=None)
    assert list(in_words(texts).sentences) == [("Don", "'", "t", "stop", ",", "Zoë", "!"), ("\u200b",)]


def test_sentences_without_a_word():
    assert encoded_words([(), ("a",)], BYTES)[1][0].tolist() == []
    assert windowed(sentences((), ("a",)), of(4)).ends.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_words_begin_at_their_first_token(small_encoder, kind):
    (spec,) = opened(small_encoder(kind)).inputs.values()
    words = [("the", "dog", "sees"), ("a", "\u0001", "unknownword", "cat")]  # nothing can be made of the second
    rows, places = encoded_words(words, spec)
    assert [own.tolist() for own in places] == [[1, 2, 3], [1, 2, 3, 4]]
    assert len({*places[1].tolist()}) == 4
    assert [own.tolist() for own in word_sizes(words, spec)] == [[1, 1, 1], [1, 1, 1, 1]]
    assert rows.shape == (2, 6)


def test_a_real_tokenizer_gives_words_several_tokens():
    (spec,) = opened(minilm()).inputs.values()
    words = [("Redondo", "Beach", "ü\u200d", "\u200d", "untranslatableness")]
    rows, places = encoded_words(words, spec)
    sizes = word_sizes(words, spec)[0]
    assert sizes.min() >= 1
    assert places[0].tolist() == (1 + np.concatenate([[0], np.cumsum(sizes)[:-1]])).tolist()
    assert rows.shape == (1, sizes.sum() + 2)
    pieces = windowed(sentences(*words), of(8, spec))
    assert all(encoded_words([own], of(8, spec))[1][0].max() < 8 for own in pieces.examples.sentences)
    assert sum(map(len, pieces.examples.sentences)) == 5
