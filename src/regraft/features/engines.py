"""Engines: the programs that run a trunk over batches of prepared examples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from regraft.errors import BadArgument, MissingExtra, ShapeMismatch, UnsupportedOp
from regraft.features.key import tensor_hashes
from regraft.formats.onnx.export import EngineModel, engine_model
from regraft.network import GraphNetwork, InputSpec
from regraft.network.settling import settled

if TYPE_CHECKING:
    from torch.fx import GraphModule

Kind = Literal["torch", "torch channels_last", "onnxruntime", "openvino"]
BATCH = 32  # rows at once; the last batch of a pass may have fewer
_LEAST = 2  # a row alone may lose its axis, and is often computed otherwise than among others


class Trunk:
    """What engines run: the tensors of a network that are wanted, and the one input they are computed from.

    Attributes:
        network: evaluated as it is, its weights untouched.
        tensors: full names.
        spec: the input as its batches are prepared; its size is the pictures'.
    """

    def __init__(self, network: GraphNetwork, tensors: Sequence[str], spec: InputSpec) -> None:
        self.network = network
        self.tensors = tuple(network.resolve(name) for name in tensors)
        self.spec = spec

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """For each tensor a hash of all that computes it."""
        return tensor_hashes(self.network, self.tensors, [self.spec.name])

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.module().graph.nodes)

    def module(self) -> GraphModule:
        """The trunk in torch, with the network's own weights."""
        return self.network.module(self.tensors, [self.spec.name])

    def exported(self) -> bytes:
        """The trunk as an ONNX model, made once.

        Raises:
            UnsupportedOp: it cannot be.
        """
        if isinstance(self._export, UnsupportedOp):
            raise self._export
        return self._export.data

    def renewed(self, network: GraphNetwork, tensors: Sequence[str]) -> Trunk:
        """A trunk for some of the tensors, of the same graph with other weights: it need not be exported again."""
        trunk, exported = Trunk(network, tensors, self.spec), vars(self).get("_export")
        if isinstance(exported, EngineModel):
            values = settled(network.towards(*self.tensors)).values
            trunk._export = exported.renewed(values, trunk.tensors)
        return trunk

    @cached_property
    def _export(self) -> EngineModel | UnsupportedOp:
        cut = settled(self.network.towards(*self.tensors))
        # for batches of the one size: with nothing free it is traced and run faster
        fixed = replace(self.spec, shape=(BATCH, *self.spec.shape[1:]))
        inputs = tuple(fixed if one.name == fixed.name else one for one in cut.graph.inputs)
        try:
            return engine_model(GraphNetwork(replace(cut.graph, inputs=inputs), cut.values, format=cut.format))
        except UnsupportedOp as error:
            return error


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """A program made ready to run a trunk.

    kind: which program · name: it, its version and all else its results may depend on, as the features' key has it ·
    trunk: what it runs · least: rows that it takes at once, fewer are filled up · compute: from (b ...) to one array a
    tensor.
    """

    kind: Kind
    name: str
    trunk: Trunk
    least: int
    compute: Callable[[np.ndarray], Sequence[np.ndarray]]

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        """The tensors for at most 32 examples, (b ...) each.

        Raises:
            ShapeMismatch: a tensor has no row for each example.
        """
        count = len(batch)
        wanting = max(0, self.least - count)
        full = np.concatenate([batch, np.repeat(batch[-1:], wanting, axis=0)]) if wanting else batch
        found = list(self.compute(full))
        for name, value in zip(self.trunk.tensors, found, strict=True):
            if value.shape[:1] != full.shape[:1]:
                raise ShapeMismatch(
                    f"{name} has no row for each example",
                    expected=f"({len(full)}, ...)",
                    got=str(value.shape),
                    fix="cut elsewhere",
                )
        return [value[:count] for value in found]

    def require(self, trunk: Trunk) -> None:
        """Raise BadArgument where another trunk, or one with another input, is to be run."""
        if (trunk.hashes, trunk.spec) != (self.trunk.hashes, self.trunk.spec):
            raise BadArgument(
                "this engine was made for another trunk",
                expected=f"{', '.join(trunk.tensors)} from {trunk.spec}",
                got=f"{', '.join(self.trunk.tensors)} from {self.trunk.spec}, or with other weights",
                fix="make it from the same network, tensors and input",
            )


