"""The types written into a graph are those the operations really give."""

from __future__ import annotations

import operation_cases
import pytest
import torch
from operation_cases.case import Case

from regraft.formats.tf1.operation import attributes
from regraft.formats.tf1.ops import OPS
from regraft.formats.tf1.writing.output_types import output_type, tensor_types
from regraft.network.functions import FUNCTIONS
from regraft.network.graph import Graph, InputSpec, Node, Ref, Switch


@pytest.mark.parametrize("type", sorted(OPS))
def test_each_operation_gives_the_type_it_is_said_to(type: str) -> None:
    cases = [case for case in operation_cases.ALL if case.type == type]
    assert cases
    for case in cases:
        for index, output in enumerate(outputs(case)):
            node = Node(name=case.name, function=OPS[type].function, kwargs=attributes(OPS[type], case.attrs))
            told = output_type(node, [array.dtype.name for array in case.inputs], index)
            assert told == str(output.dtype).removeprefix("torch."), f"{case.name}, output {index}"


def outputs(case: Case) -> tuple[torch.Tensor, ...]:
    op = OPS[case.type]
    given = [torch.from_numpy(array.copy()) for array in case.inputs]
    result = FUNCTIONS[op.function](*given, **attributes(op, case.attrs))
    return result if isinstance(result, tuple) else (result,)


def test_a_graph_is_followed_from_its_inputs() -> None:
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="on:0", function="input"),
        Node(name="keep:0", function="input"),
        Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True}),
        Node(name="k:0", function="constant", args=(2,), kwargs={"dtype": "int32"}),
        Node(name="chosen:0", function="select", args=(Ref("on:0"), Ref("x:0"), Ref("x:0"))),
        Node(name="top", function="top_k", args=(Ref("chosen:0"), Ref("k:0")), kwargs={"sorted": True}),
        Node(name="top:0", function="item", args=(Ref("top"), 0)),
        Node(name="top:1", function="item", args=(Ref("top"), 1)),
    )
    graph = Graph(
        nodes=nodes,
        inputs=(InputSpec(name="x:0", shape=(None, 3), dtype="float64"),),
        outputs=("top:0",),
        switches=(
            Switch(name="on:0", evaluation=False, training=True),
            Switch(name="keep:0", evaluation=1.0, training=0.5),
        ),
    )
    assert tensor_types(graph, {"w": "float16"}) == {
        "x:0": "float64",
        "on:0": "bool",
        "keep:0": "float32",
        "w:0": "float16",
        "k:0": "int32",
        "chosen:0": "float64",
        "top": "float64",
        "top:0": "float64",
        "top:1": "int32",
    }
