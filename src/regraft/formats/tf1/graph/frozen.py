"""Weights of a frozen graph: the constants that once were variables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import prod

from regraft.formats.tf1.graph.constants import attribute_of, shape_of
from regraft.formats.tf1.graph.source import PASSING, VARIABLES, Flow, Operation
from regraft.formats.tf1.graph.variables import looks_trained

# Operation -> inputs that take weights, and whether those are trained. Of a MatMul either side may.
WEIGHT_INPUTS: dict[str, dict[int, bool]] = {
    "Conv2D": {1: True},
    "Conv3D": {1: True},
    "Conv3DBackpropInputV2": {1: True},
    "SparseTensorDenseMatMul": {3: True},
    "DepthwiseConv2dNative": {1: True},
    "Conv2DBackpropInput": {1: True},
    "MatMul": {0: True, 1: True},
    "BatchMatMul": {0: True, 1: True},
    "BatchMatMulV2": {0: True, 1: True},
    "BatchMatMulV3": {0: True, 1: True},
    "BiasAdd": {1: True},
    "BiasAddV1": {1: True},
    "Gather": {0: True},
    "GatherV2": {0: True},
    "ResourceGather": {0: True},
    "FusedBatchNorm": {1: True, 2: True, 3: False, 4: False},
    "FusedBatchNormV2": {1: True, 2: True, 3: False, 4: False},
    "FusedBatchNormV3": {1: True, 2: True, 3: False, 4: False},
    "BatchNormWithGlobalNormalization": {1: False, 2: False, 3: True, 4: True},
}

_ADDS = ("Add", "AddV2")
_WEIGHTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "Conv2DBackpropInput")
_COPIES = ("Identity", PASSING)
# What freezing leaves of reading a variable: "x/read" of a reference, "x/ReadVariableOp" of a resource.
_READS = re.compile(r"(^|/)(read|ReadVariableOp)(_\d+)?$")

# A constant of more values than this is kept beside the graph, like a weight.
_LARGEST_CONSTANT = 1024


def weights(flow: Flow, tensors: Iterable[str]) -> dict[str, bool]:
    """The constants among these tensors that are kept as parameters: operation name -> whether they are trained.

    Where some constants are read as variables are, the others never were variables: the scale of a batch norm that
    has none is a constant of ones. So is it in a graph with variables of its own, which may stand on a frozen one.
    """
    found: dict[str, bool] = {}
    read: set[str] = set()
    operations = list(map(flow.of, tensors))
    has_variables = any(operation.type in VARIABLES for operation in operations)
    for operation in operations:
        if operation.type == "Const" and _is_large(operation):
            found.setdefault(operation.name, False)
        for index, trained in _weight_inputs(flow, operation):
            constant = flow.of(flow.through(operation.inputs[index], _COPIES))
            if constant.type == "Const" and _is_float(constant) and _count(constant):
                filled = has_variables and _is_filled(flow, constant)
                found[constant.name] = trained and not filled and looks_trained(constant.name)
                if operation.type == "Identity":
                    read.add(constant.name)
    return {name: trained and (name in read or not read) for name, trained in found.items()}


def _weight_inputs(flow: Flow, operation: Operation) -> Iterable[tuple[int, bool]]:
    if operation.type == "Identity" and _READS.search(operation.name):
        return [(0, True)]
    if operation.type in _ADDS:
        return _bias_inputs(flow, operation)
    slots = WEIGHT_INPUTS.get(operation.type, {})
    return [(index, trained) for index, trained in slots.items() if index < len(operation.inputs)]


def _bias_inputs(flow: Flow, operation: Operation) -> Iterable[tuple[int, bool]]:
    """A vector added to what a weighted operation gives is its bias."""
    for index, other in ((1, 0), (0, 1)):
        if len(operation.inputs) == 2 and flow.of(operation.inputs[other]).type in _WEIGHTED:
            constant = flow.of(flow.through(operation.inputs[index], _COPIES))
            if constant.type == "Const" and len(_shape(constant)) == 1:
                yield index, True


def _shape(constant: Operation) -> tuple[int | None, ...]:
    return shape_of(constant.attrs["value"].tensor.tensor_shape) or ()


def _is_filled(flow: Flow, constant: Operation) -> bool:
    """Whether a vector holds one value throughout."""
    value = flow.value(constant)
    return value.ndim == 1 and bool((value == value[0]).all())


def _is_float(constant: Operation) -> bool:
    return str(attribute_of(constant.attrs["dtype"])).startswith(("float", "bfloat"))


def _count(constant: Operation) -> int:
    return prod(size or 0 for size in _shape(constant))


def _is_large(constant: Operation) -> bool:
    return _count(constant) > _LARGEST_CONSTANT and attribute_of(constant.attrs["dtype"]) != "string"
