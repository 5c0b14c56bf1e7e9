"""The TensorFlow operations regraft reads and writes, one line each.

Where several types map to one function, the first that fits is the one that is written. What `Variable`, `Placeholder`,
`Const`, `Switch`, `Merge` and `If` become is the graph reader's matter: they are no functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from regraft.formats.tf1.operation import Attr, Kind, Op

INTS, TEXT, TYPE, SHAPE = Attr("ints"), Attr("str"), Attr("type"), Attr("shape")
INT, FLAG, NUMBER = Attr("int"), Attr("bool"), Attr("float")

_KINDS: dict[type, Kind] = {bool: "bool", int: "int", str: "str", tuple: "ints"}


def _op(type: str, function: str, inputs: str, outputs: str, ignored: str = "", **attrs: Any) -> Op:
    """A line of the table. An attribute is an Attr, or a default that shows its kind."""
    return Op(
        type=type,
        function=function,
        inputs=tuple(inputs.split()),
        outputs=tuple(outputs.split()),
        attrs={
            name: attr if isinstance(attr, Attr) else Attr(_KINDS[attr.__class__], attr) for name, attr in attrs.items()
        },
        ignored=tuple(ignored.split()),
    )


def _float(value: float) -> Attr:
    """A default as TensorFlow holds it: with the precision of float32."""
    return Attr("float", float(np.float32(value)))


def _type(default: str) -> Attr:
    return Attr("type", default)


def _alike(inputs: str, outputs: str, functions: dict[str, str], **attrs: Any) -> list[Op]:
    """Operations that differ in name only."""
    return [_op(type, function, inputs, outputs, **attrs) for type, function in functions.items()]


_PASSING = [
    _op("Identity", "identity", "T", "output"),
    _op("RefIdentity", "identity", "T", "output"),
    _op("ReadVariableOp", "identity", "dtype", "value"),
    _op("PlaceholderWithDefault", "identity", "dtype", "output", "shape"),
    _op("Snapshot", "identity", "T", "output"),
    _op("IdentityN", "identity_n", "*T", "T*output"),
    _op("StopGradient", "stop_gradient", "T", "output"),
    _op("PreventGradient", "prevent_gradient", "T", "output", message=""),
    _op("CheckNumerics", "check_numerics", "T", "output", message=TEXT),
    _op("EnsureShape", "ensure_shape", "T", "output", shape=SHAPE),
    _op("Print", "print", "T *U", "output", "first_n summarize", message=""),
    _op("Cast", "cast", "SrcT", "y", "Truncate", DstT=TYPE),
]

_ARITHMETIC = [
    *_alike("T T", "z", {"AddV2": "add_v2", "Add": "add", "Sub": "sub", "Mul": "mul"}),
    *_alike("T T", "z", {"RealDiv": "real_div", "Div": "div", "DivNoNan": "div_no_nan", "FloorDiv": "floor_div"}),
    *_alike("T T", "z", {"TruncateDiv": "truncate_div", "FloorMod": "floor_mod", "Mod": "mod", "TruncateMod": "mod"}),
    *_alike("T T", "z", {"Maximum": "maximum", "Minimum": "minimum", "Pow": "pow"}),
    *_alike("T T", "z", {"SquaredDifference": "squared_difference"}),
    _op("AddN", "add_n", "N*T", "sum"),
    _op("AccumulateNV2", "add_n", "N*T", "sum", "shape"),
    _op("ClipByValue", "clip_by_value", "T T T", "output"),
    *_alike("T", "y", {"Neg": "neg", "Abs": "abs", "Sign": "sign", "Reciprocal": "reciprocal", "Inv": "reciprocal"}),
    *_alike("T", "y", {"Square": "square", "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Exp": "exp", "Expm1": "expm1"}),
    *_alike("T", "y", {"Log": "log", "Log1p": "log1p", "Floor": "floor", "Ceil": "ceil", "Round": "round"}),
    *_alike("T", "y", {"Rint": "round", "Erf": "erf", "Erfc": "erfc", "Sin": "sin", "Cos": "cos"}),
    *_alike("T", "y", {"Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh"}),
    *_alike("T", "y", {"Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh", "Lgamma": "lgamma"}),
    *_alike("T T", "z", {"Atan2": "atan2", "Xlogy": "xlogy", "Xdivy": "xdivy"}),
    _op("MatMul", "mat_mul", "T T", "product", "grad_a grad_b", transpose_a=False, transpose_b=False),
    _op("BatchMatMulV2", "batch_mat_mul", "T T", "output", "grad_x grad_y", adj_x=False, adj_y=False),
    _op("BatchMatMul", "batch_mat_mul", "T T", "output", "grad_x grad_y", adj_x=False, adj_y=False),
    _op("BatchMatMulV3", "batch_mat_mul", "Ta Tb", "output", "grad_x grad_y Tout", adj_x=False, adj_y=False),
    _op("Einsum", "einsum", "N*T", "output", equation=TEXT),
]

_COMPARISON = [
    _op("Equal", "equal", "T T", "z", "incompatible_shape_error"),
    _op("NotEqual", "not_equal", "T T", "z", "incompatible_shape_error"),
    *_alike("T T", "z", {"Less": "less", "LessEqual": "less_equal"}),
    *_alike("T T", "z", {"Greater": "greater", "GreaterEqual": "greater_equal"}),
    *_alike("bool bool", "z", {"LogicalAnd": "logical_and", "LogicalOr": "logical_or"}),
    _op("LogicalNot", "logical_not", "bool", "y"),
    *_alike("T", "y", {"IsNan": "is_nan", "IsInf": "is_inf", "IsFinite": "is_finite"}),
]

_ACTIVATIONS = [
    *_alike("T", "activations", {"Relu": "relu", "Relu6": "relu6", "Elu": "elu", "Selu": "selu"}),
    *_alike("T", "activations", {"Softplus": "softplus", "Softsign": "softsign"}),
    _op("LeakyRelu", "leaky_relu", "T", "activations", alpha=_float(0.2)),
    *_alike("T", "y", {"Sigmoid": "sigmoid", "Tanh": "tanh"}),
    _op("Softmax", "softmax", "T", "softmax"),
    _op("LogSoftmax", "log_softmax", "T", "logsoftmax"),
]

_WINDOW: dict[str, Any] = {"strides": INTS, "padding": TEXT}
_CONVOLVED: dict[str, Any] = {
    **_WINDOW,
    "explicit_paddings": (),
    "data_format": "NHWC",
    "dilations": (1, 1, 1, 1),
}

_CONVOLUTION = [
    _op("Conv2D", "conv2d", "T T", "output", "use_cudnn_on_gpu", **_CONVOLVED),
    _op("DepthwiseConv2dNative", "depthwise_conv2d_native", "T T", "output", **_CONVOLVED),
    _op("Conv2DBackpropInput", "conv2d_backprop_input", "int32 T T", "output", "use_cudnn_on_gpu", **_CONVOLVED),
    _op("BiasAdd", "bias_add", "T T", "output", data_format="NHWC"),
    _op("BiasAddV1", "bias_add", "T T", "output"),
]

_THROUGH_VOLUMES: dict[str, Any] = {**_WINDOW, "data_format": "NDHWC", "dilations": (1, 1, 1, 1, 1)}
_POOLED_VOLUMES: dict[str, Any] = {"ksize": INTS, **_WINDOW, "data_format": "NDHWC"}

_VOLUMES = [
    _op("Conv3D", "conv3d", "T T", "output", **_THROUGH_VOLUMES),
    _op("Conv3DBackpropInputV2", "conv3d_backprop_input", "Tshape T T", "output", **_THROUGH_VOLUMES),
    _op("MaxPool3D", "max_pool3d", "T", "output", **_POOLED_VOLUMES),
    _op("AvgPool3D", "avg_pool3d", "T", "output", **_POOLED_VOLUMES),
]

_POOLED: dict[str, Any] = {"ksize": INTS, **_WINDOW}

_POOLING = [
    _op("MaxPool", "max_pool", "T", "output", **_POOLED, explicit_paddings=(), data_format="NHWC"),
    _op("MaxPoolV2", "max_pool", "T int32 int32", "output", padding=TEXT, data_format="NHWC"),
    _op("MaxPoolWithArgmax", "max_pool_with_argmax", "T", "output argmax", **_POOLED,
        Targmax=_type("int64"), include_batch_in_index=False),
    _op("AvgPool", "avg_pool", "T", "output", **_POOLED, data_format="NHWC"),
]  # fmt: skip

_MOMENTS = "y batch_mean batch_variance reserve_space_1 reserve_space_2"
_NORMALISED: dict[str, Any] = {
    "epsilon": _float(1e-4),
    "exponential_avg_factor": _float(1.0),
    "data_format": "NHWC",
    "is_training": True,
}

_NORMALISATION = [
    _op("FusedBatchNormV3", "fused_batch_norm", "T U U U U", f"{_MOMENTS} reserve_space_3", **_NORMALISED),
    _op("FusedBatchNormV2", "fused_batch_norm", "T U U U U", _MOMENTS, **_NORMALISED),
    _op("FusedBatchNorm", "fused_batch_norm", "T T T T T", _MOMENTS, **_NORMALISED),
    _op("BatchNormWithGlobalNormalization", "batch_norm_with_global_normalization", "T T T T T", "result",
        variance_epsilon=NUMBER, scale_after_normalization=FLAG),
    _op("LRN", "lrn", "T", "output", depth_radius=5, bias=_float(1), alpha=_float(1), beta=_float(0.5)),
]  # fmt: skip

_SHAPING = [
    _op("Reshape", "reshape", "T Tshape", "output"),
    _op("Squeeze", "squeeze", "T", "output", squeeze_dims=()),
    _op("ExpandDims", "expand_dims", "T Tdim", "output"),
    _op("Transpose", "transpose", "T Tperm", "y"),
    _op("Shape", "shape", "T", "output", out_type=_type("int32")),
    _op("ShapeN", "shape_n", "N*T", "N*output", out_type=_type("int32")),
    _op("Size", "size", "T", "output", out_type=_type("int32")),
    _op("Rank", "rank", "T", "output"),
    _op("Pack", "pack", "N*T", "output", axis=0),
    _op("Unpack", "unpack", "T", "num*output", num=INT, axis=0),
    _op("Split", "split", "int32 T", "num_split*output", num_split=INT),
    _op("SplitV", "split_v", "T Tlen int32", "num_split*output", num_split=INT),
    _op("Concat", "concat", "int32 N*T", "output"),
    _op("ConcatV2", "concat_v2", "N*T Tidx", "output"),
    _op("Slice", "slice", "T Index Index", "output"),
    _op("StridedSlice", "strided_slice", "T Index Index Index", "output",
        begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0),
    _op("Reverse", "reverse", "T bool", "output"),
    _op("ReverseV2", "reverse_v2", "T Tidx", "output"),
    _op("ReverseSequence", "reverse_sequence", "T Tlen", "output", seq_dim=INT, batch_dim=0),
    _op("Roll", "roll", "T Tshift Taxis", "output"),
    _op("BroadcastArgs", "broadcast_args", "T T", "r0"),
    _op("BroadcastTo", "broadcast_to", "T Tidx", "output"),
    _op("Tile", "tile", "T Tmultiples", "output"),
]  # fmt: skip

_FILLING = [
    _op("Fill", "fill", "index_type T", "output"),
    _op("Range", "range", "Tidx Tidx Tidx", "output"),
    _op("LinSpace", "lin_space", "T T Tidx", "output"),
    *_alike("T", "y", {"ZerosLike": "zeros_like", "OnesLike": "ones_like"}),
    _op("InvertPermutation", "invert_permutation", "T", "y"),
    _op("Pad", "pad", "T Tpaddings", "output"),
    _op("PadV2", "pad", "T Tpaddings T", "output"),
    _op("MirrorPad", "mirror_pad", "T Tpaddings", "output", mode=TEXT),
    _op("SpaceToBatchND", "space_to_batch_nd", "T Tblock_shape Tpaddings", "output"),
    _op("BatchToSpaceND", "batch_to_space_nd", "T Tblock_shape Tcrops", "output"),
    _op("SpaceToBatch", "space_to_batch", "T Tpaddings", "output", block_size=INT),
    _op("BatchToSpace", "batch_to_space", "T Tidx", "output", block_size=INT),
    _op("SpaceToDepth", "space_to_depth", "T", "output", block_size=INT, data_format="NHWC"),
    _op("DepthToSpace", "depth_to_space", "T", "output", block_size=INT, data_format="NHWC"),
]

_INDEXING = [
    _op("GatherV2", "gather", "Tparams Tindices Taxis", "output", batch_dims=0),
    _op("Gather", "gather", "Tparams Tindices", "output", "validate_indices"),
    _op("ResourceGather", "gather", "dtype Tindices", "output", "validate_indices", batch_dims=0),
    _op("GatherNd", "gather_nd", "Tparams Tindices", "output", "bad_indices_policy"),
    _op("ScatterNd", "scatter_nd", "Tindices T Tindices", "output", "bad_indices_policy"),
    _op("OneHot", "one_hot", "TI int32 T T", "output", axis=-1),
    _op("Where", "where", "T", "index"),
    _op("Select", "select_v1", "bool T T", "output"),
    _op("SelectV2", "select_v2", "bool T T", "output"),
    _op("TopKV2", "top_k", "T Tk", "values indices", sorted=True, index_type=_type("int32")),
    _op("TopK", "top_k", "T", "values indices", k=INT, sorted=True),
    _op("InTopKV2", "in_top_k", "float32 T T", "precision"),
    _op("InTopK", "in_top_k", "float32 T", "precision", k=INT),
    _op("ArgMax", "arg_max", "T Tidx", "output", output_type=_type("int64")),
    _op("ArgMin", "arg_min", "T Tidx", "output", output_type=_type("int64")),
]

_MATRICES = [
    _op("MatrixBandPart", "matrix_band_part", "T Tindex Tindex", "band"),
    _op("Diag", "diag", "T", "output"),
    _op("DiagPart", "diag_part", "T", "diagonal"),
    _op("MatrixDiag", "matrix_diag", "T", "output"),
    _op("MatrixDiagPart", "matrix_diag_part", "T", "diagonal"),
]

_SEGMENTS = "T Tidx Tsegmentids"

_GROUPING = [
    _op("DynamicPartition", "dynamic_partition", "T int32", "num_partitions*outputs", num_partitions=INT),
    *_alike("N*int32 N*T", "merged", {"DynamicStitch": "dynamic_stitch", "ParallelDynamicStitch": "dynamic_stitch"}),
    *_alike("T Tindices", "output", {"SegmentSum": "segment_sum", "SegmentMean": "segment_mean"}),
    _op("SegmentMax", "segment_max", "T Tindices", "output"),
    _op("UnsortedSegmentSum", "unsorted_segment_sum", "T Tindices Tnumsegments", "output"),
    _op("SparseSegmentSum", "sparse_segment_sum", _SEGMENTS, "output", "sparse_gradient"),
    _op("SparseSegmentMean", "sparse_segment_mean", _SEGMENTS, "output", "sparse_gradient"),
    _op("SparseSegmentSqrtN", "sparse_segment_sqrt_n", _SEGMENTS, "output", "sparse_gradient"),
    _op("Unique", "unique", "T", "y idx", out_idx=_type("int32")),
    _op("SparseToDense", "sparse_to_dense", "Tindices Tindices T T", "dense", "validate_indices"),
    _op("SparseTensorDenseMatMul", "sparse_tensor_dense_mat_mul", "Tindices T int64 T", "product",
        adjoint_a=False, adjoint_b=False),
]  # fmt: skip

_REDUCTION = [
    *_alike("T Tidx", "output", {"Sum": "sum", "Mean": "mean", "Prod": "prod"}, keep_dims=False),
    *_alike("T Tidx", "output", {"Max": "max", "Min": "min", "EuclideanNorm": "euclidean_norm"}, keep_dims=False),
    *_alike("bool Tidx", "output", {"All": "all", "Any": "any"}, keep_dims=False),
    *_alike("T Tidx", "out", {"Cumsum": "cumsum", "Cumprod": "cumprod"}, exclusive=False, reverse=False),
]

_LOSSES = [
    _op("SoftmaxCrossEntropyWithLogits", "softmax_cross_entropy_with_logits", "T T", "loss backprop"),
    _op(
        "SparseSoftmaxCrossEntropyWithLogits", "sparse_softmax_cross_entropy_with_logits", "T Tlabels", "loss backprop"
    ),
    _op("L2Loss", "l2_loss", "T", "output"),
]

# Seeds are ignored: TensorFlow's streams of random numbers cannot be drawn here.
_RANDOM = [
    _op("RandomUniform", "random_uniform", "T", "output", "seed seed2", dtype=TYPE),
    _op("RandomStandardNormal", "random_standard_normal", "T", "output", "seed seed2", dtype=TYPE),
    _op("TruncatedNormal", "truncated_normal", "T", "output", "seed seed2", dtype=TYPE),
    _op("RandomUniformInt", "random_uniform_int", "T Tout Tout", "output", "seed seed2"),
    _op("Multinomial", "multinomial", "T int32", "output", "seed seed2", output_dtype=_type("int64")),
]

_RESIZED: dict[str, Any] = {"align_corners": False, "half_pixel_centers": False}

_IMAGES = [
    _op("ResizeBilinear", "resize_bilinear", "T int32", "resized_images", **_RESIZED),
    _op("ResizeBicubic", "resize_bicubic", "T int32", "resized_images", **_RESIZED),
    _op("ResizeArea", "resize_area", "T int32", "resized_images", align_corners=False),
    _op("CropAndResize", "crop_and_resize", "T float32 int32 int32", "crops", method="bilinear",
        extrapolation_value=_float(0)),
    _op("ExtractImagePatches", "extract_image_patches", "T", "patches", ksizes=INTS, strides=INTS, rates=INTS,
        padding=TEXT),
    _op("ResizeNearestNeighbor", "resize_nearest_neighbor", "T int32", "resized_images", **_RESIZED),
]  # fmt: skip

_QUANTISED: dict[str, Any] = {"num_bits": 8, "narrow_range": False}
_RANGE = "float32 float32 float32"

_QUANTISATION = [
    _op("FakeQuantWithMinMaxVars", "fake_quant_with_min_max_vars", _RANGE, "outputs", **_QUANTISED),
    _op("FakeQuantWithMinMaxVarsPerChannel", "fake_quant_with_min_max_vars_per_channel", _RANGE, "outputs",
        **_QUANTISED),
    _op("FakeQuantWithMinMaxArgs", "fake_quant_with_min_max_args", "float32", "outputs", **_QUANTISED,
        min=_float(-6), max=_float(6)),
    _op("QuantizeAndDequantizeV2", "quantize_and_dequantize", "T T T", "output", **_QUANTISED,
        signed_input=True, range_given=False, round_mode="HALF_TO_EVEN", axis=-1),
    _op("QuantizeAndDequantizeV3", "quantize_and_dequantize", "T T T int32", "output",
        signed_input=True, range_given=True, narrow_range=False, axis=-1),
]  # fmt: skip

_TABLE = [
    *_PASSING, *_ARITHMETIC, *_COMPARISON, *_ACTIVATIONS, *_CONVOLUTION, *_VOLUMES, *_POOLING, *_NORMALISATION,
    *_SHAPING, *_FILLING, *_MATRICES, *_INDEXING, *_GROUPING, *_REDUCTION, *_LOSSES, *_RANDOM, *_IMAGES, *_QUANTISATION,
]  # fmt: skip

OPS: dict[str, Op] = {op.type: op for op in _TABLE}


_ARRAY: dict[str, tuple[str, str]] = {
    "Read": ("resource int32 float32", "value"),
    "Write": ("resource int32 T float32", "flow_out"),
    "Scatter": ("resource int32 T float32", "flow_out"),
    "Gather": ("resource int32 float32", "value"),
    "Size": ("resource float32", "size"),
}
_SAID: dict[str, dict[str, Any]] = {"Read": {"dtype": TYPE}, "Gather": {"dtype": TYPE, "element_shape": SHAPE}}

_OF_ARRAYS = [
    op
    for version in ("V2", "V3")
    for op in (
        _op(f"TensorArray{version}", "tensor_array", "int32", "handle flow",
            "clear_after_read identical_element_shapes tensor_array_name",
            dtype=TYPE, element_shape=SHAPE, dynamic_size=False),
        *(
            _op(f"TensorArray{word}{version}", f"tensor_array_{word.lower()}", *sides, **_SAID.get(word, {}))
            for word, sides in _ARRAY.items()
        ),
    )
]  # fmt: skip

_OF_LISTS = [
    _op("TensorListReserve", "tensor_list_reserve", "shape_type int32", "handle", element_dtype=TYPE),
    _op("EmptyTensorList", "empty_tensor_list", "shape_type int32", "handle", element_dtype=TYPE),
    _op("TensorListFromTensor", "tensor_list_from_tensor", "T shape_type", "output_handle", element_dtype=TYPE),
    _op("TensorListGetItem", "tensor_list_get_item", "variant int32 int32", "item", "Tshape", element_dtype=TYPE),
    _op("TensorListSetItem", "tensor_list_set_item", "variant int32 T", "output_handle", element_dtype=TYPE,
        resize_if_index_out_of_bounds=False),
    _op("TensorListPushBack", "tensor_list_push_back", "variant T", "output_handle", element_dtype=TYPE),
    _op("TensorListStack", "tensor_list_stack", "variant int32", "tensor", element_dtype=TYPE, num_elements=-1),
    _op("TensorListLength", "tensor_list_length", "variant", "length"),
]  # fmt: skip

# What loops are written with besides: operations on arrays, which are read and not written.
LOOPED: dict[str, Op] = {op.type: op for op in (*_OF_ARRAYS, *_OF_LISTS)}

# All operations that are read.
READ = OPS | LOOPED


def writer(function: str, inputs: int, attrs: Collection[str]) -> Op | None:
    """The operation that writes a node: the first with this function, so many inputs and these attributes."""
    for op in OPS.values():
        fits = inputs >= len(op.inputs) if op.takes_list else inputs == len(op.inputs)
        if op.function == function and fits and set(attrs) <= set(op.attrs):
            return op
    return None
