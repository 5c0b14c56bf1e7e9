"""`regraft match`: which weight of a file goes where in a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.options import Json


def match(
    file: Annotated[str, Argument(metavar="FILE", help="A file with weights, with a graph or without.")],
    model: Annotated[str, Argument(metavar="MODEL", help="What they shall go into: any source with a graph.")],
    sample: Annotated[
        Path | None,
        Option(metavar="NPZ", help="`input` and the `output` expected for it: decides what shapes cannot tell."),
    ] = None,
    out: Annotated[Path | None, Option(metavar="YAML", help="Write the pairs to edit; load_weights reads it.")] = None,
    json: Json = False,
) -> None:
    """Propose which weight of a file goes where in a model, and how sure that is. Nothing is changed."""
    import regraft

    found = regraft.match(file, model, sample=sample, out=out)
    if json:
        output.emit(
            {
                "pairs": found.pairs,
                "undecided": found.undecided,
                "unused": found.unused,
                "untouched": found.untouched,
                "notes": found.notes,
                "percent": found.percent,
                "difference": found.difference,
                "file": out,
            }
        )
        return
    rows = ((p.source, p.shape, p.target, p.target_shape, p.turn, p.confidence, p.why) for p in found.pairs)
    output.table(
        f"{len(found.pairs)} pairs, {found.percent:.1f} % of the model's numbers",
        ("in the file", "shape", "in the model", "shape", "turn", "confidence", "by"),
        rows,
    )
    for name, places in found.undecided.items():
        print(f"undecided: {name} fits {', '.join(places)}")
    for name in found.unused:
        print(f"fits nowhere: {name}")
    for name in found.untouched:
        print(f"nothing for: {name}")
    for note in found.notes:
        print(f"note: {note}")
    if out:
        print(f"written: {out}")
