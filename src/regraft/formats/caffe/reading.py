"""From a prototxt and weights to a network."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regraft.errors import BadArgument, UnknownName, UnsupportedOp, nearest_names
from regraft.formats.caffe.blobs import Array
from regraft.formats.caffe.building import Call, Net, Shape
from regraft.formats.caffe.layers import LAYERS
from regraft.formats.caffe.netfile import NetFile, read_file
from regraft.formats.caffe.pairing import Pair, has_parameters, paired
from regraft.formats.caffe.pictures import Preparation, described, preparation, size_of
from regraft.formats.caffe.wiring import INPUT, Step, Wiring, outputs, wired
from regraft.network.building import Unsupported
from regraft.network.graph import Graph, InputSpec, Layout, Node, Ref
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import TRAINING

FORMAT = "caffe"
NOT_TRAINED = "caffe/lr_mult_0"  # the collection of the parameters whose author did not train them
_MOST_NAMED = 5


def read_network(path: Path, to: Sequence[str] | None, weights: Path | None = None) -> GraphNetwork:
    """See `regraft.formats.caffe.read`."""
    pair = paired(path, weights)
    if not any(layer.tops for layer in pair.definition.layers):
        return _weights_only(pair.definition)
    wiring = wired(pair.definition)
    weighted = [step.name for step in wiring.steps if has_parameters(step.layer)]
    wanted = outputs(wiring, weighted) if to is None else [_known(wiring, name) for name in to]
    if not wanted:
        raise BadArgument(
            "no output of this network can be told: nothing is computed in it",
            where=str(path),
            fix="name the tensor you want: --at NAME, or open(..., to=NAME)",
        )
    known = _preparation(pair)
    made = _made(
        wiring, pair, known, None if to is None else wiring.ancestors(wiring.aliases.get(n, n) for n in wanted)
    )
    _require(wiring, made, wanted)
    _report_fresh(pair, made.net)
    return _network(wiring, made, wanted, known)


def read_weights(path: Path) -> dict[str, Array]:
    """See `regraft.formats.caffe.read_weights`."""
    file = read_file(path)
    return _numbers(file if file.weighted else paired(path).weights or file)


def _numbers(file: NetFile) -> dict[str, Array]:
    return {
        f"{layer.name}/{k}": blob.shaped(blob.shape)
        for layer in file.weighted.values()
        for k, blob in enumerate(layer.blobs)
    }


def _weights_only(file: NetFile) -> GraphNetwork:
    """A network without layers: the file says what its layers are, but not how they hang together."""
    values = _numbers(file)
    still = {f"{layer.name}/{k}" for layer in file.layers if layer.type == "BatchNorm" for k in range(3)}
    nodes = tuple(
        Node(name=name, function="parameter", args=(name,), kwargs={"trainable": name not in still}) for name in values
    )
    return GraphNetwork(Graph(nodes=nodes, inputs=(), outputs=()), values, format=FORMAT)


@dataclass(kw_only=True)
class _Made:
    """What became of the layers: `lost` are values that could not be computed, `problems` why, by step."""

    net: Net
    lost: set[str] = field(default_factory=set[str])
    problems: dict[str, str] = field(default_factory=dict[str, str])


def _known(wiring: Wiring, name: str) -> str:
    names = {*wiring.givers, *wiring.aliases}
    if name in names:
        return name
    raise UnknownName(
        f"there is no tensor {name!r}",
        where=wiring.where,
        nearest=nearest_names(name, names),
        fix="`regraft show` lists all tensors",
    )


def _preparation(pair: Pair) -> Preparation | None:
    """What the definition's data layers say of pictures; else what those do that the weights were trained with."""
    files = [pair.definition, *([pair.weights] if pair.weights and pair.weights is not pair.definition else [])]
    found = (preparation(file.layers, file.path.parent) for file in files)
    return next((known for known in found if known is not None), None)


def _made(wiring: Wiring, pair: Pair, known: Preparation | None, needed: Collection[str] | None) -> _Made:
    """Nodes of all layers, or of those that give what is needed."""
    made = _Made(net=Net(weights=pair.weights.weighted if pair.weights else {}))
    for step in wiring.steps:
        if needed is not None and not set(step.gives) & set(needed):
            continue
        if step.is_input:
            _feed(step, made.net, known)
        elif step.is_loss or made.lost & set(step.reads):
            made.lost.update(step.gives)
        else:
            _turn(step, made)
        for alias, value in wiring.aliases.items():
            if value in step.gives and value in made.net.nodes:
                made.net.add(Node(name=alias, function="identity", args=(Ref(value),)))
    return made


def _turn(step: Step, made: _Made) -> None:
    handler = LAYERS.get(step.layer.type)
    before = list(made.net.nodes)
    try:
        if handler is None:
            raise Unsupported("")
        handler(Call(step=step, net=made.net))
    except Unsupported as reason:
        made.problems[step.name] = f": {reason}" if str(reason) else ""
        made.lost.update(step.gives)
        for name in made.net.nodes.keys() - set(before):
            del made.net.nodes[name]
    made.lost.update(name for name in step.gives if name not in made.net.nodes)


