"""`regraft fewshot`: how far a network's features go with a few labelled examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import labelled, unlabelled
from regraft.cli.options import FeaturesAt, Input, Json, LabelColumn, SkipBad, TextColumn, Weights, numbers

if TYPE_CHECKING:
    from regraft.few_labels import Recognised, Study


def fewshot(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Labelled: folders of pictures by class, .npz, a table, ...")],
    shots: Annotated[str, Option(metavar="N,N", help="Labelled examples of each class.")] = "1,5",
    ways: Annotated[int, Option(help="Classes of an episode.")] = 5,
    queries: Annotated[int, Option(help="Examples of each class to recognise in an episode.")] = 15,
    episodes: Annotated[int, Option(help="How many are drawn.")] = 600,
    predict: Annotated[
        Path | None, Option(metavar="PATH", help="Recognise these by all of DATA, in place of episodes.")
    ] = None,
    at: FeaturesAt = None,
    input: Input = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    seed: Annotated[int, Option(help="Of the episodes, and of the folds that choose a method.")] = 0,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Tell classes apart by a few examples of each: in episodes drawn from labelled data, or for use.

    Nearest centroid, nearest neighbours, logistic regression and support vector machines learn from the features that
    the network gives; which of them to take, cross-validation among the few examples says. The network is not trained.
    """
    import regraft

    common: dict[str, Any] = {"at": at, "input": input, "seed": seed, "weights": weights}
    known = labelled(data, text, label, skip_bad=skip_bad)
    if predict is not None:
        told = regraft.recognise(source, known, unlabelled([predict], text, beside=data, skip_bad=skip_bad), **common)
        output.emit(told.as_json()) if json else print_told(told)
        return
    found = regraft.fewshot(
        source, known, shots=numbers(shots, "--shots"), ways=ways, queries=queries, episodes=episodes, **common
    )
    output.emit(found.as_json()) if json else _print(found)


def _print(found: Study) -> None:
    setup = found.setup
    title = f"{setup.ways} classes, {setup.count} episodes of {setup.queries} queries a class, features at {found.at}"
    rows = [
        (one.shots, one.features, one.method, one.accuracy, f"{one.interval[0]:.3f} to {one.interval[1]:.3f}")
        for one in sorted(found.results, key=lambda one: one.shots)
    ]
    output.table(title, ("shots", "features", "method", "accuracy", "95 %"), rows)


def print_told(told: Recognised) -> None:
    """The table of what examples were taken for."""
    output.table(f"Recognised by {told.method}", ("input", "class"), zip(told.inputs, told.classes, strict=True))
