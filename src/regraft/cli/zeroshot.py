"""`regraft zeroshot`: classes without an example, told by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.options import FeaturesAt, Input, Json, SkipBad, Weights

if TYPE_CHECKING:
    from regraft.few_labels import ZeroShot


def zeroshot(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Labelled data: folders of pictures by class, .npz, ...")],
    classes: Annotated[
        Path, Option(metavar="FILE", help="A line for each class: its name, then numbers or a description.")
    ],
    unseen: Annotated[
        list[str] | None, Option(metavar="CLASS", help="Not learned from; else each class in turn.")
    ] = None,
    encoder: Annotated[
        str | None, Option(metavar="hf:FOLDER", help="The text encoder that reads descriptions.")
    ] = None,
    at: FeaturesAt = None,
    input: Input = None,
    skip_bad: SkipBad = False,
    seed: Annotated[int, Option(help="Of the examples that are held back.")] = 0,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Tell classes apart of some of which there is no example, by attributes or descriptions of all.

    A matrix from the network's features to what is known of a class is learned from the other classes (ESZSL).
    """
    import regraft

    found = regraft.zeroshot(
        source,
        data,
        classes,
        unseen=unseen or None,
        encoder=encoder,
        at=at,
        input=input,
        skip_bad=skip_bad,
        seed=seed,
        weights=weights,
    )
    output.emit(found.as_json()) if json else _print(found)


def _print(found: ZeroShot) -> None:
    rows = [
        (", ".join(one.unseen), one.seen_accuracy, one.unseen_accuracy, one.harmonic, one.among_unseen, one.chance)
        for one in found.told
    ]
    columns = ("unseen", "seen classes", "unseen classes", "harmonic mean", "among unseen", "by chance")
    output.table(f"All classes to choose from, features at {found.at}", columns, rows)