def make_engine(kind: Kind, trunk: Trunk, device: str = "cpu") -> Engine:
    """An engine of a kind for a trunk, with as many threads as torch has.

    All but "torch" run on the CPU alone, and take pictures of one size.

    Raises:
        MissingExtra: the program, or what the trunk is exported with, is not installed.
        UnsupportedOp: the trunk cannot be exported.
        BadArgument: this trunk, or this device, is nothing for an engine of that kind.
    """
    _refuse_unfit(kind, trunk.spec, device)
    compute, name = _MAKERS[kind](trunk, device)
    least = _LEAST if kind in _FREE and trunk.spec.shape[:1] == (None,) else BATCH
    rows = f"{least} to {BATCH}" if least < BATCH else BATCH
    return Engine(kind=kind, name=f"{name}, {rows} rows at once", trunk=trunk, least=least, compute=compute)


def same_engine(kind: Kind, name: str, trunk: Trunk, device: str) -> Engine | None:
    """The engine that was chosen for a trunk before; None where it is gone, another version now, or not for the device.

    Only that one is known to compute what torch does.
    """
    try:
        engine = make_engine(kind, trunk, device)
    except (BadArgument, MissingExtra):
        return None
    return engine if engine.name == name else None


def _refuse_unfit(kind: Kind, spec: InputSpec, device: str) -> None:
    if kind != "torch" and device != "cpu":
        raise BadArgument(f"{kind} is an engine for the CPU", got=device, fix="take torch")
    if kind == "torch channels_last" and spec.layout != "NCHW":
        raise BadArgument(
            "channels can be put last only where they are second",
            expected="an input of layout NCHW",
            got=f"{spec.layout} {spec.shape}",
            fix="take torch",
        )


_Made = tuple[Callable[[np.ndarray], Sequence[np.ndarray]], str]  # what computes, and its name


def _torch(trunk: Trunk, device: str) -> _Made:
    import torch

    on = torch.device(device)
    # on another device a copy: the network's own weights stay where they are
    module = trunk.module() if on.type == "cpu" else copy.deepcopy(trunk.module()).to(on)

    def compute(batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [value.cpu().numpy() for value in module(torch.from_numpy(batch).to(on))]

    return compute, f"torch {torch.__version__}, {'cpu' if on.type == 'cpu' else torch.cuda.get_device_name(on)}"


def _channels_last(trunk: Trunk, device: str) -> _Made:
    import torch

    module = copy.deepcopy(trunk.module()).to(memory_format=torch.channels_last)

    def compute(batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            x = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
            return [value.numpy() for value in module(x)]

    return compute, f"torch {torch.__version__} channels_last, {device}"


def _onnxruntime(trunk: Trunk, device: str) -> _Made:
    _require("onnxruntime")
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    # its threads wait by going round in circles, which takes the time of those that decode the next pictures
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(trunk.exported(), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()

    def compute(batch: np.ndarray) -> Sequence[np.ndarray]:
        return cast("list[np.ndarray]", session.run(None, {given.name: batch}))

    return compute, f"onnxruntime {onnxruntime.__version__}, {device}"


def _openvino(trunk: Trunk, device: str) -> _Made:
    _require("openvino")
    import openvino
    import torch

    core = openvino.Core()
    threads = torch.get_num_threads()
    # of its own accord it takes half precision where the processor has it
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(trunk.exported()), "CPU", settings)

    def compute(batch: np.ndarray) -> Sequence[np.ndarray]:
        return cast("tuple[np.ndarray, ...]", compiled(batch, share_outputs=False).to_tuple())

    return compute, f"openvino {version('openvino')}, {device}"


_MAKERS: dict[Kind, Callable[[Trunk, str], _Made]] = {
    "torch": _torch,
    "torch channels_last": _channels_last,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
KINDS: tuple[Kind, ...] = tuple(_MAKERS)
_FREE: tuple[Kind, ...] = ("torch", "torch channels_last")  # the others are made for batches of one size


def _require(program: str) -> None:
    missing = [name for name in (program, "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{', '.join(missing)} is not installed, which the engine {program} needs",
            fix="pip install 'regraft[engines]'",
        )
