"""Pickles of arrays, read by a machine of our own that can call nothing.

A pickle is a program for a small stack machine; Python's own lets it call any function. This one knows the
instructions that build numbers, words, lists and dictionaries, and `allowed.Makers` for the few names that stand for
arrays. Every other name is refused the moment it is read. Bytes and long words are views of the file.
"""

from __future__ import annotations

import codecs
import struct
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from regraft.errors import RegraftError, UnsafeFile
from regraft.files.mapped import damaged
from regraft.formats.arrays.allowed import Built, Makers, Word, plain_key

_MARK = object()
_LONG = 256  # a longer word is kept as a view of the file
# Small objects take far more memory than the byte that makes one; weights are large ones, and few.
_STEPS_AT_LEAST, _BYTES_A_STEP = 50_000, 64
_DAMAGE = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, RecursionError,
    AssertionError, Warning, struct.error,
)  # fmt: skip
_STOP = ord(".")


class Machine:
    """Runs one pickle; `position` is then behind it.

    Attributes:
        persistent: gives what an outside reference of the pickle (a torch storage) stands for.
    """

    def __init__(self, data: memoryview, where: str, *, position: int = 0, steps: int | None = None) -> None:
        """See the class.

        Args:
            position: where the pickle begins in the data.
            steps: how many instructions it may have; None: as many as a file of this size may.
        """
        self.data = data
        self.where = where
        self.position = position
        self.steps = steps_for(len(data)) if steps is None else steps
        self.persistent: Callable[[Any], Any] | None = None
        self.makers = Makers(self)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The value the pickle builds.

        Raises:
            UnsafeFile: it asks for anything but arrays.
            UnreadableFile: it is damaged.
        """
        try:
            while (code := self.take(1)[0]) != _STOP:
                step = self._STEPS.get(code)
                if step is None:
                    raise ValueError(f"instruction {bytes([code])!r}")
                self.steps -= 1
                if self.steps < 0:
                    raise self._too_many()
                step(self)
            return self._pop()
        except RegraftError:
            raise
        except _DAMAGE as error:
            got = f"{type(error).__name__}: {error}"[:200]
            raise damaged(self.where, expected="a pickle of arrays", got=f"{got} at byte {self.position}") from error

    def nested(self) -> Any:
        """The value of a pickle that begins here, inside of this one."""
        inner = Machine(self.data, self.where, position=self.position, steps=self.steps)
        value = inner.load()
        self.position, self.steps = inner.position, inner.steps
        return value

    def _too_many(self) -> UnsafeFile:
        return UnsafeFile(
            "the pickle builds more small objects than weights need, and would fill the memory",
            where=self.where,
            fix="where it was made: save the weights as arrays, with numpy.savez",
        )

    # --- reading ------------------------------------------------------------------------------------

    def take(self, size: int) -> memoryview:
        """The next bytes of the file."""
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise damaged(
                self.where,
                expected=f"{size} bytes from byte {self.position}",
                got=f"{len(self.data) - self.position} bytes",
            )
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def _line(self) -> bytes:
        end, step = self.position, 256
        while True:  # a mapped file has no find
            piece = bytes(self.data[end : end + step])
            if (place := piece.find(b"\n")) >= 0:
                break
            if not piece:
                raise ValueError("a line without end")
            end, step = end + len(piece), min(2 * step, 1 << 20)
        line = bytes(self.take(end + place - self.position))
        self.take(1)
        return line

    # --- the stack ----------------------------------------------------------------------------------

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def _to_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise ValueError("no mark")
        items = self._stack[place + 1 :]
        del self._stack[place:]
        return items

    # --- instructions -------------------------------------------------------------------------------

    def _word(self, size: int, encoding: str) -> None:
        view = self.take(size)
        self._push(Word(view, encoding) if size > _LONG else str(view, encoding, "surrogatepass"))

    def _old_word(self, size: int) -> None:
        """A `str` of Python 2: a name or the bytes of an array."""
        view = self.take(size)
        self._push(Word(view, "latin-1") if size > _LONG else bytes(view))

    def _quoted(self) -> None:
        text = self._line().strip()
        if len(text) < 2 or text[0] != text[-1] or text[0] not in b"'\"":
            raise ValueError("a word without quotes")
        with warnings.catch_warnings(action="error"):  # an unknown escape is none that Python wrote
            self._push(codecs.escape_decode(text[1:-1])[0])

    def _integer(self) -> None:
        line = self._line()
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def _long(self, size: int) -> None:
        if size > 1024:
            raise ValueError(f"a number of {size} bytes")
        self._push(int.from_bytes(self.take(size), "little", signed=True))

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError("items for what is no list")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError("items for what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[plain_key(key)] = value

    def _pair(self) -> list[Any]:
        value, key = self._pop(), self._pop()
        return [key, value]

    def _dict(self) -> None:
        items = self._to_mark()
        self._push({})
        self._set_items(items)

    def _tuple(self, size: int) -> None:
        items = [self._pop() for _ in range(size)]
        self._push(tuple(reversed(items)))

    def _global(self, module: str, name: str) -> None:
        self._push(self.makers.known(module, name))

    def _line_global(self) -> None:
        module, name = self._line().decode("latin-1"), self._line().decode("latin-1")
        self._global(module, name)

    def _stacked_global(self) -> None:
        name, module = plain_key(self._pop()), plain_key(self._pop())
        self._global(f"{module}"[:200], f"{name}"[:200])

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(arguments, tuple):
            raise TypeError("a call without arguments")
        self._push(self.makers.call(function, arguments))

    def _build(self) -> None:
        state = self._pop()
        if not isinstance(self._stack[-1], Built):
            # an OrderedDict's own attributes (torch keeps the versions of modules there) say nothing of weights
            if isinstance(self._stack[-1], dict) and isinstance(state, dict):
                return
            raise TypeError("a state for what has none")
        self._stack[-1] = self._replaced(self._stack[-1], self._stack[-1].build(state))

    def _replaced(self, old: Built, new: Any) -> Any:
        """Puts what an object became in its place, also where the pickle remembers it."""
        if new is not old:
            for key in old.remembered:
                self._memo[key] = new
        return new

    def _remember(self, key: int) -> None:
        value = self._stack[-1]
        if isinstance(value, Built):
            value.remembered.append(key)
        self._memo[key] = value

    def _outside(self, reference: Any) -> None:
        if self.persistent is None:
            raise UnsafeFile(
                "the pickle refers to something outside of itself",
                where=self.where,
                got=f"a {type(reference).__name__}",
            )
        self._push(self.persistent(reference))

    _STEPS: ClassVar[dict[int, Callable[[Machine], Any]]] = {
        ord(code): step
        for code, step in {
            "\x80": lambda m: m.take(1),
            "\x95": lambda m: m.take(8),  # a frame: where the pickle may be read in one piece
            "(": lambda m: m._push(_MARK),
            "0": lambda m: m._stack.pop(),
            "1": lambda m: m._to_mark(),
            "2": lambda m: m._push(m._stack[-1]),
            "N": lambda m: m._push(None),
            "\x88": lambda m: m._push(True),
            "\x89": lambda m: m._push(False),
            "I": _integer,
            "L": lambda m: m._push(int(m._line().rstrip(b"L"))),
            "J": lambda m: m._push(m._number("<i")),
            "K": lambda m: m._push(m._number("<B")),
            "M": lambda m: m._push(m._number("<H")),
            "\x8a": lambda m: m._long(m._number("<B")),
            "\x8b": lambda m: m._long(m._number("<i")),
            "F": lambda m: m._push(float(m._line())),
            "G": lambda m: m._push(m._number(">d")),
            "S": _quoted,
            "T": lambda m: m._old_word(m._number("<i")),
            "U": lambda m: m._old_word(m._number("<B")),
            "V": lambda m: m._push(m._line().decode("raw_unicode_escape")),
            "X": lambda m: m._word(m._number("<I"), "utf-8"),
            "\x8c": lambda m: m._word(m._number("<B"), "utf-8"),
            "\x8d": lambda m: m._word(m._number("<Q"), "utf-8"),
            "B": lambda m: m._push(m.take(m._number("<I"))),
            "C": lambda m: m._push(m.take(m._number("<B"))),
            "\x8e": lambda m: m._push(m.take(m._number("<Q"))),
            "\x96": lambda m: m._push(m.take(m._number("<Q"))),
            "]": lambda m: m._push([]),
            "l": lambda m: m._push(m._to_mark()),
            "a": lambda m: m._append([m._pop()]),
            "e": lambda m: m._append(m._to_mark()),
            "}": lambda m: m._push({}),
            "d": _dict,
            "s": lambda m: m._set_items(m._pair()),
            "u": lambda m: m._set_items(m._to_mark()),
            ")": lambda m: m._push(()),
            "t": lambda m: m._push(tuple(m._to_mark())),
            "\x85": lambda m: m._tuple(1),
            "\x86": lambda m: m._tuple(2),
            "\x87": lambda m: m._tuple(3),
            "c": _line_global,
            "i": _line_global,  # an instance: no array is one, so that its class is refused
            "\x93": _stacked_global,
            "R": _reduce,
            "\x81": _reduce,  # cls.__new__(cls, *args): the makers know no difference
            "b": _build,
            "p": lambda m: m._remember(int(m._line())),
            "q": lambda m: m._remember(m._number("<B")),
            "r": lambda m: m._remember(m._number("<I")),
            "\x94": lambda m: m._remember(len(m._memo)),
            "g": lambda m: m._push(m._memo[int(m._line())]),
            "h": lambda m: m._push(m._memo[m._number("<B")]),
            "j": lambda m: m._push(m._memo[m._number("<I")]),
            "P": lambda m: m._outside(m._line()),
            "Q": lambda m: m._outside(m._pop()),
        }.items()
    }


def steps_for(size: int) -> int:
    """How many instructions a pickle in a file of that size may have."""
    return _STEPS_AT_LEAST + size // _BYTES_A_STEP
