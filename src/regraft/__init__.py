"""Opens a trained network, reuses the layers you name and trains the rest on your data.

Everything public is named here and loaded on first use: `import regraft` costs nothing. An address is turned into a
network in `regraft.opening`; the rooms below take networks.
"""

from __future__ import annotations

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
    from regraft.estimator import TransferClassifier
    from regraft.few_shot import fewshot, pretrain, recognise, zeroshot
    from regraft.judgement import evaluate, predict, predict_in_pieces
    from regraft.network.loading import Loaded
    from regraft.network.matching import Match
    from regraft.network.network import GraphNetwork
    from regraft.network.plan import New, Plan
    from regraft.network.proof import Written
    from regraft.ranking import rank
    from regraft.registering import register
    from regraft.several import languages, multitask
    from regraft.tasks.fit import FitResult
    from regraft.tasks.like_source import GoneOn
    from regraft.tasks.watch import watch
    from regraft.train.settings import Settings
    from regraft.trials.record import Found
    from regraft.zoo import Zoo

__version__ = "0.1.0"
__all__ = [
    "New",
    "Plan",
    "RegraftError",
    "TransferClassifier",
    "Zoo",
    "evaluate",
    "export",
    "fewshot",
    "fit",
    "fit_like_source",
    "languages",
    "load_weights",
    "match",
    "multitask",
    "open",
    "predict",
    "predict_in_pieces",
    "pretrain",
    "rank",
    "recognise",
    "register",
    "search",
    "watch",
    "zeroshot",
]

_HOMES = {
    "New": "regraft.network.plan",
    "Plan": "regraft.network.plan",
    "RegraftError": "regraft.errors",
    "TransferClassifier": "regraft.estimator",
    "Zoo": "regraft.zoo",
    "evaluate": "regraft.judgement",
    "fewshot": "regraft.few_shot",
    "languages": "regraft.several",
    "multitask": "regraft.several",
    "predict": "regraft.judgement",
    "predict_in_pieces": "regraft.judgement",
    "pretrain": "regraft.few_shot",
    "rank": "regraft.ranking",
    "recognise": "regraft.few_shot",
    "register": "regraft.registering",
    "watch": "regraft.tasks.watch",
    "zeroshot": "regraft.few_shot",
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
            a PyTorch program (.pt2); what regraft saved; weights without a graph (numpy, pickles, joblib, MATLAB, flax,
            safetensors, state dicts). Or an address: `timm:`, `torchvision:` or `zoo:NAME`, `hf:FOLDER` or
            `hf:REPOSITORY`. Or a torch module of your own.
        to: the tensor or tensors wanted; None: the outputs. What they do not need is not read.
        weights: a file whose weights are put in, by name or as `match` pairs them; "random": fresh ones, always the
            same; None: those of the source, for an address the pretrained ones of its hub.
        sample: for a module, a batch of its input (or a tuple or dictionary of inputs).

    Raises:
        RegraftError: the file is missing, damaged, or needs what regraft cannot run; see regraft.errors.
    """
    from regraft.opening import opened

    return opened(source, to=to, weights=weights, sample=sample)


def load_weights(
    module: nn.Module, address: str | PathLike[str], rename: str | PathLike[str] | Mapping[str, Any] | None = None
) -> Loaded:
    """Copy the weights of a file into your own torch module, matched by name.

    Args:
        module: changed in place.
        address: any file with weights: what `open` takes, with a graph or without.
        rename: old name (a full-match regular expression) -> the module's name, or {"to": name, "turn": how the axes
            go}, or None: not used; or a YAML file of that, as `regraft match` writes it. Without it "hidden1/kernel"
            finds "hidden1.weight", and names of TF-slim's nets find theirs in the models of timm and torchvision by
            the shipped maps. Layouts are turned to torch's.

    Returns:
        What was matched and what was left alone on both sides; print it.

    Raises:
        RegraftError: nothing matches, a shape does not fit, two layouts do, or the module would give other results
            than TF-slim's net; the module is then unchanged.
    """
    from regraft.network.loading import load_into
    from regraft.network.renames import read_renames
    from regraft.network.slim.modules import load_slim, slim_map_of
    from regraft.opening import weights_of

    weights = weights_of(address)
    if rename is None and (found := slim_map_of(weights.values, module)):
        return load_slim(module, found)
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
        RegraftError: nothing fits, no way gives the output that the sample expects, or without one the module would
            give other results than the TF-slim net in the file.
    """
    from regraft.network.matching import match_module, match_network
    from regraft.network.network import GraphNetwork
    from regraft.network.renames import renames_as_text
    from regraft.network.slim.modules import match_slim, slim_map_of
    from regraft.opening import as_network, fresh_module, weights_of
    from regraft.run.atomic import write_bytes

    values = weights_of(address).values
    given = None if sample is None else Path(sample)
    fresh = fresh_module(model)
    if fresh is None and isinstance(model, str | PathLike | GraphNetwork):
        found = match_network(values, as_network(model), given)
    elif given is None and (known := slim_map_of(values, fresh or model)):  # pyright: ignore[reportArgumentType]
        found = match_slim(fresh or model, known)  # pyright: ignore[reportArgumentType]
    else:
        found = match_module(values, fresh or model, given)  # pyright: ignore[reportArgumentType]
    if out is not None:
        head = (f"{address}: where each weight goes", *found.notes)
        write_bytes(Path(out), renames_as_text(found.rename(), found.undecided, head).encode())
    return found


