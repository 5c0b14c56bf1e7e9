"""`regraft zeroshot`: classes without an example, told by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import labelled, unlabelled
from regraft.cli.fewshot import print_told
from regraft.cli.options import FeaturesAt, Input, Json, LabelColumn, SkipBad, TextColumn, Weights

if TYPE_CHECKING:
    from regraft.few_labels import Nearest, ZeroShot


def zeroshot(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[
        Path | None, Argument(metavar="DATA", help="Labelled data: folders of pictures by class, .csv, .npz, ...")
    ] = None,
    classes: Annotated[
        Path | None,
        Option(metavar="FILE", help="A line for each class: its name, then numbers or a description; else the names."),
    ] = None,
    unseen: Annotated[
        list[str] | None, Option(metavar="CLASS", help="Not learned from; else each class in turn.")
    ] = None,
    encoder: Annotated[
        str | None, Option(metavar="hf:FOLDER", help="The text encoder that reads descriptions.")
    ] = None,
    template: Annotated[
        list[str] | None, Option(metavar="TEXT", help="What a description is put into: 'a photo of a {}'.")
    ] = None,
    predict: Annotated[
        Path | None, Option(metavar="PATH", help="Tell these, in place of a test; DATA are learned from, if need be.")
    ] = None,
    at: FeaturesAt = None,
    input: Input = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    seed: Annotated[int, Option(help="Of the examples that are held back.")] = 0,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Tell classes apart of some of which there is no example, by attributes or descriptions of all.

    A source that reads texts too, as a sentence encoder or CLIP, takes the class whose description is nearest. For
    another one a matrix from its features to what is known of a class is learned from the other classes (ESZSL).
    """
    import regraft
    from regraft.few_labels import Nearest, ZeroShot
    from regraft.few_labels.sentences import AS_IT_IS

    found = regraft.zeroshot(
        source,
        None if data is None else labelled(data, text, label, skip_bad=skip_bad),
        classes,
        query=None if predict is None else unlabelled([predict], text, beside=data, skip_bad=skip_bad),
        unseen=unseen or None,
        encoder=encoder,
        at=at,
        input=input,
        seed=seed,
        weights=weights,
        templates=template or (AS_IT_IS,),
    )
    if json:
        output.emit(found.as_json())
    elif isinstance(found, Nearest):
        _print_nearest(found)
    elif isinstance(found, ZeroShot):
        _print(found)
    else:
        print_told(found)


def _print_nearest(found: Nearest) -> None:
    low, high = found.interval
    row = (found.n, f"{found.accuracy:.3f} ({low:.3f} to {high:.3f})", found.balanced, found.majority)
    columns = ("examples", "accuracy, 95 %", "mean over classes", "most frequent class")
    output.table("The class whose description is nearest", columns, [row])


def _print(found: ZeroShot) -> None:
    rows = [
        (", ".join(one.unseen), one.seen_accuracy, one.unseen_accuracy, one.harmonic, one.among_unseen, one.chance)
        for one in found.told
    ]
    columns = ("unseen", "seen classes", "unseen classes", "harmonic mean", "among unseen", "by chance")
    output.table(f"All classes to choose from, features at {found.at}", columns, rows)