def _feed(step: Step, net: Net, known: Preparation | None) -> None:
    for place, name in enumerate(step.gives):
        net.add(Node(name=name, function="input"))
        shape = _declared(step, place, known)
        if shape and net.batch is None:
            net.batch = shape[0]
        net.shapes[name] = (None, *shape[1:]) if shape else ()


def _declared(step: Step, place: int, known: Preparation | None) -> Shape:
    """The shape of what a data layer gives, as the file has it; the labels beside pictures are one number each."""
    layer = step.layer
    if layer.type == INPUT:
        shapes = layer.message.input_param.shape
        chosen = shapes[min(place, len(shapes) - 1)].dim if shapes else ()
        return tuple(size if 0 < size < 1 << 31 else None for size in chosen)
    if layer.type == "DummyData":
        options = layer.message.dummy_data_param
        if options.shape:
            return tuple(options.shape[min(place, len(options.shape) - 1)].dim)
        old = (options.num, options.channels, options.height, options.width)
        return tuple(sizes[min(place, len(sizes) - 1)] for sizes in old) if all(old) else ()
    return (None, *size_of(layer, known)) if place == 0 else (None,)


def _require(wiring: Wiring, made: _Made, wanted: Sequence[str]) -> None:
    """Check that all that is wanted can be computed.

    Raises:
        UnsupportedOp: it cannot; all layers in the way are named.
    """
    required = wiring.ancestors(wiring.aliases.get(name, name) for name in wanted)
    if not made.lost & required:
        return
    in_the_way = [step for step in wiring.steps if step.name in made.problems and set(step.gives) & required]
    by_type: dict[str, list[Step]] = {}
    for step in in_the_way:
        by_type.setdefault(step.layer.type + made.problems[step.name], []).append(step)
    lines = [
        f"{type} ({len(steps)}): {', '.join(step.name for step in steps[:_MOST_NAMED])}"
        + (", ..." if len(steps) > _MOST_NAMED else "")
        for type, steps in sorted(by_type.items())
    ]
    reads = [name for step in in_the_way for name in step.reads if name not in made.lost]
    order = {name: place for place, name in enumerate(wiring.givers)}
    inputs = {name for step in wiring.steps if step.is_input for name in step.gives}
    ends = sorted((name for name in reads if name not in inputs), key=order.__getitem__)
    raise UnsupportedOp(
        "the network has layers that regraft cannot run",
        where=wiring.where,
        got="; ".join(lines) or "what is wanted depends on labels",
        fix=f"cut before them: the first safe cut is {ends[0]!r} (--at, or open(..., to=...))"
        if ends
        else "no tensor before them can be used",
    )


def _report_fresh(pair: Pair, net: Net) -> None:
    """Say which parameters no file has.

    Raises:
        BadArgument: the weights' file knows none at all.
    """
    if not net.fresh:
        return
    name, count = pair.definition.path.name, len(net.values)
    if pair.weights is None:
        _say(f"{name} holds no weights and no .caffemodel beside it fits: all {count} parameters start afresh")
        return
    if len(net.fresh) == count:
        raise BadArgument(
            f"no layer of {name} has weights in {pair.weights.path.name}",
            where=str(pair.weights.path),
            expected="weights of " + ", ".join(dict.fromkeys(one.rpartition("/")[0] for one in net.fresh[:5])),
            got="weights of " + ", ".join(list(pair.weights.weighted)[:5]),
        )
    listed = ", ".join(net.fresh[:_MOST_NAMED]) + (", ..." if len(net.fresh) > _MOST_NAMED else "")
    _say(f"{len(net.fresh)} of {count} parameters are not in {pair.weights.path.name} and start afresh: {listed}")


def _say(what: str) -> None:
    warnings.warn(what, stacklevel=5)


def _network(wiring: Wiring, made: _Made, wanted: Sequence[str], known: Preparation | None) -> GraphNetwork:
    net = made.net
    used = {name for node in net.nodes.values() for name in node.refs()} | set(wanted)
    nodes = tuple(
        node for node in net.nodes.values() if node.function not in ("input", "parameter") or node.name in used
    )
    specs = [
        _spec(node.name, net.shapes[node.name])
        for node in nodes
        if node.function == "input" and node.name != TRAINING.name
    ]
    pictures = [spec.name for spec in specs if spec.layout == "NCHW"]
    graph = Graph(
        nodes=nodes,
        inputs=tuple(described(spec, known if spec.name in pictures[:1] else None) for spec in specs),
        outputs=tuple(wanted),
        switches=(TRAINING,) if TRAINING.name in used else (),
        updates={name: tensor for name, tensor in net.updates.items() if tensor in net.nodes},
        collections={NOT_TRAINED: tuple(net.still)} if net.still else {},
    )
    held = {node.args[0] for node in nodes if node.function == "parameter"}
    return GraphNetwork(graph, {name: value for name, value in net.values.items() if name in held}, format=FORMAT)


def _spec(name: str, shape: Shape) -> InputSpec:
    layouts: Mapping[int, Layout] = {2: "flat", 4: "NCHW"}
    return InputSpec(name=name, shape=shape, layout=layouts.get(len(shape), "other"))
