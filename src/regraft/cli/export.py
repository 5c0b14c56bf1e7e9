"""`regraft export`: a file other tools can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.options import Json, Weights
from regraft.formats import Out


def export(
    source: Annotated[str, Argument(metavar="SOURCE", help="A run, a model folder, or any source.")],
    out: Annotated[Path, Argument(metavar="OUT", help="Where it goes: model.onnx; my_model.ckpt is TensorFlow 1's.")],
    to: Annotated[Out | None, Option(help="The format; else the ending of OUT says it.")] = None,
    at: Annotated[str | None, Option(metavar="TENSOR", help="Write only what computes this tensor.")] = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Write a model so that other tools read it, under the names and in the layouts of its source.

    What was written is opened again and compared with the model before it takes its place.
    """
    import regraft

    network = regraft.open(source, to=at, weights=weights)
    written = regraft.export(network, out, to)
    if json:
        output.emit(vars(written))
        return
    rows = ((str(path), path.stat().st_size) for path in written.files)
    output.table(f"Written as {written.format}", ("file", "bytes"), rows)
    print(f"Opened again and compared: {_compared(written.difference)}.")
    if written.left_out:
        print(f"Left out: {written.left_out}.")


def _compared(difference: float) -> str:
    return (
        f"a difference of at most {difference:.1e} of the greatest value" if difference else "the same to the last bit"
    )
