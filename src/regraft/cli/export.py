"""`regraft export`: a file other tools can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.options import Json, Weights


def export(
    model: Annotated[str, Argument(metavar="MODEL", help="A run, a model folder, or any source.")],
    out: Annotated[Path, Option(metavar="PREFIX", help="Where it goes: my_model.ckpt")],
    to: Annotated[Literal["tf1"], Option(help="tf1: a checkpoint with its .meta, for tf.train.Saver.")] = "tf1",
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Write a model so that other tools read it, under the names and in the layouts of its source."""
    import regraft

    files = regraft.export(model, out, weights=weights)
    if json:
        output.emit({"files": files})
    else:
        output.table("Written", ("file", "bytes"), ((str(path), path.stat().st_size) for path in files))
