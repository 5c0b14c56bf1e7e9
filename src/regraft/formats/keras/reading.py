"""From a Keras file to a network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import RegraftError, UnknownName, UnreadableFile, UnsupportedFormat, nearest_names
from regraft.files.mapped import COPY_AGAIN
from regraft.formats.keras.building import Net, Value
from regraft.formats.keras.container import Content, content
from regraft.formats.keras.layers import WEIGHTS
from regraft.formats.keras.model import Reader
from regraft.formats.keras.vectorization import reading_texts
from regraft.formats.keras.weights import assigned, plain
from regraft.formats.keras.wiring import Wiring, run_layer
from regraft.network.flow import ancestors
from regraft.network.graph import NAMED, Graph, InputSpec, Layout, Node
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import TRAINING
from regraft.network.vocabulary import Vocabulary

NOT_TRAINED = "keras/not_trainable"  # the collection of the parameters of layers that their author froze
_MOST_NAMED = 5
_STILL = re.compile(r"(^|/)moving_(mean|variance)$")


def read_network(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    """See `regraft.formats.keras.read`."""
    file = content(path)
    if file.config is None:
        network = _weights_only(file)
        return network if to is None else network.towards(*to)
    with _readable(path):
        wiring, vocabularies = _built(file)
    net, names = wiring.net, wiring.names()
    for name in to or ():
        if name not in names:
            raise UnknownName(
                f"there is no tensor {name!r}",
                where=str(path),
                nearest=nearest_names(name, names),
                fix="`regraft show` lists all tensors",
            )
    wanted = wiring.outputs() if to is None else list(to)
    wiring.require(wanted)
    for what, layers in net.said.items():
        listed = ", ".join(layers[:_MOST_NAMED]) + (", ..." if len(layers) > _MOST_NAMED else "")
        warnings.warn(f"{path.name}: {listed}: {what}", stacklevel=4)
    network = _network(file, wiring, wanted, whole=to is None)
    for name, vocabulary in vocabularies.items():
        if name in network.inputs:
            network = network.with_input(replace(network.inputs[name], layout="tokens", tokenizer=vocabulary.said()))
    return network


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """See `regraft.formats.keras.read_weights`."""
    file = content(path)
    if file.config is None:
        return plain(file)
    with _readable(path):
        try:
            reader = Reader(str(path), _major(file))
            model = reader.model(file.config)
        except UnsupportedFormat:  # of Keras 1, or a class of the author's own: its weights are there all the same
            return plain(file)
        return assigned(file, model, WEIGHTS, reader.keras) or plain(file)


def _built(file: Content) -> tuple[Wiring, dict[str, Vocabulary]]:
    """The model of a file as nodes, and how texts become numbers at its inputs of texts."""
    reader = Reader(str(file.path), _major(file))
    model = reader.model(file.config)
    stored = assigned(file, model, WEIGHTS, reader.keras)
    model, vocabularies = reading_texts(model, file)
    wiring = Wiring(Net(where=str(file.path), keras=reader.keras, stored=stored, run=run_layer), model)
    wiring.build()
    return wiring, vocabularies


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Anything may stand in the place of a setting: what Python then stumbles over is the file's fault."""
    try:
        yield
    except RegraftError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise UnreadableFile(
            "the description of the layers is damaged: a setting is of another type than Keras writes",
            where=str(path),
            got=f"{type(error).__name__}: {error}"[:200],
            fix=COPY_AGAIN,
        ) from error


def _major(file: Content) -> int:
    """The version of Keras the file is of; files of its first year do not say."""
    major = file.version[0] if file.version else 1
    if file.config is not None and major < 2:
        raise UnsupportedFormat(
            "the file is of Keras 1, whose layers have other settings",
            where=str(file.path),
            expected="Keras 2 or 3",
            got=".".join(map(str, file.version)) or "no version",
            fix="open and save it once with Keras 2.2; its weights: regraft.load_weights",
        )
    return major


def _weights_only(file: Content) -> GraphNetwork:
    """A network without layers."""
    values = plain(file)
    nodes = tuple(
        Node(name=name, function="parameter", args=(name,), kwargs={"trainable": not _STILL.search(name)})
        for name in values
    )
    return GraphNetwork(Graph(nodes=nodes, inputs=(), outputs=()), values, format="keras-weights")


def _network(file: Content, wiring: Wiring, wanted: Sequence[str], *, whole: bool) -> GraphNetwork:
    """The network of all nodes, or of those alone that what is wanted comes from."""
    net = wiring.net
    kept = set(net.nodes) if whole else ancestors(net.nodes, wanted)
    updates = {name: tensor for name, tensor in net.updates.items() if name in kept and tensor in net.nodes}
    kept |= ancestors(net.nodes, updates.values())
    read = {name for node in kept for name in net.nodes[node].refs()} | set(wanted)
    nodes = tuple(
        node for name, node in net.nodes.items() if name in kept and (node.function != "parameter" or name in read)
    )
    held = {node.args[0] for node in nodes if node.function == "parameter"}
    still = tuple(name for name in net.still if name in held)
    fed = [(value, config) for value, config in wiring.fed if value.ref.name in kept]
    graph = Graph(
        nodes=nodes,
        inputs=tuple(_spec(net, wiring, value, config) for value, config in fed),
        outputs=tuple(wanted),
        switches=(TRAINING,) if TRAINING.name in kept else (),
        updates=updates,
        collections={NAMED: tuple(name for name in net.layers if name in kept)}
        | ({NOT_TRAINED: still} if still else {}),
    )
    return GraphNetwork(graph, {name: value for name, value in net.values.items() if name in held}, format=file.kind)


def _spec(net: Net, wiring: Wiring, value: Value, config: Mapping[str, Any]) -> InputSpec:
    layouts: dict[int, Layout] = {2: "flat", 4: "NCHW" if wiring.channels_first else "NHWC"}
    name = value.ref.name
    dtype = config.get("dtype") or "float32"
    spec = InputSpec(
        name=name,
        shape=value.shape,
        dtype=dtype if isinstance(dtype, str) and dtype in _DTYPES else "float32",
        layout=layouts.get(value.rank, "other"),
    )
    readers = [node for node in net.nodes.values() if name in node.refs()]
    rescaled = any(node.name.endswith("/float") and node.function == "cast" for node in readers)
    if value.rank == 4 and rescaled and len(readers) == 1:  # a Rescaling layer: pictures come as they are
        return InputSpec(name=name, shape=spec.shape, dtype=spec.dtype, layout=spec.layout, range=(0.0, 255.0),
                         origin="file")  # fmt: skip
    return spec


_DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "int8", "int16", "bool")
