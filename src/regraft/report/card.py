"""The model card: what a model is, where it comes from and how good it is, for those who are handed it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from regraft.report import bars, words
from regraft.report.results import read_results
from regraft.run import RunFolder

_NAME = "model_card.md"
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>|#~$!&]|^[-+=]|(?<=^\d)[.)](?=\s)")


class _Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def write_card(run: RunFolder) -> Path:
    """Write `model_card.md` into the folder of a search.

    Raises:
        MissingFile, UnreadableFile: the run has no results of a search.
    """
    results = read_results(run)
    loader = PackageLoader("regraft.report")
    environment = Environment(
        loader=loader, finalize=_plain, undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    environment.filters |= {"code": _code, "block": _block}
    text = environment.get_template(_NAME).render(
        r=results, winner=results.winner, test=results.winner.test, words=words, scores=bars.scores(results)
    )
    run.write_bytes(_NAME, text.encode() + b"\n")
    return run.path / _NAME


def _plain(value: object) -> str:
    """What a template puts in, so that Markdown takes no part of it for a mark; on one line."""
    if isinstance(value, _Markdown):
        return value
    return _SPECIAL.sub(r"\\\g<0>", " ".join(str(value).splitlines()))


def _code(text: str) -> _Markdown:
    """A few words of code, fenced so that no backtick in them ends it."""
    fence = "`" * (_longest(text) + 1)
    pad = " " if "`" in text else ""
    return _Markdown(f"{fence}{pad}{' '.join(text.splitlines())}{pad}{fence}")


def _block(text: str) -> _Markdown:
    """Lines of code."""
    fence = "`" * max(3, _longest(text) + 1)
    return _Markdown(f"{fence}\n{text.rstrip()}\n{fence}")


def _longest(text: str) -> int:
    """How many backticks stand side by side at most."""
    return max(map(len, re.findall(r"`+", text)), default=0)
