"""`regraft evaluate`: how well a network does on labelled data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import labelled
from regraft.cli.options import Device, Input, Json, Kind, LabelColumn, Names, Output, SkipBad, TextColumn, Weights
from regraft.errors import BadArgument

if TYPE_CHECKING:
    from regraft.tasks.classify import Report
    from regraft.tasks.scores import AnyReport

_MOST_CLASSES = 20  # a wider confusion matrix is for a file, not for a terminal


def evaluate(
    model: Annotated[
        str,
        Argument(
            metavar="MODEL",
            help="A run, a model folder, or any source; with --watch a run, or a TensorFlow training's folder.",
        ),
    ],
    data: Annotated[
        Path | None, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")
    ] = None,
    labels: Names = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    task: Kind = "classify",
    to: Output = None,
    input: Input = None,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    weights: Weights = None,
    watch: Annotated[
        float | None,
        Option(metavar="SECONDS", help="Judge each checkpoint of a training that goes on, looking so often."),
    ] = None,
    ema: Annotated[bool, Option("--ema", help="With --watch: with moving averages in place of the weights.")] = False,
    json: Json = False,
) -> None:
    """Judge labelled data and say how much of it was right, class by class; with --watch, checkpoint by checkpoint.

    Of a run that is watched DATA may be left out: its own validation part is taken.
    """
    import regraft

    _require_fitting(data, watch, ema=ema, weights=weights)
    part = "test" if watch is None else "validation"
    examples = data and labelled(data, text, label, task=task, skip_bad=skip_bad, part=part)
    how: dict[str, Any] = {"to": to, "labels": labels, "input": input, "device": device}
    if watch is None:
        report = regraft.evaluate(model, examples, weights=weights, **how)
        output.emit(report.as_json()) if json else _print(report)
        return
    for found in regraft.watch(model, examples, seconds=watch, ema=ema, **how):
        output.emit(found.as_json()) if json else print(found)
        sys.stdout.flush()  # into a pipe too, each line when it is known


def _require_fitting(data: Path | None, watch: float | None, *, ema: bool, weights: str | None) -> None:
    """Refuse words that say nothing together."""
    if watch is None and data is None:
        raise BadArgument("which data shall be judged?", fix="name them: regraft evaluate MODEL DATA")
    if watch is None and ema:
        raise BadArgument(
            "--ema goes with --watch", fix="a run's model has the averages, and its folder raw the weights as they were"
        )
    if watch is not None and weights is not None:
        raise BadArgument("--watch takes the weights of each checkpoint", got=f"--weights {weights}")


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
