"""`regraft show`: what is in a file."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regraft.cli import output
from regraft.cli.options import Json, Weights

if TYPE_CHECKING:
    from regraft.network.graph import InputSpec
    from regraft.network.network import GraphNetwork, Parameter
    from regraft.network.shapes import Tensor


def show(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A TensorFlow 1 or Caffe network, a regraft model, or weights."),
    ],
    params: Annotated[str | None, typer.Option(metavar="REGEX", help="List the parameters it matches.")] = None,
    tensors: Annotated[str | None, typer.Option(metavar="REGEX", help="List the tensors it matches.")] = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Show what is in a file: its inputs, layers, cuts, tensors and parameters.

    A pattern is matched from the start of a name, as tf.get_collection does: '.*BatchNorm' finds it anywhere.
    """
    import regraft

    network = regraft.open(source, weights=weights)
    chosen_parameters = _parameters(network, params)
    chosen_tensors = _tensors(network, tensors)
    if json:
        output.emit(_record(network, chosen_parameters, chosen_tensors))
        return
    print(_summary(source, network))
    if params is None and tensors is None:
        _print_outline(network)
    if params is not None or not network.outputs:
        _print_parameters(chosen_parameters)
    if tensors is not None:
        output.table("Tensors", ("name", "shape", "type"), ((t.name, t.shape, t.dtype) for t in chosen_tensors))


def _parameters(network: GraphNetwork, pattern: str | None) -> list[Parameter]:
    from regraft.network.naming import matching

    names = network.parameters if pattern is None else matching(pattern, network.parameters, "--params")
    return [network.parameters[name] for name in names]


def _tensors(network: GraphNetwork, pattern: str | None) -> list[Tensor]:
    from regraft.network.naming import matching

    if pattern is not None:
        network.require_graph()
        return [network.tensors[name] for name in matching(pattern, network.tensors, "--tensors", "tensor")]
    # Weights without a graph have no activations, and torch is not needed to say so.
    return list(network.tensors.values()) if network.outputs else []


def _record(network: GraphNetwork, parameters: list[Parameter], tensors: list[Tensor]) -> dict[str, Any]:
    return {
        "format": network.format,
        "inputs": network.graph.inputs,
        "outputs": network.outputs,
        "switches": network.graph.switches,
        "layers": network.layers.values() if network.outputs else [],
        "cuts": network.cuts() if network.outputs else [],
        "tensors": [{"name": t.name, "shape": t.shape, "dtype": t.dtype} for t in tensors],
        "parameters": [
            {"name": p.name, "shape": p.shape, "dtype": p.dtype, "trainable": p.trainable} for p in parameters
        ],
        "collections": network.collections,
    }


def _summary(source: str, network: GraphNetwork) -> str:
    sizes = {p.name: prod(p.shape) for p in network.parameters.values()}
    trainable = sum(sizes[p.name] for p in network.parameters.values() if p.trainable)
    counted = f"{len(sizes)} parameters with {sum(sizes.values()):,} numbers, {trainable:,} of them trainable"
    graph = f"{len(network.layers)} layers, " if network.outputs else "no graph, "
    return f"{source} ({network.format}): {graph}{counted}"


def _print_outline(network: GraphNetwork) -> None:
    if not network.outputs:
        return
    inputs = ((s.name, s.shape, s.dtype, s.layout, s.channels, _range(s), s.origin) for s in network.graph.inputs)
    output.table("Inputs", ("name", "shape", "type", "layout", "channels", "range", "range known from"), inputs)
    for switch in network.graph.switches:
        print(f"Switch {switch.name}: {switch.evaluation} in evaluation, {switch.training} in training")
    ends = {cut.tensor for cut in network.cuts()}
    layers = (
        (x.name, x.kind, x.output, x.shape, x.parameter_count, x.flops, x.output in ends)
        for x in network.layers.values()
    )
    output.table("Layers", ("name", "kind", "output", "shape", "parameters", "FLOPs", "cut"), layers)


def _print_parameters(parameters: Iterable[Parameter]) -> None:
    rows = ((p.name, p.shape, p.dtype, p.trainable) for p in parameters)
    output.table("Parameters", ("name", "shape", "type", "trainable"), rows)


def _range(spec: InputSpec) -> str | None:
    return spec.range and f"{spec.range[0]:g}..{spec.range[1]:g}"
