"""Normalisations."""

from __future__ import annotations

from typing import Any

from regraft.formats.onnx.building import Call, Handler, plain
from regraft.network.building import Unsupported
from regraft.network.graph import Ref


def batch_norm(call: Call) -> None:
    """By the stored statistics, in training by the batch's. Refused: statistics for each place (opset 7, spatial 0)."""
    if not call.attribute("spatial", 1):
        raise Unsupported("it has statistics for each place")
    epsilon, momentum = call.attribute("epsilon"), call.attribute("momentum")
    if call.attribute("training_mode", 0):
        call.give_all("batch_norm_training", *call.inputs(), epsilon=epsilon, momentum=momentum)
        return
    call.only_first()
    x, scale, offset, mean, variance = (call.input(place) for place in range(5))
    shared: dict[str, Any] = {"epsilon": epsilon, "data_format": "NCHW"}
    stored = call.inner("stored", "fused_batch_norm", x, scale, offset, mean, variance, is_training=False, **shared)
    averages = [call.net.nodes.get(ref.name) for ref in (mean, variance)]
    if any(node is None or node.function != "parameter" for node in averages):
        call.give("item", stored, 0)
        return
    value = call.value(3)
    empty = call.constant("empty", (), "float32" if value is None else value.dtype.name)
    batch = call.inner("batch", "fused_batch_norm", x, scale, offset, empty, empty, is_training=True, **shared)
    sides = call.inner("batch/0", "item", batch, 0), call.inner("stored/0", "item", stored, 0)
    call.give("select", call.net.switch(), *sides)
    # ONNX keeps the variance of the batch as it is (item 4), not the larger one of what the batch is drawn from.
    for detail, old, new in (("mean", mean, 1), ("variance", variance, 4)):
        _follow(call, detail, old, call.inner(f"batch/{detail}", "item", batch, new), float(momentum))


def _follow(call: Call, detail: str, old: Ref, added: Ref, momentum: float) -> None:
    """The next value of a moving average; nothing where two batch norms share it."""
    parameter = call.net.nodes[old.name].args[0]
    if parameter in call.net.updates:
        return
    following = call.inner(f"next/{detail}", "weighted_sum", old, added, weights=(momentum, 1 - momentum))
    call.net.updates[parameter] = following.name


def layer_norm(call: Call) -> None:
    """Nothing is refused."""
    attributes = {name: call.attribute(name) for name in call.known}
    if any(call.operation.outputs[1:]):
        call.give_all("layer_norm_statistics", *call.inputs(), **attributes)
    else:
        call.give("onnx_layer_norm", *call.inputs(), **attributes)


OPS: dict[str, Handler] = {
    "BatchNormalization": batch_norm,
    "GroupNormalization": plain("onnx_group_norm"),
    "InstanceNormalization": plain("instance_norm"),
    "LRN": plain("neighbour_norm"),
    "LayerNormalization": layer_norm,
    "LpNormalization": plain("lp_norm"),
    "RMSNormalization": plain("rms_norm"),
}
