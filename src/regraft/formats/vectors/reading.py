"""From a file of word vectors to a network. Vectors go, block by block, to a file without a name, and are mapped."""

from __future__ import annotations

import errno
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from regraft.errors import OutOfSpace, UnreadableFile, UnsafeFile
from regraft.files.mapped import COPY_AGAIN
from regraft.formats.vectors.sniffing import HEAD, header_of, is_row
from regraft.network.network import GraphNetwork
from regraft.network.texts import word_vectors
from regraft.network.vocabulary import APART, Vocabulary

_MOST_WORDS = 1 << 22
_WORD, _NUMBER = 1 << 10, 1 << 6  # bytes that one may have
_BLOCK = 1 << 22  # bytes of the lines turned into numbers at once


def read_network(path: Path) -> GraphNetwork:
    """See `regraft.formats.vectors.read`."""
    table = _Table(str(path))
    try:
        with path.open("rb") as file, tempfile.TemporaryFile() as out:
            table.fill(file, out)
            out.flush()
            rows = np.memmap(out, np.float32, "r", shape=(len(table.numbers) + 1, table.width))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise UnreadableFile(f"{path.name} cannot be read", where=str(path), got=error.strerror) from error
        raise OutOfSpace("the vectors cannot be laid out on disk", where=tempfile.gettempdir()) from error
    if table.left_out:
        warnings.warn(
            f"{path.name}: {table.left_out:,} words stand there twice or are no UTF-8: left out", stacklevel=4
        )
    capitals = any(word != word.lower() for word in table.numbers)
    rules = APART if capitals else replace(APART, lower="all")
    return word_vectors(np.asarray(rows), Vocabulary(numbers=table.numbers, rules=rules), format="vectors")


_Line = tuple[int, bytes, bytes]  # its number, the word, the numbers


class _Table:
    """Words with their numbers from 1; row 0, which fills up, is zeros."""

    def __init__(self, where: str) -> None:
        self.numbers: dict[str, int] = {}
        self.width = 0
        self.left_out = 0
        self._where = where

    def fill(self, file: IO[bytes], out: IO[bytes]) -> None:
        """Read all lines.

        Raises:
            UnreadableFile: a line is no word with its numbers, or the first says otherwise than the rest.
            UnsafeFile: there are too many words.
        """
        first = file.readline(HEAD)
        header = header_of(first.split())
        self.width = header[1] if header else len(first.split()) - 1
        file.seek(len(first) if header else 0)
        out.write(bytes(4 * self.width))
        lines = 0
        for block in self._blocks(file, start=2 if header else 1):
            lines += len(block)
            self._take(block, out)
        if header and lines != header[0]:
            raise UnreadableFile(
                "the file holds another number of words than its first line says",
                where=self._where,
                expected=str(header[0]),
                got=str(lines),
                fix=COPY_AGAIN,
            )

    def _blocks(self, file: IO[bytes], start: int) -> Iterator[list[_Line]]:
        block: list[_Line] = []
        taken, longest = 0, _WORD + self.width * _NUMBER
        for number, line in enumerate(iter(lambda: file.readline(longest + 1), b""), start):
            if len(line) > longest:
                raise self._wrong("a line is too long", number, f"at most {longest} bytes", "more")
            if not line.strip():
                continue
            block.append((number, *self._divided(line, number)))
            taken += len(line)
            if taken > _BLOCK:
                yield block
                block, taken = [], 0
        if block:
            yield block

    def _divided(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """The word of a line, which may hold spaces, and its numbers."""
        word, _, numbers = line.rstrip().partition(b" ")
        if numbers.count(b" ") == self.width - 1:
            return word, numbers
        fields = line.split()
        if not is_row(fields, self.width):
            raise self._not_a_row(fields, number)
        return b" ".join(fields[: -self.width]), b" ".join(fields[-self.width :])

    def _take(self, block: list[_Line], out: IO[bytes]) -> None:
        rows = self._floats(block)
        kept: list[int] = []
        for place, (_, written, _) in enumerate(block):
            try:
                word = written.decode()
            except UnicodeDecodeError:
                word = ""
            if not word or word in self.numbers:
                self.left_out += 1
                continue
            self.numbers[word] = len(self.numbers) + 1
            kept.append(place)
        if len(self.numbers) > _MOST_WORDS:
            raise UnsafeFile(
                "there are too many words",
                where=self._where,
                expected=f"at most {_MOST_WORDS:,}",
                fix="keep the most frequent ones, which stand first: head -n 400000 FILE > FEWER",
            )
        out.write(rows[kept].tobytes())

    def _floats(self, block: list[_Line]) -> np.ndarray:
        """The vectors (n d) of some lines."""
        found = _numbers(b" ".join(numbers for *_, numbers in block))
        if len(found) == len(block) * self.width and np.isfinite(found).all():
            return found.reshape(len(block), self.width)
        for line, word, numbers in block:
            if len(own := _numbers(numbers)) != self.width or not np.isfinite(own).all():
                raise self._not_a_row([word, *numbers.split()], line)
        raise AssertionError("numbers are read alike alone and together")

    def _not_a_row(self, fields: list[bytes], line: int) -> UnreadableFile:
        for field in fields[1:]:
            if len(one := _numbers(field)) != 1 or not np.isfinite(one).all():
                return self._wrong("here stands no number", line, "a number", repr(field[:40].decode(errors="replace")))
        return self._wrong(
            "a line is of another length", line, f"a word and {self.width} numbers", f"{len(fields) - 1} numbers"
        )

    def _wrong(self, what: str, line: int, expected: str, got: str) -> UnreadableFile:
        return UnreadableFile(what, where=f"{self._where}, line {line}", expected=expected, got=got)


def _numbers(text: bytes) -> np.ndarray:
    """Numbers with spaces between them, up to what is none."""
    with warnings.catch_warnings(action="ignore"):  # numpy warns where it comes upon something else, or raises
        try:
            return np.fromstring(text, np.float32, sep=" ")
        except ValueError:
            return np.empty(0, np.float32)
