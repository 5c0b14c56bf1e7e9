"""`regraft evaluate`: how well a network does on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from regraft.cli import output
from regraft.cli.examples import labelled
from regraft.cli.options import Device, Input, Json, LabelColumn, Names, Output, SkipBad, TextColumn, Weights

if TYPE_CHECKING:
    from regraft.tasks.classify import Report

_MOST_CLASSES = 20  # a wider confusion matrix is for a file, not for a terminal


def evaluate(
    model: Annotated[str, Argument(metavar="MODEL", help="A run, a model folder, or any source with its labels.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")],
    labels: Names = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    to: Output = None,
    input: Input = None,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Judge labelled data and say how much of it was right, class by class."""
    import regraft

    report = regraft.evaluate(
        model,
        labelled(data, text, label, skip_bad=skip_bad, part="test"),
        to=to,
        labels=labels,
        input=input,
        device=device,
        weights=weights,
    )
    output.emit(report.as_json()) if json else _print(report)


def _print(report: Report) -> None:
    for title, found in (("Classes", report.per_class), ("Entities", report.entities)):
        scores = ((s.name or "all together", s.n, s.precision, s.recall, s.f1) for s in found)
        if found:
            output.table(title, (title.lower(), "number", "precision", "recall", "F1"), scores)
    if len(report.classes) <= _MOST_CLASSES:
        rows = ([name, *map(int, row)] for name, row in zip(report.classes, report.confusion, strict=True))
        output.table("What they were taken for", ("class", *report.classes), rows)
    print(f"Accuracy {report.accuracy:.4f} on {report.n} examples, loss {report.loss:.4f}")
