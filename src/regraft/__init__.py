"""Opens a trained network, reuses the layers you name and trains the rest on your data.

Everything public is named here and loaded on first use: `import regraft` costs nothing. Only here is a
source's address turned into a network; the rooms below take networks.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from regraft.data import Splits
    from regraft.errors import RegraftError
    from regraft.network.loading import Loaded
    from regraft.network.matching import Match
    from regraft.network.network import GraphNetwork
    from regraft.network.plan import New, Plan
    from regraft.tasks.classify import Report
    from regraft.tasks.fit import FitResult
    from regraft.tasks.like_source import GoneOn
    from regraft.tasks.predict import Predictions
    from regraft.train.settings import Settings

__version__ = "0.1.0"
__all__ = [
    "New",
    "Plan",
    "RegraftError",
    "evaluate",
    "export",
    "fit",
    "fit_like_source",
    "load_weights",
    "match",
    "open",
    "predict",
]

_HOMES = {
    "New": "regraft.network.plan",
    "Plan": "regraft.network.plan",
    "RegraftError": "regraft.errors",
}


def open(
    source: str | PathLike[str] | nn.Module,
    *,
    to: str | list[str] | None = None,
    weights: str | PathLike[str] | None = None,
    sample: Any = None,
) -> GraphNetwork:
    """Open a trained network.

    Args:
        source: a file or folder: a TensorFlow 1 checkpoint, graph or SavedModel; a Caffe .prototxt or .caffemodel;
            a PyTorch exported program (.pt2); what regraft saved; or weights without a graph (numpy, pickled arrays,
            joblib, MATLAB, flax, safetensors, PyTorch state dicts). Or an address: `timm:NAME`, `torchvision:NAME`,
            `hf:FOLDER` or `hf:REPOSITORY`. Or a torch module of your own.
        to: the tensor or tensors wanted; None: the outputs. What they do not need is not read.
        weights: a file whose weights are put in, by name or as `match` pairs them; "random": fresh ones, always the
            same; None: those of the source, for an address the pretrained ones of its hub.
        sample: for a module, an input of a batch of two or more (or a tuple or dictionary of inputs).

    Raises:
        RegraftError: the file is missing, damaged, or needs what regraft cannot run; see regraft.errors.
    """
    wanted = [to] if isinstance(to, str) else to
    if isinstance(source, str | PathLike) and _package(source) is None:
        return _from_file(Path(source), wanted, weights)
    from regraft.formats import pytorch

    package = _package(source) if isinstance(source, str | PathLike) else None
    if package is not None:
        native = pytorch.native(*package, pretrained=weights is None)
        _put_in(native.module, weights)
        network = pytorch.read_native(native, format=package[0])
    else:
        module = copy.deepcopy(source) if weights is not None else source
        _put_in(module, weights)
        network = pytorch.read_module(module, sample)
    return network if wanted is None else network.towards(*wanted)


def load_weights(
    module: nn.Module, address: str | PathLike[str], rename: str | PathLike[str] | Mapping[str, Any] | None = None
) -> Loaded:
    """Copy the weights of a file into your own torch module, matched by name.

    Args:
        module: changed in place.
        address: any file with weights: what `open` takes, with a graph or without.
        rename: old name (a full-match regular expression) -> the module's name, or {"to": name, "turn": how the axes
            go}, or None: not used; or a YAML file of that, as `regraft match` writes it. Without it "hidden1/kernel"
            finds "hidden1.weight". Layouts are turned to torch's.

    Returns:
        What was matched and what was left alone on both sides; print it.

    Raises:
        RegraftError: nothing matches, a shape does not fit, or two layouts do; the module is then unchanged.
    """
    from regraft.formats import read_weights
    from regraft.network.loading import load_into
    from regraft.network.renames import read_renames

    weights = read_weights(Path(address))
    renames = read_renames(Path(rename)) if isinstance(rename, str | PathLike) else rename
    return load_into(module, weights.values, renames, layout=weights.layout, as_torch=weights.as_torch)


def match(
    address: str | PathLike[str],
    model: str | PathLike[str] | GraphNetwork | nn.Module,
    *,
    sample: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
) -> Match:
    """Propose which weight of a file goes where in a model, and how its axes go there. Nothing is changed.

    Args:
        address: any file with weights.
        model: a network, or the address of one; or a torch module.
        sample: an .npz file with `input` and the `output` expected for it (or arrays under the names of tensors): it
            decides what shapes cannot, such as height and width swapped in square kernels.
        out: a YAML file to write the pairs to, for people to edit and for `load_weights(rename=...)`.

    Returns:
        The pairs with how sure each is, and what is undecided. `network.assign(match.weights)` carries it out in a
        network, `load_weights(module, address, rename=match.rename())` in a torch module.

    Raises:
        RegraftError: nothing fits, or no way gives the output that the sample expects.
    """
    from regraft.formats import read_weights
    from regraft.network.matching import match_module, match_network
    from regraft.network.network import GraphNetwork
    from regraft.network.renames import renames_as_text
    from regraft.run.atomic import write_bytes

    values = read_weights(Path(address)).values
    given = None if sample is None else Path(sample)
    if isinstance(model, str | PathLike | GraphNetwork):
        found = match_network(values, _network(model), given)
    else:
        found = match_module(values, model, given)
    if out is not None:
        head = (f"{address}: where each weight goes", *found.notes)
        write_bytes(Path(out), renames_as_text(found.rename(), found.undecided, head).encode())
    return found


def fit(
    source: str | PathLike[str] | GraphNetwork | nn.Module,
    data: str | PathLike[str] | Splits,
    *,
    plan: Plan | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
    sample: Any = None,
) -> FitResult:
    """Reuse a part of a network and train the rest on labelled data.

    Args:
        source: a network, or the address of one.
        data: a folder of pictures by class, an archive, arrays or a table; or what `open_splits` gives.
        plan: what is reused, frozen and new; None: all up to the bottleneck is frozen, a linear layer goes on it.
        settings: of the training, all or those that differ from the defaults: {"epochs": 20, "lr": 0.01}.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are fed ("range=-1..1,channels=rgb"); None: as the file says, or guessed.
        resume: go on with the run in `out`.
        weights, sample: of the source, as for `open`.

    Raises:
        RegraftError: the plan or the data do not fit the network, or there is nothing to train.
    """
    from regraft.tasks.fit import fit as carry_out

    return carry_out(
        _network(source, weights=weights, sample=sample),
        Path(data) if isinstance(data, PathLike) else data,
        plan=plan,
        settings=settings,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def fit_like_source(
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Splits | Mapping[str, np.ndarray],
    *,
    settings: Mapping[str, Any] | None = None,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> GoneOn:
    """Go on training a network as its source did: its loss, its optimizer with its slots, its measures.

    Args:
        source: a TensorFlow 1 training graph with its checkpoint, as a network or an address.
        data: labelled data as `fit` takes them; or an array for each input of the loss, by name.
        settings: epochs, batch, seed, device, and lr if it shall be another one than the source's.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are fed ("range=0..1").
        resume: go on with the run in `out`.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the source does not say how it was trained, or the data do not fit its loss.
    """
    from regraft.tasks.like_source import fit_like_source as carry_out

    return carry_out(
        _network(source, weights=weights),
        Path(data) if isinstance(data, PathLike) else data,
        settings=settings,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def predict(
    model: str | PathLike[str] | GraphNetwork,
    inputs: Any,
    *,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    weights: str | PathLike[str] | None = None,
) -> Predictions:
    """The class of each picture or row, and how probable it is.

    Args:
        model: a run, a model folder or any source, as an address; or a network.
        inputs: pictures, folders and archives of them as paths, or one array (n ...).
        to: the tensor that tells classes apart, where there are several outputs.
        labels: a file with the names of the classes, one a line; None: the model's own, or their numbers.
        input: how pictures are fed; None: as the model says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        device: auto, cpu or cuda.
        weights: of the model, as for `open`.
    """
    from regraft.tasks.predict import predict as carry_out

    classes = _classes(model, labels)
    return carry_out(_network(model, to, weights), inputs, classes=classes, input=input, skip_bad=skip_bad, device=device)


def evaluate(
    model: str | PathLike[str] | GraphNetwork,
    data: Any,
    *,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    weights: str | PathLike[str] | None = None,
) -> Report:
    """How much of labelled data a model gets right, class by class.

    Args:
        data: labelled data as `fit` takes them; of data that come in parts, the test part.
        model, to, labels, input, skip_bad, device, weights: as for `predict`.
    """
    from regraft.tasks.evaluate import evaluate as carry_out

    classes = _classes(model, labels)
    return carry_out(_network(model, to, weights), data, classes=classes, input=input, skip_bad=skip_bad, device=device)


def export(
    source: str | PathLike[str] | GraphNetwork,
    out: str | PathLike[str],
    *,
    weights: str | PathLike[str] | None = None,
) -> list[Path]:
    """Write a network as a TensorFlow 1 checkpoint with its graph, which `tf.train.Saver` restores.

    Args:
        source: a network, or the address of one: a run, a model folder, ...
        out: the prefix of the checkpoint ("export/model.ckpt"); files of that name are replaced.
        weights: of the source, as for `open`.

    Returns:
        The files written: .index, .data-00000-of-00001, .meta and the `checkpoint` file that names them.

    Raises:
        UnsupportedOp: TensorFlow 1 has no operation for some of the network.
        OutOfSpace: the disk is full; nothing half written is left.
    """
    from regraft.formats.tf1.export import write

    return write(_network(source, weights=weights), Path(out))


def _network(
    source: str | PathLike[str] | GraphNetwork | nn.Module,
    to: str | None = None,
    weights: str | PathLike[str] | None = None,
    sample: Any = None,
) -> GraphNetwork:
    from regraft.network.network import GraphNetwork

    if not isinstance(source, GraphNetwork):
        return open(source, to=to, weights=weights, sample=sample)
    network = source if weights is None else _filled(source, weights)
    return network if to is None else network.towards(to)


def _package(source: str | PathLike[str]) -> tuple[str, str] | None:
    """The package and the name in an address such as `timm:resnet18`; None for a path."""
    package, colon, name = str(source).partition(":")
    is_address = colon and package in ("timm", "torchvision", "hf") and not Path(source).exists()
    return (package, name) if is_address else None


def _from_file(path: Path, to: list[str] | None, weights: str | PathLike[str] | None) -> GraphNetwork:
    from regraft.formats import read, takes_weights

    if weights is None or takes_weights(path):
        return read(path, to=to, weights=None if weights is None else Path(weights))
    return _filled(read(path, to=to), weights)


def _filled(network: GraphNetwork, weights: str | PathLike[str]) -> GraphNetwork:
    """A network with the weights of a file, paired as `match` proposes."""
    from regraft.formats import read_weights
    from regraft.network.matching import match_network

    found = match_network(read_weights(Path(weights)).values, network)
    _refuse_undecided(found, weights)
    warnings.warn(f"{weights}: {found.summary}", stacklevel=2)
    return network.assign(found.weights)


def _put_in(module: nn.Module, weights: str | PathLike[str] | None) -> None:
    """Load a file's weights into a module: by name, or where no name is the same, as `match` pairs them."""
    if weights is None or str(weights) == "random":
        return
    from regraft.formats import read_weights
    from regraft.network.loading import load_into, none_matches
    from regraft.network.matching import match_module

    read = read_weights(Path(weights))
    rename = None
    if none_matches(module, read.values):
        found = match_module(read.values, module)
        _refuse_undecided(found, weights)
        rename = found.rename()
    loaded = load_into(module, read.values, rename, layout=read.layout, as_torch=read.as_torch)
    paired = " (no name is the same: paired as `regraft match` proposes)" if rename else ""
    warnings.warn(f"{weights}: {loaded}{paired}", stacklevel=2)


def _refuse_undecided(found: Match, weights: str | PathLike[str]) -> None:
    from regraft.errors import BadArgument

    if found.undecided:
        name, places = next(iter(found.undecided.items()))
        raise BadArgument(
            f"{len(found.undecided)} of the file's weights fit several places of the model",
            where=str(weights),
            got=f"{name} fits {', '.join(places[:3])}",
            fix="`regraft match FILE MODEL` shows all; regraft.load_weights takes the pairs you decide on",
        )


def _classes(model: Any, labels: str | PathLike[str] | None) -> Sequence[str] | None:
    """The names of a model's classes: those of the file given, or the ones saved or published with it."""
    from regraft.formats import class_names
    from regraft.tasks.judging import read_names

    if labels is not None:
        return read_names(Path(labels))
    if not isinstance(model, str | PathLike):
        return None
    package = _package(model)
    if package is None:
        return class_names(Path(model))
    from regraft.formats import pytorch

    return pytorch.class_names(*package)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regraft' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
