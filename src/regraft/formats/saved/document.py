"""The graph as JSON: {nodes, inputs, outputs, switches, updates, slices, collections, training}.

A node is {name, function, args, kwargs}. In args a Ref is {"ref": name}; a list is a tuple. The body of a loop is
{variables, given, nodes, condition, following}.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from regraft.errors import UnreadableFile
from regraft.network import Body, Graph, InputSpec, Node, Ref, Slice, Switch, Training

# A node may hold these number types; anything else in a constant is refused.
_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
}


def graph_to_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON data."""
    return {
        "nodes": [_plain(node) for node in graph.nodes],
        "inputs": [dataclasses.asdict(spec) for spec in graph.inputs],
        "outputs": list(graph.outputs),
        "switches": [dataclasses.asdict(switch) for switch in graph.switches],
        "updates": dict(graph.updates),
        "slices": {name: dataclasses.asdict(part) for name, part in graph.slices.items()},
        "collections": {key: list(names) for key, names in graph.collections.items()},
        "training": dataclasses.asdict(graph.training) if graph.training else None,
    }


def graph_from_json(document: Any, parameters: Collection[str], where: str) -> Graph:
    """The graph of a JSON document.

    Args:
        parameters: names that have a value.

    Raises:
        UnreadableFile: it is no graph, or a node reads what is not computed before it.
    """
    try:
        graph = Graph(
            nodes=tuple(_node(item) for item in document["nodes"]),
            inputs=tuple(map(_spec, document["inputs"])),
            outputs=tuple(document["outputs"]),
            switches=tuple(Switch(**item) for item in document["switches"]),
            updates=dict(document["updates"]),
            slices={name: _slice(item) for name, item in document.get("slices", {}).items()},
            collections={key: tuple(names) for key, names in document["collections"].items()},
            training=Training(**_tuples(document["training"])) if document["training"] else None,
        )
        _check(graph, parameters)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise UnreadableFile("the graph in model.json is damaged", where=where, got=str(error)) from error
    return graph


def _check(graph: Graph, parameters: Collection[str]) -> None:
    known = _checked(graph.nodes, ())
    for node in graph.nodes:
        if node.function == "parameter" and not _is_parameter(node, parameters):
            raise ValueError(f"parameter {node.name} has no value or no mark whether it is trained")
    named = [*graph.outputs, *graph.updates.values(), *(spec.name for spec in (*graph.inputs, *graph.switches))]
    missing = [name for name in named if name not in known]
    if missing:
        raise ValueError(f"there is no node {', '.join(map(str, missing))}")


def _checked(nodes: Iterable[Node], given: Iterable[str]) -> set[str]:
    """The names of the nodes and of what is given, after a look at what the nodes read."""
    known = set(given)
    for node in nodes:
        unknown = [name for name in node.refs() if name not in known]
        if unknown or node.name in known:
            raise ValueError(f"node {node.name} stands twice or reads {unknown}, not computed before it")
        if node.function == "constant" and node.kwargs.get("dtype") not in _DTYPES:
            raise ValueError(f"constant {node.name} is of type {node.kwargs.get('dtype')}")
        if node.function == "loop":
            _check_body(node)
        known.add(node.name)
    return known


def _check_body(loop: Node) -> None:
    body: Body = loop.kwargs["body"]
    lists = (body.variables, body.given, body.following)
    known = _checked(body.nodes, (*body.variables, *body.given))
    if (
        any(type(names) is not tuple or any(type(name) is not str for name in names) for names in lists)
        or any(node.function in ("input", "parameter") for node in body.nodes)
        or not {body.condition, *body.following} <= known
        or len(body.variables) != len(body.following)
        or not len(loop.args) == len(body.variables) + len(body.given) == len({*body.variables, *body.given})
        or not all(isinstance(arg, Ref) for arg in loop.args)
    ):
        raise ValueError(f"the loop {loop.name} and its body do not fit together")


def _is_parameter(node: Node, parameters: Collection[str]) -> bool:
    marks = set(node.kwargs)
    marked = "trainable" in marks and marks <= {"trainable", "frozen"}
    return len(node.args) == 1 and node.args[0] in parameters and marked


def _node(item: Any) -> Node:
    name, function, kwargs = item["name"], item["function"], item["kwargs"]
    if not isinstance(name, str) or not isinstance(function, str) or not isinstance(kwargs, dict):
        raise TypeError(f"node {name!r} is no node")
    settings = {"body": _body(kwargs["body"])} if function == "loop" else _tuples(kwargs)
    return Node(name=name, function=function, args=_refs(item["args"]), kwargs=settings)


def _body(item: Any) -> Body:
    rest = {key: value for key, value in item.items() if key != "nodes"}
    return Body(nodes=tuple(map(_node, item["nodes"])), **_tuples(rest))


def _spec(item: Any) -> InputSpec:
    if not isinstance(item.get("tokenizer", ""), str):
        raise TypeError(f"the tokenizer of {item['name']} is no text")
    return InputSpec(**_tuples(item))


def _slice(item: Any) -> Slice:
    part = Slice(**_tuples(item))
    numbers = (*part.shape, *part.offset)
    fits = type(part.whole) is str and all(type(number) is int and number >= 0 for number in numbers)
    if not fits or len(part.shape) != len(part.offset):
        raise ValueError(f"{part} is no part of an array")
    return part


def _plain(value: Any) -> Any:
    if isinstance(value, Ref):
        return {"ref": value.name}
    if isinstance(value, Node | Body):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity; numpy reads the word where it stands in a constant
    return _mapped(value, _plain, list)


def _refs(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Ref(str(value["ref"]))
    return _mapped(value, _refs, tuple)


def _tuples(value: Any) -> Any:
    return _mapped(value, _tuples, tuple)


def _mapped(value: Any, change: Callable[[Any], Any], sequence: type) -> Any:
    """The value with its lists as `sequence` and everything inside changed."""
    if isinstance(value, Mapping):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return sequence(change(item) for item in value)
    return value
