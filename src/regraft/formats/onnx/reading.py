"""From an ONNX file to a network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regraft.errors import UnknownName, UnreadableFile, UnsupportedOp, nearest_names
from regraft.files.tokenizers import filler_of, pooling_beside, record, separator_of, tokenizer_at
from regraft.formats.onnx.batch import freed
from regraft.formats.onnx.building import Net, called, require_asked
from regraft.formats.onnx.inputs import spec_of
from regraft.formats.onnx.operations import Operation
from regraft.formats.onnx.ops import OPS
from regraft.formats.onnx.source import UNUSABLE, Source, read_source
from regraft.formats.onnx.weights import kinds, lie_as_torch
from regraft.network.building import Unsupported
from regraft.network.graph import Graph, Node
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import TRAINING
from regraft.network.noted import with_note
from regraft.network.texts import TOKENS, encoder
from regraft.network.weights import Weights

FORMAT = "onnx"
_MOST_NAMED = 5


def read_network(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    """See `regraft.formats.onnx.read`."""
    source = read_source(path, OPS)
    made = _made(source)
    wanted = list(dict.fromkeys(source.outputs if to is None else (_known(source, name) for name in to)))
    _require(source, made, wanted)
    network = _network(source, made, wanted)
    return _reading_texts(network, path.parent, whole=to is None) if TOKENS in network.inputs else network


def read_weights(path: Path) -> Weights:
    """See `regraft.formats.onnx.read_weights`."""
    source = read_source(path, OPS)
    kept = {name: kind for name, kind in kinds(source).items() if kind in ("weight", "average")}
    values = {name: value for name, value in source.values.items() if name in kept}
    return Weights(values=values, layout="tensorflow", as_torch=lie_as_torch(source))


def _reading_texts(network: GraphNetwork, folder: Path, *, whole: bool) -> GraphNetwork:
    """A text encoder with the tokenizer that lies beside it, if one does."""
    tokenizer = tokenizer_at(folder / "tokenizer.json", record(folder / "config.json", "the encoder"))
    pooling = pooling_beside(folder) if whole else None
    if not tokenizer:
        return network
    return encoder(network, tokenizer, filler_of(tokenizer), separator_of(tokenizer), pooling)


@dataclass(kw_only=True)
class _Made:
    """What became of the operations: `lost` are tensors that could not be computed, `problems` why, by place."""

    net: Net
    lost: set[str] = field(default_factory=set[str])
    problems: dict[int, str] = field(default_factory=dict[int, str])


def _made(source: Source) -> _Made:
    made = _Made(net=Net(source=source, kinds=kinds(source)))
    for info in source.inputs:
        made.net.add(Node(name=info.name, function="input"))
    for place, one in enumerate(source.operations):
        if not made.lost.isdisjoint(one.inputs):
            made.lost.update(one.outputs)
        else:
            _turn(place, one, made)
    made.lost.discard("")
    for name in source.outputs:
        made.net.hold(name)
    return made


def _turn(place: int, one: Operation, made: _Made) -> None:
    """Nodes of one operation, all or none."""
    before = set(made.net.nodes)
    try:
        handler = OPS.get(one.type) if not one.domain else None
        if handler is None:
            raise Unsupported(made.net.source.problems.get(one.outputs[0], "") if one.type == UNUSABLE else _why(one))
        call = called(one, made.net)
        handler(call)
        require_asked(call)
    except Unsupported as reason:
        made.problems[place] = f": {reason}" if str(reason) else ""
        made.lost.update(one.outputs)
        for name in made.net.nodes.keys() - before:
            del made.net.nodes[name]
    made.lost.update(name for name in one.outputs if name and name not in made.net.nodes)


def _why(one: Operation) -> str:
    if one.title == "If":
        return "its condition is computed"
    return "it holds a graph of its own" if one.title in ("Loop", "Scan", "SequenceMap") else ""


def _known(source: Source, name: str) -> str:
    names = {info.name for info in source.inputs} | {name for one in source.operations for name in one.outputs}
    names |= source.values.keys()
    if name in names and name:
        return name
    raise UnknownName(
        f"there is no tensor {name!r}",
        where=source.where,
        nearest=nearest_names(name, names),
        fix="`regraft show` lists all tensors",
    )


def _require(source: Source, made: _Made, wanted: Sequence[str]) -> None:
    """Check that all that is wanted can be computed.

    Raises:
        UnsupportedOp: it cannot; all operations in the way are named.
    """
    required = _ancestors(source, wanted)
    if made.lost.isdisjoint(required):
        for name in wanted:
            made.net.hold(name)
        return
    in_the_way = [
        (source.operations[place], why)
        for place, why in made.problems.items()
        if not required.isdisjoint(source.operations[place].outputs)
    ]
    by_type: dict[str, list[Operation]] = {}
    for one, why in in_the_way:
        by_type.setdefault(one.title + why, []).append(one)
    lines = [
        f"{title} ({len(all)}): {', '.join(one.label for one in all[:_MOST_NAMED])}"
        + (", ..." if len(all) > _MOST_NAMED else "")
        for title, all in sorted(by_type.items())
    ]
    cut = _safe_cut(source, made, [one for one, _ in in_the_way])
    raise UnsupportedOp(
        "the network has operations that regraft cannot run",
        where=source.where,
        got="; ".join(lines),
        fix=f"cut before them: the first safe cut is {cut!r} (--at, or open(..., to=...))"
        if cut
        else "no tensor before them can be used",
    )


def _ancestors(source: Source, wanted: Sequence[str]) -> set[str]:
    givers = {name: one for one in source.operations for name in one.outputs if name}
    seen: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name and name not in seen:
            seen.add(name)
            waiting.extend(givers[name].inputs if name in givers else ())
    return seen


def _safe_cut(source: Source, made: _Made, in_the_way: Sequence[Operation]) -> str | None:
    """The first tensor, computed from an input, that one of them reads and that can be computed."""
    fed = {info.name for info in source.inputs}
    computed: dict[str, int] = {}
    for place, one in enumerate(source.operations):
        if any(name in fed or name in computed for name in one.inputs):
            computed.update(dict.fromkeys((name for name in one.outputs if name), place))
    reads = {name for one in in_the_way for name in one.inputs if name in computed and name not in made.lost}
    return min(reads, key=computed.__getitem__, default=None)


def _network(source: Source, made: _Made, wanted: Sequence[str]) -> GraphNetwork:
    net = made.net
    used = {name for node in net.nodes.values() for name in node.refs()} | set(wanted)
    nodes = [node for node in _in_order(net) if node.function not in ("input", "parameter") or node.name in used]
    specs = [spec_of(info, source) for info in source.inputs if info.name in used]
    specs = with_note(specs, source.note, source.where) if source.note else specs
    nodes, specs, holder = freed(source, nodes, specs)
    if holder:
        warnings.warn(
            f"{source.where}: the batch stays {specs[0].shape[0]}, as the file fixes it: {holder}", stacklevel=4
        )
    known = {node.name for node in nodes}
    graph = Graph(
        nodes=tuple(nodes),
        inputs=tuple(specs),
        outputs=tuple(wanted),
        switches=(TRAINING,) if TRAINING.name in used else (),
        updates={name: tensor for name, tensor in net.updates.items() if tensor in known},
    )
    held = {node.args[0] for node in nodes if node.function == "parameter"}
    if TRAINING.name in {spec.name for spec in specs}:
        raise UnreadableFile("an input has a name of regraft's own", where=source.where, got=TRAINING.name)
    values = {name: value for name, value in source.values.items() if name in held}
    return GraphNetwork(graph, values, format=FORMAT)


def _in_order(net: Net) -> list[Node]:
    """The nodes, what is fed first."""
    return sorted(net.nodes.values(), key=lambda node: node.function != "input")
