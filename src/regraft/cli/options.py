"""Options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from regraft.errors import BadArgument

Json = Annotated[bool, Option("--json", help="One JSON object on standard output, all else on standard error.")]
FeaturesAt = Annotated[
    str | None, Option("--at", metavar="TENSOR", help="Whose values the features are; else the bottleneck.")
]
Input = Annotated[str | None, Option(metavar="SPEC", help="How examples are fed: range=-1..1,channels=rgb; length=64")]
SkipBad = Annotated[bool, Option("--skip-bad", help="Leave out pictures that cannot be read.")]
TextColumn = Annotated[
    str | None, Option("--text", metavar="COLUMN", help="Of a table: the one that holds the texts; A,B: two, of pairs.")
]
LabelColumn = Annotated[
    str | None,
    Option(
        "--label",
        metavar="COLUMN",
        help="Of a table: the one that holds the labels; A,B: several, with --task.",
    ),
]
Labels = Literal["classify", "multilabel", "regress"]
Kind = Annotated[
    Labels,
    Option("--task", help="What labels are: a class each, several labels each, or numbers."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], Option(help="Where to compute.")]
Names = Annotated[Path | None, Option("--labels", metavar="FILE", help="The names of a source's classes, one a line.")]
Output = Annotated[str | None, Option("--to", metavar="TENSOR", help="The output, where a source has several.")]
Weights = Annotated[
    str | None,
    Option(metavar="FILE", help="The source's weights, in another file; `random` for fresh ones."),
]


def numbers(text: str, flag: str) -> list[int]:
    """The whole numbers of a list with commas, as a flag has it."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise BadArgument(f"{flag} takes whole numbers with commas between", expected="1,5", got=text) from error
