"""Texts, one a line of a file, read where they lie: the file may be larger than the memory."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, overload

from regraft.data.pairs import Text
from regraft.errors import BadData, UnreadableFile, UnsupportedFormat

T = TypeVar("T")

TEXT_ENDINGS = (".txt", ".text")

_UTF8, _WINDOWS = "utf-8", "cp1252"  # of the second latin-1 is a part
_EVERY = 16  # lines from one place that is kept to the next
_LONGEST = 1 << 20  # bytes of a line
_MARK = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


class Lines(Sequence[str]):
    """The lines of a text file that are not blank, without the spaces around them.

    Only a newline ends a line. Every sixteenth place is kept: a file of any size takes next to no memory.

    Attributes:
        encoding: "utf-8", or "cp1252" (Windows, of which latin-1 is a part).
        unfit: the number of the first line that is no UTF-8; None: all are.
    """

    def __init__(self, path: Path) -> None:
        """Look through the whole file once.

        Raises:
            UnsupportedFormat: it is UTF-16, or no text.
            UnreadableFile: it is neither UTF-8 nor Windows's text throughout, or the system refuses it.
            BadData: it has no line, or one of a megabyte and more.
        """
        self._path = path
        if not path.is_file():
            raise UnreadableFile(f"{path.name} cannot be opened", where=str(path), expected="a file")
        try:
            with path.open("rb") as file:
                looked = _looked_through(file, str(path))
        except OSError as error:
            raise UnreadableFile(f"{path.name} cannot be opened", where=str(path), got=error.strerror) from None
        self.encoding, self.unfit = _WINDOWS if looked.unfit else _UTF8, looked.unfit
        self._places, self._count = looked.places, looked.count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return self._from(0)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            wanted = range(*index.indices(len(self)))
            return self._read(wanted) if wanted.step == 1 else [self[place] for place in wanted]
        place = range(len(self))[index]
        return self._read(range(place, place + 1))[0]

    def _read(self, wanted: range) -> list[str]:
        """Lines that follow each other."""
        found = list(islice(self._from(wanted.start), len(wanted))) if wanted else []
        if len(found) < len(wanted):
            raise UnreadableFile("the file has become shorter since it was opened", where=str(self._path))
        return found

    def _from(self, first: int) -> Iterator[str]:
        with self._path.open("rb") as file:
            file.seek(self._places[first // _EVERY])
            for _, line in islice(_filled(file), first % _EVERY, None):
                yield self._text(line)

    def _text(self, line: bytes) -> str:
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise UnreadableFile(
                "the file has changed since it was opened", where=str(self._path), got=str(error)
            ) from error


class Made(Sequence[T]):
    """What is made of each text, when it is asked for."""

    def __init__(self, make: Callable[[Any], T], texts: Sequence[Any]) -> None:
        self._make = make
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._texts)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Made[T]: ...
    def __getitem__(self, index: int | slice) -> T | Made[T]:
        return Made(self._make, self._texts[index]) if isinstance(index, slice) else self._make(self._texts[index])


def digest(text: Text) -> bytes:
    """What tells a text from others, or a pair from other pairs."""
    content = text if isinstance(text, str) else "\0".join(text)
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


@dataclass(frozen=True, kw_only=True)
class _Looked:
    unfit: int | None
    places: array[int]
    count: int


def _looked_through(file: IO[bytes], where: str) -> _Looked:
    _refuse_wide(file.read(2), where)
    file.seek(0)
    places, count = array("q"), 0
    unfit: int | None = None  # the first line that is no UTF-8
    fit: int | None = None  # the first that is, and is no ASCII
    strange: int | None = None  # the first that Windows does not know
    for number, (place, line) in enumerate(_numbered(file), 1):
        if len(line) > _LONGEST:
            raise BadData("a line is longer than a megabyte", where=f"{where}, line {number}")
        if b"\0" in line:
            raise UnsupportedFormat(
                "this is no text", where=f"{where}, line {number}", expected="UTF-8", got="a byte of 0"
            )
        if not line.isascii():
            if _is(line, _UTF8):
                fit = fit or number
            else:
                unfit = unfit or number
                strange = strange or (None if _is(line, _WINDOWS) else number)
        if line.strip():
            if count % _EVERY == 0:
                places.append(place)
            count += 1
    if unfit and (fit or strange):
        raise UnreadableFile(
            "this is no UTF-8",
            where=f"{where}, line {unfit}",
            expected="one encoding throughout: UTF-8, or latin-1 (Windows-1252)",
            got=f"line {fit} is UTF-8" if fit else f"line {strange} is neither",
            fix="write it anew in one encoding: iconv -f ITS-ENCODING -t utf-8 FILE",
        )
    if not count:
        raise BadData("there is no text here", where=where, expected="a text a line")
    return _Looked(unfit=unfit, places=places, count=count)


def _refuse_wide(head: bytes, where: str) -> None:
    if head in _WIDE:
        raise UnsupportedFormat(
            "this text is UTF-16",
            where=where,
            expected="UTF-8, or latin-1 (Windows-1252)",
            fix="write it anew: iconv -f utf-16 -t utf-8 FILE",
        )


def _numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """From where a file stands, each line with its place; of one that is too long a part."""
    place = file.tell()
    while line := file.readline(_LONGEST + 1):
        start, place = place, place + len(line)
        yield (start, line) if start else (len(_MARK) * line.startswith(_MARK), line.removeprefix(_MARK))


def _filled(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, without what surrounds them."""
    return ((place, line.strip()) for place, line in _numbered(file) if line.strip())


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
