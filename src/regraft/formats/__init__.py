"""From a file of any known format to a network. The rooms in here do not know each other; this file knows them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from regraft.errors import BadArgument

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.proof import Written
    from regraft.network.weights import Weights


Out = Literal["tf1", "onnx", "safetensors", "torch", "pt2", "caffemodel"]
_ENDINGS: dict[str, Out] = {
    "": "tf1",
    ".ckpt": "tf1",
    ".onnx": "onnx",
    ".safetensors": "safetensors",
    ".pth": "torch",
    ".pt": "torch",
    ".pt2": "pt2",
    ".caffemodel": "caffemodel",
}


_OF_WEIGHTS: tuple[Out, ...] = ("safetensors", "torch", "caffemodel")  # the others hold graphs
_CRF = "the crf: the file gives the scores of each token's tags, not how one tag is rated after another"


class _Room(Protocol):
    """What every format offers."""

    def read(self, path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork: ...

    def read_weights(self, path: Path) -> Weights: ...


def read(path: Path, *, to: Sequence[str] | None = None, weights: Path | None = None) -> GraphNetwork:
    """Open a network.

    Args:
        path: a model folder or a run of regraft; a file of arrays, whatever its ending, which has weights and no
            graph; a PyTorch exported program (.pt2); a Keras file (.h5, .keras); an ONNX file (.onnx); word vectors as
            text; a Caffe network (.prototxt, .caffemodel); or a TensorFlow 1 checkpoint (its prefix, one of its files,
            or the folder of its `checkpoint` file), a graph (.meta, .pb, .pbtxt) or a SavedModel folder.
        to: the tensors wanted; None: the outputs. Operations that are not needed for them need not be known.
        weights: the .caffemodel for a .prototxt, where it does not stand beside it.

    Raises:
        MissingFile: there is nothing at that path.
        UnsupportedFormat: it is of no known format.
        UnreadableFile: it is damaged.
        UnsupportedOp: the wanted tensors need operations regraft cannot run.
    """
    if weights is not None:
        from regraft.formats import caffe

        return caffe.read(path, to=to, weights=weights)
    return _room(path).read(path, to=to)


def takes_weights(path: Path) -> bool:
    """Whether the format of the file at a path has its weights in another file, which `read` takes with it."""
    from regraft.formats import caffe

    return _room(path) is caffe and path.suffix != ".caffemodel"


def read_weights(path: Path) -> Weights:
    """The named weights of a file, whether or not its graph can be run.

    Raises:
        MissingFile: there is nothing at that path.
        UnreadableFile: it is damaged.
    """
    return _room(path).read_weights(path)


def class_names(path: Path) -> list[str] | None:
    """The names of the classes saved with a model; None where none were."""
    from regraft.formats import saved

    return saved.about(path).get("classes") or None if saved.opens(path) else None


def _room(path: Path) -> _Room:
    """The format of what is at the path: its content says so, not its ending."""
    from regraft.formats import arrays, caffe, keras, onnx, pytorch, saved, tf1, vectors

    if saved.opens(path):
        return saved
    if pytorch.opens(path):
        return pytorch
    if arrays.opens(path):
        return arrays
    if onnx.opens(path):
        return onnx
    if keras.opens(path):
        return keras
    if vectors.opens(path):
        return vectors
    return caffe if caffe.opens(path) else tf1


def write(network: GraphNetwork, path: Path, to: str | None = None) -> Written:
    """Write a network as a file of another tool. It is opened again and compared before it takes its place.

    A graph of a crf gives the scores of words; what rates one tag after another is left out, and `left_out` says so.

    Args:
        path: a file that stands there is replaced.
        to: the format; None: the one the ending of the path means.

    Raises:
        BadArgument: the format is not known, or the ending means none.
        UnsupportedOp: the format has no word for some of the network; or what was written is not the network.
        MissingExtra: a package is needed.
        OutOfSpace: the disk is full; nothing half written is left.
    """
    from regraft.network.chains import without_chains

    format = _format(path, to)
    plain = network if format in _OF_WEIGHTS else without_chains(network)
    written = _writer(format)(plain, path)
    return written if plain is network else replace(written, left_out=_CRF)


def _writer(format: Out) -> Callable[[GraphNetwork, Path], Written]:
    """Each room loads what it needs only when it writes."""
    if format == "onnx":
        from regraft.formats.onnx.export import write
    elif format == "pt2":
        from regraft.formats.pytorch.export import write
    elif format == "caffemodel":
        from regraft.formats.caffe.export import write
    elif format == "safetensors":
        from regraft.formats.arrays.export import write_safetensors as write
    elif format == "torch":
        from regraft.formats.arrays.export import write_torch as write
    else:
        from regraft.formats.tf1.writing.export import write
    return write


def _format(path: Path, to: str | None) -> Out:
    formats = get_args(Out)
    if to is not None:
        found = next((format for format in formats if format == to), None)
        if found is None:
            raise BadArgument(f"there is no format {to!r} to write", expected=", ".join(formats))
        return found
    ending = ".ckpt" if path.suffix.startswith(".ckpt") else path.suffix  # model.ckpt-100
    if ending not in _ENDINGS:
        raise BadArgument(
            f"the ending of {path.name} does not say in which format to write it",
            expected=", ".join(f"{end or 'none'} ({format})" for end, format in _ENDINGS.items()),
            got=ending,
            fix=f"--to {', '.join(formats)}",
        )
    return _ENDINGS[ending]
