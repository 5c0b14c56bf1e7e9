"""Writing the weights of a Caffe network back into a .caffemodel, for the prototxt they came with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import BadArgument, UnsupportedOp
from regraft.formats.caffe import protos
from regraft.formats.caffe.reading import read_weights
from regraft.network import GraphNetwork
from regraft.network.proof import Written, prove_weights
from regraft.protobuf.wire import bytes_field
from regraft.run.atomic import writing

_NAME = re.compile(r"(.+)/(\d+)")
_DATA = 5  # the field of a BlobProto
# The layer a parameter belongs to, by the function that reads it and its index in the layer.
_TYPES = {
    ("conv2d", 0): "Convolution",
    ("deconvolution", 0): "Deconvolution",
    ("inner_product", 0): "InnerProduct",
    ("gather", 0): "Embed",
    ("prelu", 0): "PReLU",
    ("mul_along", 0): "Scale",
    ("add_along", 0): "Bias",
    ("mul", 0): "BatchNorm",
    ("identity", 0): "Parameter",
}
_MOST_NAMED = 5


def write(network: GraphNetwork, path: Path) -> Written:
    """Write the weights as a .caffemodel of the second format: the name, the type and the blobs of each layer.

    Caffe, OpenCV and regraft open it with the prototxt of the source.

    Raises:
        BadArgument: there are no parameters.
        UnsupportedOp: the network does not come from Caffe, or some parameters have no place in its layers.
        OutOfSpace: the disk is full.
    """
    values = {name: p.value for name, p in network.parameters.items()}
    if not values:
        raise BadArgument("the network has no parameters: there is nothing a .caffemodel could hold")
    message = protos.new("NetParameter")
    for name, (type, blobs) in _layers(network).items():
        layer = message.layer.add(name=name, type=type)
        for blob in blobs:
            _put(layer.blobs.add(), blob)
    with writing(path) as file:
        file.write(message.SerializeToString())
        file.flush()
        found = prove_weights(values, read_weights(Path(file.name)), str(path))
    return Written(format="caffemodel", files=(path,), difference=found)


def _layers(network: GraphNetwork) -> dict[str, tuple[str, list[np.ndarray]]]:
    """The type and the blobs of each layer, in running order.

    Raises:
        UnsupportedOp: there are parameters that no layer of Caffe holds.
    """
    found: dict[str, dict[int, np.ndarray]] = {}
    strange: list[str] = []
    for name, parameter in network.parameters.items():
        parts = _NAME.fullmatch(name)
        if parts and parameter.dtype == "float32":
            found.setdefault(parts[1], {})[int(parts[2])] = parameter.value
        else:
            strange.append(name)
    types = _types(network)
    strange += [f"{layer}/{k}" for layer, blobs in found.items() for k in blobs if layer not in types]
    strange += [f"{layer}/{max(blobs)}" for layer, blobs in found.items() if set(blobs) != set(range(len(blobs)))]
    if strange:
        more = ", ..." if len(strange) > _MOST_NAMED else ""
        raise UnsupportedOp(
            f"{len(strange)} of {len(network.parameters)} parameters have no place in a .caffemodel",
            expected="parameters of Caffe's layers (conv1/0), as regraft.open gives them for a Caffe network",
            got=", ".join(strange[:_MOST_NAMED]) + more,
            fix="write the part below them, which the prototxt of the source describes (--at TENSOR, or "
            "net.towards(TENSOR)); or the whole as ONNX (--to onnx)",
        )
    return {layer: (types[layer], [blobs[k] for k in sorted(blobs)]) for layer, blobs in found.items()}


def _types(network: GraphNetwork) -> dict[str, str]:
    """The types of the layers, told from what reads their first parameter."""
    owners = {node.name: node.args[0] for node in network.graph.nodes if node.function == "parameter"}
    found: dict[str, str] = {}
    for node in network.graph.nodes:
        if node.function == "conv2d" and node.kwargs.get("filter_format") != "OIHW":
            continue  # TensorFlow's
        for tensor in node.refs():
            layer, _, index = owners.get(tensor, "").rpartition("/")
            type = _TYPES.get((node.function, int(index))) if index.isdigit() else None
            if type:
                found.setdefault(layer, type)
    return found


def _put(blob: Any, value: np.ndarray) -> None:
    """Fill a BlobProto; a single number has no shape there, as Caffe writes it. protobuf would take numbers singly."""
    if value.ndim:
        blob.shape.dim.extend(value.shape)
    blob.MergeFromString(bytes_field(_DATA, np.ascontiguousarray(value, "<f4").tobytes()))
