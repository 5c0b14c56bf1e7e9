"""Files of words: which numbers they give, by which rules texts are divided, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regraft.data.said import parse_input
from regraft.data.vocabularies import read_vocabulary
from regraft.errors import BadArgument, MissingFile, RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.network.vocabulary import RULES, Vocabulary, is_vocabulary, vocabulary_of

TEXT = "The DOG; isn't\there,  é-A\n"


def made(folder: Path, content: str | bytes, input: str = "rules=spaces", name: str = "words.txt") -> Vocabulary:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_vocabulary(path, parse_input(input) if input else {})


def keras(**changes: Any) -> str:
    """What `Tokenizer.to_json()` gives."""
    config = {"num_words": None, "filters": ";,\t\n", "lower": True, "split": " ", "char_level": False}
    config |= {"oov_token": None, "word_index": json.dumps({"the": 1, "dog": 2, "é-a": 3}), **changes}
    return json.dumps({"class_name": "Tokenizer", "config": config})


def test_numbers_of_lines(tmp_path: Path) -> None:
    first = made(tmp_path, "dog\r\ncat\r\n")
    assert (first.numbers, first.filler, first.unknown) == ({"dog": 1, "cat": 2}, 0, None)
    for filler in ("", "[PAD]", "<pad>"):
        found = made(tmp_path, f"{filler}\ndog\n<unk>")
        assert (found.numbers["dog"], found.filler, found.unknown) == (1, 0, 2)
    assert made(tmp_path, "dog\n<pad>").filler == 2
    assert made(tmp_path, " \na\n", "rules=characters").numbers == {" ": 1, "a": 2}


def test_a_list_of_text_vectorization_says_its_rules(tmp_path: Path) -> None:
    found = made(tmp_path, "\n[UNK]\ndog\n", "")
    assert (found.rules, found.numbers["dog"], found.unknown) == (RULES["vectorization"], 2, 1)
    assert made(tmp_path, "dog\n", "rules=vectorization,pad=pre").numbers == {"": 0, "[UNK]": 1, "dog": 2}


@pytest.mark.parametrize(
    ("input", "units"),
    [
        ("rules=keras", ["the", "dog", "isn't", "here", "é", "a"]),
        ("rules=keras,lower=no", ["The", "DOG", "isn't", "here", "é", "A"]),
        ("rules=vectorization", ["the", "dog", "isnt", "here", "éa"]),
        ("rules=spaces", ["The", "DOG;", "isn't", "here,", "é-A"]),
    ],
)
def test_rules(input: str, units: list[str], tmp_path: Path) -> None:
    found = made(tmp_path, "dog\n", input)
    assert list(found.units(TEXT)) == units
    assert vocabulary_of(found.said()) == found
    assert is_vocabulary(found.said())
    assert found.rules.before == input.startswith("rules=keras")
    assert list(made(tmp_path, "d\n", "rules=characters,lower=yes").units("Dog é")) == ["d", "o", "g", " ", "é"]


def test_a_tokenizer_of_keras(tmp_path: Path) -> None:
    found = made(tmp_path, keras(), "")
    assert found.numbered(TEXT) == [1, 2, 3]
    assert found.rules.before
    assert not made(tmp_path, keras(), "pad=post").rules.before
    few = made(tmp_path, keras(num_words=3, oov_token="the"), "")
    assert few.numbered(TEXT) == [1, 2, 1, 1, 1]
    letters = made(tmp_path, keras(char_level=True, word_index='{"d": 1, ";": 2}'), "")
    assert letters.numbered("Dog;") == [1, 2]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("dog\ncat\ndog\n", UnreadableFile, "a word stands twice in a vocabulary\n  where: {}\n  got: 'dog'"),
        ("dog\na cat\n", UnreadableFile,
         "this is in no text\n  where: {}\n  expected: a word without spaces\n  got: 'a cat'"),
        ('{"dog": 1, "cat": 1}', UnreadableFile,
         "words of a vocabulary need a number each\n  where: {}\n  got: dog"),
        ("{}", UnreadableFile, "words of a vocabulary need a number each\n  where: {}\n  got: nothing"),
        ('{"dog": 0}', UnreadableFile,
         "nobody says which number fills up shorter texts\n  where: {}\n"
         "  expected: 0 to be free, or a word [PAD]\n  got: 0 is 'dog'"),
        ('{"dog": -1}', UnreadableFile,
         "this is no vocabulary\n  where: {}\n  expected: a number for each word, from 0\n  got: 'dog': -1"),
        ('{"dog": true}', UnreadableFile,
         "this is no vocabulary\n  where: {}\n  expected: a number for each word, from 0\n  got: 'dog': True"),
        ('{"dog": 1', UnreadableFile,
         "the vocabulary is damaged\n  where: {}\n  expected: JSON\n"
         "  got: Expecting ',' delimiter: line 1 column 10 (char 9)"),
        ('{"a": ' * 100000, UnreadableFile,
         "the vocabulary is damaged\n  where: {}\n  expected: JSON\n"
         "  got: maximum recursion depth exceeded while decoding a JSON object from a unicode string"),
        (keras(split="|"), UnreadableFile,
         "this is no Tokenizer as Keras writes it\n  where: {}\n  expected: what Tokenizer.to_json() gives"),
        (b"\xe9\n", UnreadableFile,
         "the vocabulary is no UTF-8\n  where: {}\n"
         "  got: 'utf-8' codec can't decode byte 0xe9 in position 0: invalid continuation byte"),
        (b"\x80\x04", UnsupportedFormat,
         "a pickle may run code\n  where: {}\n  expected: a word a line, or JSON\n"
         "  to do: write it anew where you trust it: open('words.json', 'w').write(tokenizer.to_json())"),
    ],
)  # fmt: skip
def test_what_is_no_vocabulary(content: str | bytes, error: type[RegraftError], message: str, tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        made(tmp_path, content)
    assert str(caught.value) == message.format(tmp_path / "words.txt")


def test_rules_have_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        made(tmp_path, "dog\n", "")
    assert str(caught.value) == (
        f"nobody says how texts are divided into the words of this vocabulary\n  where: {tmp_path / 'words.txt'}\n"
        "  expected: rules=keras, vectorization, spaces, characters\n"
        "  to do: say it: --input vocabulary=FILE,rules=keras, as Keras's Tokenizer and pad_sequences do; docs/texts.md"
    )


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        read_vocabulary(tmp_path / "words.txt", {})
    assert str(caught.value) == f"there is no file words.txt\n  where: {tmp_path / 'words.txt'}"
    with (tmp_path / "words.txt").open("wb") as file:
        file.truncate((1 << 28) + 1)
    with pytest.raises(UnsafeFile) as large:
        read_vocabulary(tmp_path / "words.txt", {})
    assert str(large.value) == (
        f"no vocabulary is so large\n  where: {tmp_path / 'words.txt'}\n"
        "  expected: at most 268435456 bytes\n  got: 268435457 bytes"
    )


def test_a_damaged_record() -> None:
    said = RULES["spaces"]
    whole = Vocabulary(numbers={"dog": 1}, rules=said).said()
    for damaged in (whole[:-1], whole.replace("1}", '"1"}'), whole.replace("unit", "uni"), '{"vocabulary": [], 3}'):
        with pytest.raises(UnreadableFile, match=r"^the vocabulary is damaged\n  got: "):
            vocabulary_of(damaged)
