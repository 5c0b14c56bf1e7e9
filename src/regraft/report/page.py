"""The page: one HTML file that holds all it shows and asks nothing of any other machine."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regraft.data import Examples
from regraft.report import bars, figures, words
from regraft.report.pictures import shown
from regraft.report.results import Results, Trial, read_results
from regraft.run import RunFolder

_NAME = "report.html"
_MOST_CLASSES = 25  # nobody looks through a wider matrix


def write_report(run: RunFolder, pictures: Examples | None) -> Path:
    """Write `report.html` into the folder of a search. The same results give the same bytes.

    Args:
        pictures: the examples that the mistakes of the run point into; None: they are named, not shown.

    Raises:
        MissingFile, UnreadableFile: the run has no results of a search.
        BadArgument: the pictures are not those of the run.
    """
    results = read_results(run)
    run.write_bytes(_NAME, _page(results, pictures).encode())
    return run.path / _NAME


def _page(results: Results, pictures: Examples | None) -> str:
    loader = PackageLoader("regraft.report")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    script = _part("report.js")
    wide, narrow = figures.curve(results)
    return environment.get_template("report.html").render(
        r=results,
        words=words,
        style=_part("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        curve_wide=wide,
        curve_narrow=narrow,
        scores=bars.scores(results),
        trials=sorted(results.trials, key=_rank),
        stages=bars.stages(results),
        price=bars.price(results),
        matrix=len(results.winner.test.classes) <= _MOST_CLASSES,
        mistakes=shown(results.mistakes, pictures),
        learned=figures.learning(results),
    )


def _part(name: str) -> Markup:
    """A file beside the template, which goes into the page as it is."""
    return Markup((files("regraft.report") / "templates" / name).read_text(encoding="utf-8"))


def _rank(trial: Trial) -> tuple[float, int]:
    return 1 if trial.score is None else -trial.score, trial.number