def fit(
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Splits,
    *,
    plan: Plan | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> FitResult:
    """Reuse a part of a network and train the rest on labelled data.

    Args:
        source: a network, or the address of one.
        data: a folder of pictures by class, an archive, arrays or a table; or what `open_splits` gives.
        plan: what is reused, frozen and new; None: all up to the bottleneck is frozen, a linear layer goes on it.
        settings: of the training, all or those that differ from the defaults: {"epochs": 20, "lr": 0.01}.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are fed ("range=-1..1,channels=rgb"), or texts ("vocabulary=words.txt,rules=keras"); None:
            as the file says, or guessed.
        resume: go on with the run in `out`.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the plan or the data do not fit the network, or there is nothing to train.
    """
    from regraft.opening import fed
    from regraft.tasks.fit import fit as carry_out

    network, input = fed(source, input, weights=weights)
    return carry_out(
        network,
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
        out, input, resume, weights: as for `fit`.

    Raises:
        RegraftError: the source does not say how it was trained, or the data do not fit its loss.
    """
    from regraft.opening import fed
    from regraft.tasks.like_source import fit_like_source as carry_out

    network, input = fed(source, input, weights=weights)
    return carry_out(
        network,
        Path(data) if isinstance(data, PathLike) else data,
        settings=settings,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def search(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Splits,
    *,
    schemes: str | PathLike[str] | Sequence[Mapping[str, Any]] | None = None,
    passes: float | None = None,
    minutes: float | None = None,
    augment: str | int = "off",
    seed: int = 0,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> Found:
    """Find out how many layers of a network are worth reusing for labelled data, and train the best scheme found.

    Args:
        source: a network, or the address of one.
        data: labelled data as `fit` takes them.
        schemes: what is tried: a YAML file, or a list, of {"name": ..., "plan": {...}, "settings": {...}}; None: what
            the amount of data suggests.
        passes: the budget, in passes over the data; None: ten, or a minute where those take less;
            of given schemes: what they take.
        minutes: the budget in time, in place of passes.
        augment: "off"; or in how many views the training pictures are seen, whose features are kept; or "bypass": in
            another view each time, which are run through the whole network.
        seed: of the split, the folds, fresh weights, views and the order of examples.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are fed; None: as the file says, or guessed.
        resume: go on with the run in `out`.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the network or the data cannot be searched, or a scheme does not fit.
    """
    from regraft.opening import fed
    from regraft.trials.augmentation import augmentation_of
    from regraft.trials.budget import Budget
    from regraft.trials.ground import Choices
    from regraft.trials.schemes import as_schemes
    from regraft.trials.search import search as carry_out

    words = {"weights": weights, "input": input}
    given = tuple(f"--{word}={value}" for word, value in words.items() if value is not None)
    network, input = fed(source, input, weights=weights)
    return carry_out(
        network,
        Path(data) if isinstance(data, PathLike) else data,
        choices=Choices(
            schemes=None if schemes is None else as_schemes(schemes),
            budget=Budget(passes=passes, minutes=minutes),
            augmentation=augmentation_of(str(augment)),
            seed=seed,
            name=str(source) if isinstance(source, str | PathLike) else None,
            given=given,
        ),
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def export(source: str | PathLike[str] | GraphNetwork, out: str | PathLike[str], to: str | None = None) -> Written:
    """Write a network as a file other tools read. It is opened again and compared before it takes its place.

    Args:
        source: a network, or the address of one: a run, a model folder, any file.
        out: where it goes; a file of that name is replaced.
        to: "tf1" (`out` is the prefix of the checkpoint), "onnx", "safetensors", "torch", "pt2" or "caffemodel"; None:
            what the ending of `out` means. docs/export.md says what each keeps.

    Returns:
        The files written, the format, and the greatest difference found.

    Raises:
        UnsupportedOp: the format has no word for some of the network; or what was written is not the network.
        OutOfSpace: the disk is full; nothing half written is left.
    """
    from regraft.formats import write
    from regraft.opening import as_network

    return write(as_network(source), Path(out), to)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regraft' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
