"""`regraft evaluate`: how well a network does on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from regraft.cli import output
from regraft.cli.examples import labelled
from regraft.cli.options import Device, Input, Json, Kind, LabelColumn, Names, Output, SkipBad, TextColumn, Weights

if TYPE_CHECKING:
    from regraft.tasks.classify import Report
    from regraft.tasks.scores import AnyReport

_MOST_CLASSES = 20  # a wider confusion matrix is for a file, not for a terminal


def evaluate(
    model: Annotated[str, Argument(metavar="MODEL", help="A run, a model folder, or any source with its labels.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")],
    labels: Names = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    task: Kind = "classify",
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
        labelled(data, text, label, task=task, skip_bad=skip_bad, part="test"),
        to=to,
        labels=labels,
        input=input,
        device=device,
        weights=weights,
    )
    output.emit(report.as_json()) if json else _print(report)


def _print(report: AnyReport) -> None:
    """The scores of each class, label or number, and those of all together."""
    from regraft.tasks.multilabel import LabelReport
    from regraft.tasks.regress import NumberReport

    if isinstance(report, NumberReport):
        rows = [(one.name, one.r2, one.mae, one.rmse) for one in report.numbers]
        output.table("Numbers", ("number", "R²", "mean error", "root of mean squared error"), rows)
        print(f"R² {report.score:.4f} on {report.n} examples")
    elif isinstance(report, LabelReport):
        rows = [(one.name, one.n, one.precision, one.recall, one.f1) for one in report.per_class]
        output.table("Labels", ("label", "number", "precision", "recall", "F1"), rows)
        print(f"F1 {report.f1:.4f} on {report.n} examples, all labels right {report.exact:.4f}, loss {report.loss:.4f}")
    else:
        _print_classes(report)


def _print_classes(report: Report) -> None:
    for title, found in (("Classes", report.per_class), ("Entities", report.entities)):
        scores = ((s.name or "all together", s.n, s.precision, s.recall, s.f1) for s in found)
        if found:
            output.table(title, (title.lower(), "number", "precision", "recall", "F1"), scores)
    if len(report.classes) <= _MOST_CLASSES:
        rows = ([name, *map(int, row)] for name, row in zip(report.classes, report.confusion, strict=True))
        output.table("What they were taken for", ("class", *report.classes), rows)
    print(f"Accuracy {report.accuracy:.4f} on {report.n} examples, loss {report.loss:.4f}")
