"""Files that say which number a word or a character has: one a line, JSON, or a Tokenizer that Keras wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from regraft.errors import BadArgument, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files.mapped import mapped
from regraft.network.vocabulary import RULES, VECTORIZATION, Rules, Vocabulary, listed, numbered, of_vectorization

_MOST = 1 << 28  # bytes of a file
_PICKLE = b"\x80"


def read_vocabulary(path: Path, said: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary in a file, and the rules that go with it.

    One word a line: the first has number 1, and 0 fills up; or 0, where it is what fills up itself: blank, [PAD] or
    <pad>. JSON: {word: number}, as Keras's `Tokenizer.word_index` is, or what `Tokenizer.to_json()` gives. A word like
    [UNK] or <OOV> is for all that are not there; else those are left out.

    Args:
        said: what the user says: rules, lower, pad.

    Raises:
        MissingFile: there is no such file.
        BadArgument: nobody says by which rules texts are divided.
        UnreadableFile: it is no vocabulary.
        UnsafeFile: it is larger than a vocabulary can be.
        UnsupportedFormat: it is a pickle.
    """
    text, where = _text(path), str(path)
    if not text.lstrip().startswith("{"):
        return _listed([line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")], said, where)
    found = _object(text, where)
    if isinstance(found.get("config"), dict):
        return _of_keras(found["config"], said, where)
    return numbered(_whole(found, where), _rules(said, where), where)


def _text(path: Path) -> str:
    data = mapped(path)
    if len(data) > _MOST:
        raise UnsafeFile(
            "no vocabulary is so large", where=str(path), expected=f"at most {_MOST} bytes", got=f"{len(data)} bytes"
        )
    if bytes(data[:1]) == _PICKLE:
        raise UnsupportedFormat(
            "a pickle may run code",
            where=str(path),
            expected="a word a line, or JSON",
            fix="write it anew where you trust it: open('words.json', 'w').write(tokenizer.to_json())",
        )
    try:
        return str(data, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile("the vocabulary is no UTF-8", where=str(path), got=str(error)) from error


def _listed(words: Sequence[str], said: Mapping[str, Any], where: str) -> Vocabulary:
    """A word a line; a list that begins as TextVectorization's does says by that how texts are divided."""
    own = RULES["vectorization"] if tuple(words[:2]) == VECTORIZATION else None
    rules = _rules(said, where, own)
    return listed(of_vectorization(words) if said.get("rules") == "vectorization" else words, rules, where)


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("the vocabulary is damaged", where=where, expected="JSON", got=str(error)) from error
    return dict(found)


def _of_keras(config: Mapping[str, Any], said: Mapping[str, Any], where: str) -> Vocabulary:
    """What `Tokenizer.to_json()` has."""
    index, kept = config.get("word_index"), config.get("num_words")
    filters, unknown, split = config.get("filters"), config.get("oov_token"), config.get("split", " ")
    plain = isinstance(filters, str) and isinstance(unknown, str | None)
    if not isinstance(index, str) or not plain or not isinstance(kept, int | None) or split != " ":
        raise UnreadableFile(
            "this is no Tokenizer as Keras writes it", where=where, expected="what Tokenizer.to_json() gives"
        )
    unit = "characters" if config.get("char_level") else "words"
    lower = "all" if config.get("lower") else "none"
    own = replace(RULES["keras"], unit=unit, lower=lower, apart=f"{filters} ")
    found = numbered(_whole(_object(index, where), where), _rules(said, where, own), where, unknown)
    return found.within(kept) if kept else found


def _whole(numbers: Mapping[str, Any], where: str) -> dict[str, int]:
    strange = next((word for word, number in numbers.items() if type(number) is not int or number < 0), None)
    if strange is not None:
        raise UnreadableFile(
            "this is no vocabulary",
            where=where,
            expected="a number for each word, from 0",
            got=f"{strange!r}: {str(numbers[strange])[:80]}",
        )
    return dict(numbers)


def _rules(said: Mapping[str, Any], where: str, own: Rules | None = None) -> Rules:
    """The rules that are said, or those of the file."""
    found = RULES[said["rules"]] if "rules" in said else own
    if found is None:
        raise BadArgument(
            "nobody says how texts are divided into the words of this vocabulary",
            where=where,
            expected="rules=" + ", ".join(RULES),
            fix="say it: --input vocabulary=FILE,rules=keras, as Keras's Tokenizer and pad_sequences do; docs/texts.md",
        )
    if "lower" in said:
        found = replace(found, lower="all" if said["lower"] else "none")
    return replace(found, before=said["pad"] == "pre") if "pad" in said else found
