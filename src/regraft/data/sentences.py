"""Sentences whose words have tags: CoNLL-U, and files of columns with a word a line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from regraft.data.iob import Scheme, TagNames, marked
from regraft.data.texts import Lines
from regraft.errors import BadArgument, BadData, UnreadableFile, nearest_names

ENDINGS = (".conllu", ".conll", ".bio", ".bioes", ".bilou", ".iob", ".iob1", ".iob2")

_FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")  # of CoNLL-U
_ID = re.compile("[0-9]+(?P<no_word>[-.][0-9]+)?")
_DOCUMENT = "-DOCSTART-"  # begins a document in CoNLL-2003
_LAST = "ner"  # what the last column may be called, whatever it holds


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Sentences as they were read.

    Attributes:
        sentences: the words of each.
        tags: as many for each; none at all where words alone were read.
        scheme: how the tags mark entities; "" where they mark none, and each is a class by itself.
        notes: what was done that the user of the file must know.
        skipped: the sentences that were left out, and why.
    """

    sentences: tuple[tuple[str, ...], ...]
    tags: tuple[TagNames, ...] = ()
    scheme: Scheme = ""
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def read_tagged(path: Path, column: str | None, *, skip_bad: bool = False) -> Tagged:
    """The sentences of a file with a tag for each word; IOB1 becomes IOB2, BILOU becomes BIOES.

    Args:
        path: CoNLL-U where it ends in .conllu; else a file of columns, the word in the first.
        column: what holds the tags: of CoNLL-U a name, usually upos; in a file of columns a number, counted from 1,
            or "ner", the last, which is usual.
        skip_bad: leave out sentences whose tags break the scheme that most keep to.

    Raises:
        UnreadableFile, UnsupportedFormat: it cannot be opened, or is in no encoding that is known.
        BadArgument: it has no such column.
        BadData: it has no sentence, a line has too many or too few columns, a word lacks its tag, or the entities
            keep to no scheme throughout.
    """
    file = _open(path)
    lines, words, tags = zip(*file.sentences(file.form.column(column)), strict=True)
    found = marked(tags, lines, str(path), skip_bad=skip_bad)
    turned = (f"{path}: the tags are {found.was} and were turned into {found.scheme}",) if found.was else ()
    return Tagged(
        sentences=tuple(own for k, own in enumerate(words) if k not in found.left_out),
        tags=found.tags,
        scheme=found.scheme,
        notes=file.notes + turned,
        skipped=tuple(f"{path}, {why}" for why in found.left_out.values()),
    )


def read_sentences(path: Path) -> Tagged:
    """The words of a file alone, whether they have tags or not.

    Raises:
        UnreadableFile, UnsupportedFormat: it cannot be opened, or is in no encoding that is known.
        BadData: it has no sentence, or a line has too many or too few columns.
    """
    file = _open(path)
    return Tagged(sentences=tuple(words for _, words, _ in file.sentences(None)), notes=file.notes)


_Block = Sequence[tuple[int, str]]  # lines without a blank one between them, each with its number
_Sentence = tuple[tuple[int, ...], tuple[str, ...], TagNames]  # of each word its line, itself, its tag


