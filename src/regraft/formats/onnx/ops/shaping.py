"""Operations on shapes: dimensions changed, tensors joined, cut, grown and filled."""

from __future__ import annotations

from typing import Any

from regraft.formats.onnx.building import Call, Handler, integers, plain
from regraft.formats.onnx.tensors import DTYPES, dtype_of, to_array, type_name
from regraft.network.building import Unsupported
from regraft.network.graph import Ref


def axes(call: Call, place: int = 1, name: str = "axes") -> Ref | tuple[int, ...] | None:
    """Numbers that stood in an attribute before they became an input; those of the file as plain numbers."""
    if name in call.known:
        return integers(call.attribute(name))
    call.asked.add(name)
    value = call.value(place)
    return integers(value.reshape(-1)) if value is not None else call.optional(place)


def reshape(call: Call) -> None:
    """Nothing is refused."""
    call.give("onnx_reshape", call.input(), call.input(1), allowzero=call.attribute("allowzero", 0))


def squeeze(call: Call) -> None:
    """Nothing is refused."""
    call.give("onnx_squeeze", call.input(), axes(call))


def unsqueeze(call: Call) -> None:
    """Nothing is refused."""
    call.give("onnx_unsqueeze", call.input(), axes(call))


def shape(call: Call) -> None:
    """Nothing is refused."""
    start, end = call.attribute("start", 0), call.attribute("end")
    if not start and end is None:
        call.give("shape", call.input(), out_type="int64")
    else:
        call.give("onnx_shape", call.input(), start=start, end=end)


def size(call: Call) -> None:
    """Nothing is refused."""
    call.give("size", call.input(), out_type="int64")


def split(call: Call) -> None:
    """Nothing is refused."""
    lengths = axes(call, 1, "split")
    call.attribute("num_outputs")
    count = len(call.operation.outputs)
    call.give_all("onnx_split", call.input(), lengths, axis=call.attribute("axis", 0), count=count)


def slice_(call: Call) -> None:
    """Nothing is refused."""
    if call.opset < 10:
        known = [integers(call.attribute(name)) for name in ("starts", "ends")]
        along = call.attribute("axes")
        call.give("onnx_slice", call.input(), *known, None if along is None else integers(along))
        return
    call.give("onnx_slice", call.input(), *(axes(call, place, "") for place in range(1, len(call.operation.inputs))))


def tile(call: Call) -> None:
    """Nothing is refused."""
    call.give("onnx_tile", call.input(), call.input(1))


def pad(call: Call) -> None:
    """Nothing is refused."""
    mode = call.attribute("mode", "constant")
    if call.opset >= 11:
        call.give("onnx_pad", call.input(), axes(call, 1, ""), call.optional(2), axes(call, 3, ""), mode=mode)
        return
    value = call.constant("value", float(call.attribute("value", 0.0)), "float32")
    call.give("onnx_pad", call.input(), integers(call.attribute("pads")), value, None, mode=mode)


def constant_of_shape(call: Call) -> None:
    """Refused: types that cannot be used, see Cast."""
    tensor = call.attribute("value")
    if tensor is None or not tensor.data_type:
        call.give("onnx_filled", call.input(), value=0.0, dtype="float32")
        return
    value = to_array(tensor, call.net.source.file, call.where)
    if value.size != 1:
        raise Unsupported(f"its value has {value.size} numbers")
    call.give("onnx_filled", call.input(), value=value.reshape(-1)[0].item(), dtype=value.dtype.name)


def eye_like(call: Call) -> None:
    """Refused: types that cannot be used, see Cast."""
    code = call.attribute("dtype")
    if code is not None and code not in DTYPES:
        raise Unsupported(f"numbers of type {type_name(code)} cannot be used")
    dtype = None if code is None else dtype_of(code, call.where)
    call.give("eye_like", call.input(), dtype=dtype, k=call.attribute("k", 0))


def range_(call: Call) -> None:
    """Nothing is refused."""
    call.attribute("stash_type")
    call.give("onnx_range", *call.inputs())


def concat(call: Call) -> None:
    """Nothing is refused."""
    call.give("onnx_concat", *call.inputs(), axis=call.attribute("axis", 1))


def transpose(call: Call) -> None:
    """Nothing is refused."""
    perm: Any = call.attribute("perm")
    call.give("onnx_transpose", call.input(), perm=None if perm is None else integers(perm))


OPS: dict[str, Handler] = {
    "CenterCropPad": plain("center_crop_pad"),
    "Concat": concat,
    "ConstantOfShape": constant_of_shape,
    "DepthToSpace": plain("onnx_depth_to_space"),
    "Expand": plain("onnx_expand"),
    "EyeLike": eye_like,
    "Flatten": plain("onnx_flatten"),
    "Pad": pad,
    "Range": range_,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Slice": slice_,
    "SpaceToDepth": plain("onnx_space_to_depth"),
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Trilu": plain("trilu"),
    "Unsqueeze": unsqueeze,
}
