"""Every exception regraft raises on purpose.

    RegraftError
    ├── MissingFile        (FileNotFoundError)  there is nothing at that path
    ├── UnreadableFile     (ValueError)         the file is damaged, cut short or not what it says it is
    ├── UnsafeFile         (ValueError)         the file would run code, leave its folder or exhaust the machine
    ├── UnsupportedFormat  (ValueError)         a kind of file regraft does not open
    ├── UnsupportedOp      (NotImplementedError) the graph uses operations regraft cannot run
    ├── UnknownName        (LookupError)        no tensor, parameter or layer of that name
    ├── ShapeMismatch      (ValueError)         two shapes that must agree do not
    ├── BadArgument        (ValueError)         a value the caller gave cannot be used
    │   └── Diverged                            with these settings the loss of a training leaves all bounds
    ├── BadData            (ValueError)         the labelled data cannot be used as they are
    ├── OutOfSpace         (OSError)            the disk is full, or the budget for it is spent
    └── MissingExtra       (ImportError)        an optional package is needed

Each also inherits the builtin a Python user would catch. The command line turns every one of them
into exit code 2; anything else is our own failure and exits with 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RegraftError(Exception):
    """What failed, and as much of where, expected, got, nearest names and what to do as is known."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        nearest: Iterable[str] = (),
        fix: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.got = got
        self.nearest = tuple(nearest)
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        details = {
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "nearest": ", ".join(self.nearest),
            "to do": self.fix,
        }
        return "\n".join([self.what, *(f"  {key}: {text}" for key, text in details.items() if text)])


class MissingFile(RegraftError, FileNotFoundError):
    """There is nothing at that path."""


class UnreadableFile(RegraftError, ValueError):
    """The file is damaged, cut short or not what it says it is."""


class UnsafeFile(RegraftError, ValueError):
    """The file would run code, leave its folder or exhaust the machine."""


class UnsupportedFormat(RegraftError, ValueError):
    """A kind of file regraft does not open."""


class UnsupportedOp(RegraftError, NotImplementedError):
    """The graph uses operations regraft cannot run."""


class UnknownName(RegraftError, LookupError):
    """No tensor, parameter or layer of that name."""


class ShapeMismatch(RegraftError, ValueError):
    """Two shapes that must agree do not."""


class BadArgument(RegraftError, ValueError):
    """A value the caller gave cannot be used."""


class Diverged(BadArgument):
    """With these settings the loss of a training leaves all bounds."""


class BadData(RegraftError, ValueError):
    """The labelled data cannot be used as they are."""


class OutOfSpace(RegraftError, OSError):
    """The disk is full, or the budget for it is spent."""


class MissingExtra(RegraftError, ImportError):
    """An optional package is needed."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names that look most like `name`, best first."""
    return tuple(difflib.get_close_matches(name, list(known), n=count, cutoff=0.5))