@dataclass(frozen=True, kw_only=True)
class _Conllu:
    """Ten columns with names."""

    path: Path
    word = _FIELDS.index("form")
    missing = ("", "_")

    def column(self, name: str | None) -> int:
        """Where the tags stand."""
        known = _FIELDS[1:]
        name = name or "upos"
        if name.lower() not in known:
            raise BadArgument(
                f"CoNLL-U has no column {name!r}",
                where=str(self.path),
                expected=", ".join(known),
                nearest=nearest_names(name.lower(), known),
            )
        return _FIELDS.index(name.lower())

    def cells(self, number: int, line: str) -> Sequence[str]:
        """The columns of a word; nothing for comments, several words at once, and words that were left unsaid."""
        if line.startswith("#"):
            return ()
        cells = [cell.strip(" ") for cell in line.split("\t")]
        found = _ID.fullmatch(cells[0])
        if len(cells) != len(_FIELDS) or not found:
            raise BadData(
                "this is no line of CoNLL-U",
                where=f"{self.path}, line {number}",
                expected="the number of a word and nine more columns, with tabs between them",
                got=_shown(line),
            )
        return () if found["no_word"] else cells


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """As many columns as the first line has, with tabs between them, or else spaces."""

    path: Path
    number: int  # of the first line
    line: str
    tabs: bool
    count: int
    word = 0
    missing = ("",)

    @classmethod
    def like(cls, path: Path, number: int, line: str) -> _Columns:
        """The columns of a file with that first line."""
        tabs = "\t" in line.strip()
        return cls(path=path, number=number, line=line, tabs=tabs, count=len(_split(line, tabs)))

    def column(self, name: str | None) -> int:
        """Where the tags stand."""
        where = f"{self.path}, line {self.number}"
        if self.count == 1:
            raise BadData("the words have no tags", where=where, expected="two columns or more", got=_shown(self.line))
        numbers = {str(k): k - 1 for k in range(2, self.count + 1)}
        if name is None or name == _LAST:
            return self.count - 1
        if name not in numbers:
            raise BadArgument(
                f"the file has no column of tags {name!r}",
                where=where,
                expected=f"{'a number from 2 to ' if self.count > 2 else ''}{self.count}, or {_LAST}: the last",
                got=_shown(self.line),
                nearest=nearest_names(name, (_LAST,)),
            )
        return numbers[name]

    def cells(self, number: int, line: str) -> Sequence[str]:
        """The columns of a word."""
        cells = _split(line, self.tabs)
        if len(cells) != self.count:
            raise BadData(
                "the lines have different numbers of columns",
                where=f"{self.path}, line {number}",
                expected=f"{self.count}, as in line {self.number}",
                got=f"{len(cells)}: {_shown(line)}",
                fix="give each word a line, all with the same columns; only .conllu may have comments",
            )
        return cells


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    form: _Conllu | _Columns
    blocks: Sequence[_Block]
    notes: tuple[str, ...]

    def sentences(self, tag: int | None) -> list[_Sentence]:
        """Each sentence with the tags of a column; None: without."""
        found = [sentence for block in self.blocks if (sentence := self._sentence(block, tag))]
        if not found:
            raise _no_sentence(self.path)
        return found

    def _sentence(self, block: _Block, tag: int | None) -> _Sentence | None:
        rows = [(number, cells) for number, line in block if (cells := self.form.cells(number, line))]
        words = tuple(self._cell(row, self.form.word, "word", ("",)) for row in rows)
        tags = () if tag is None else tuple(self._cell(row, tag, "tag", self.form.missing) for row in rows)
        return (tuple(number for number, _ in rows), words, tags) if rows else None

    def _cell(self, row: tuple[int, Sequence[str]], at: int, what: str, missing: Sequence[str]) -> str:
        number, cells = row
        if cells[at] in missing:
            raise BadData(
                f"a {what} is missing",
                where=f"{self.path}, line {number}, column {at + 1}",
                got=_shown(" ".join(cells)),
            )
        return cells[at]


def _open(path: Path) -> _File:
    text, notes = _text(path)
    blocks = list(_blocks(text))
    if not blocks:
        raise _no_sentence(path)
    form = _Conllu(path=path) if path.suffix.lower() == ".conllu" else _Columns.like(path, *blocks[0][0])
    return _File(path=path, form=form, blocks=blocks, notes=notes)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    """What a file holds, and what must be said of its encoding."""
    lines = Lines(path)
    try:
        text = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode(lines.encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile("the file has changed since it was opened", where=str(path), got=str(error)) from error
    if lines.unfit is None:
        return text, ()
    return text, (f"{path} is read as latin-1 (Windows-1252): its line {lines.unfit} is no UTF-8",)


def _blocks(text: str) -> Iterator[_Block]:
    lines = ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1))
    for within, block in groupby(lines, lambda line: bool(line[1].strip()) and not line[1].startswith(_DOCUMENT)):
        if within:
            yield list(block)


def _split(line: str, tabs: bool) -> Sequence[str]:
    if tabs:
        return [cell.strip(" ") for cell in line.split("\t")]
    return [cell for cell in line.strip("\t").split(" ") if cell]


def _no_sentence(path: Path) -> BadData:
    return BadData(
        "there is no sentence here", where=str(path), expected="a word a line, and a blank line after each sentence"
    )


def _shown(line: str) -> str:
    return line[:80]
