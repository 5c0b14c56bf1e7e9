"""Pictures resized and sampled, attention, signals and losses."""

from __future__ import annotations

from typing import Any

from regraft.formats.onnx.building import Call, Handler, integers, plain
from regraft.formats.onnx.tensors import DTYPES, type_name
from regraft.network.building import Unsupported


def resize(call: Call) -> None:
    """Nothing is refused."""
    attributes = {name: call.attribute(name) for name in call.known}
    if call.opset < 11:
        given = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        call.give("onnx_resize", call.input(), None, call.input(1), mode=call.attribute("mode"), **given)
        return
    if attributes.get("axes") is not None:
        attributes["axes"] = integers(attributes["axes"])
    call.give("onnx_resize", *call.inputs(), **attributes)


def upsample(call: Call) -> None:
    """Nothing is refused."""
    mode = call.attribute("mode")
    old = call.opset < 9
    scales = call.constant("scales", call.attribute("scales"), "float32") if old else call.input(1)
    call.give("onnx_upsample", call.input(), scales, mode=mode)


def fourier(call: Call) -> None:
    """Nothing is refused."""
    flags = {name: call.attribute(name) for name in ("inverse", "onesided")}
    if call.opset >= 20:
        axis: Any = call.optional(2)
        call.give("fourier", call.input(), call.optional(1), -2 if axis is None else axis, **flags)
    else:
        call.give("fourier", call.input(), call.optional(1), call.attribute("axis"), **flags)


def attention(call: Call) -> None:
    """Refused: a softmax in a type that cannot be used, see Cast."""
    attributes = {name: call.attribute(name) for name in call.known}
    code = attributes.pop("softmax_precision", None)
    if code is not None and code not in DTYPES:
        raise Unsupported(f"numbers of type {type_name(code)} cannot be used")
    precision = None if code is None else DTYPES[code]
    call.give_all("attention", *call.inputs(), softmax_precision=precision, **attributes)


def mel_weights(call: Call) -> None:
    """Refused: types that cannot be used, see Cast."""
    code = call.attribute("output_datatype")
    if code not in DTYPES:
        raise Unsupported(f"numbers of type {type_name(code)} cannot be used")
    call.give("mel_weights", *call.inputs(), output_datatype=DTYPES[code])


OPS: dict[str, Handler] = {
    "AffineGrid": plain("affine_grid"),
    "Attention": attention,
    "DFT": fourier,
    "GridSample": plain("grid_sample"),
    "LinearAttention": plain("linear_attention", outputs="all"),
    "MelWeightMatrix": mel_weights,
    "NegativeLogLikelihoodLoss": plain("negative_log_likelihood"),
    "Resize": resize,
    "RoiAlign": plain("roi_align"),
    "RotaryEmbedding": plain("rotary_embedding"),
    "STFT": plain("short_time_fourier"),
    "SoftmaxCrossEntropyLoss": plain("softmax_cross_entropy", outputs="all"),
    "Upsample": upsample,
}
