"""One small network for each layer type and attribute."""

from __future__ import annotations

from formats.caffe.making import layer, net


def conv(options: str) -> str:
    return net(layer("Convolution", convolution_param=options))


def deconv(options: str) -> str:
    return net(layer("Deconvolution", convolution_param=options))


def pool(options: str, shape: tuple[int, ...] = (2, 3, 9, 8)) -> str:
    return net(layer("Pooling", pooling_param=options), shape=shape)


def simple(type: str, **parts: str) -> str:
    return net(layer(type, **parts))


def convolved(*layers: str) -> str:
    """Something on two convolutions, "a" and "b"."""
    made = [layer("Convolution", top=top, convolution_param="num_output: 6 kernel_size: 3") for top in "ab"]
    return net(*made, *layers)


def sliced(options: str, tops: str) -> str:
    """OpenCV gives all parts of a blob only to layers that read them."""
    readers = [layer("TanH", top, f"t{top}") for top in tops]
    return net(layer("Slice", top=" ".join(tops), slice_param=options), *readers, shape=(2, 6, 4, 3))


CASES = {
    "conv": conv("num_output: 6 kernel_size: 3"),
    "conv_no_bias": conv("num_output: 6 kernel_size: 3 bias_term: false"),
    "conv_pad_stride": conv("num_output: 6 kernel_size: 3 pad: 1 stride: 2"),
    "conv_hw": conv("num_output: 6 kernel_h: 3 kernel_w: 2 pad_h: 2 pad_w: 1 stride_h: 1 stride_w: 2"),
    "conv_two_numbers": conv("num_output: 6 kernel_size: 3 kernel_size: 2 pad: 0 pad: 1 stride: 2 stride: 1"),
    "conv_groups": conv("num_output: 6 kernel_size: 3 group: 3"),
    "conv_dilation": conv("num_output: 6 kernel_size: 3 dilation: 2 pad: 2"),
    "conv_1x1": conv("num_output: 4 kernel_size: 1"),
    "deconv": deconv("num_output: 4 kernel_size: 3"),
    "deconv_stride_pad": deconv("num_output: 4 kernel_size: 4 stride: 2 pad: 1"),
    "deconv_no_bias": deconv("num_output: 4 kernel_size: 2 stride: 2 bias_term: false"),
    "deconv_groups": deconv("num_output: 3 kernel_size: 4 stride: 2 pad: 1 group: 3 bias_term: false"),
    "ip": simple("InnerProduct", inner_product_param="num_output: 5"),
    "ip_no_bias": simple("InnerProduct", inner_product_param="num_output: 5 bias_term: false"),
    "pool_max": pool("pool: MAX kernel_size: 2 stride: 2"),
    "pool_max_default": pool("kernel_size: 3"),
    "pool_max_ceil": pool("pool: MAX kernel_size: 3 stride: 2"),
    "pool_max_pad": pool("pool: MAX kernel_size: 3 stride: 2 pad: 1"),
    "pool_max_clip": pool("pool: MAX kernel_size: 2 stride: 2 pad: 1"),
    "pool_max_wide_pad": pool("pool: MAX kernel_size: 3 stride: 3 pad: 2"),
    "pool_max_hw": pool("pool: MAX kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0"),
    "pool_ave": pool("pool: AVE kernel_size: 2 stride: 2"),
    "pool_ave_ceil": pool("pool: AVE kernel_size: 3 stride: 2"),
    "pool_ave_pad": pool("pool: AVE kernel_size: 3 stride: 2 pad: 1"),
    "pool_ave_pad_1": pool("pool: AVE kernel_size: 3 stride: 1 pad: 1"),
    "pool_ave_wide_pad": pool("pool: AVE kernel_size: 3 stride: 3 pad: 2"),
    "pool_ave_global": pool("pool: AVE global_pooling: true"),
    "pool_max_global": pool("pool: MAX global_pooling: true"),
    "pool_floor": pool("kernel_size: 3 stride: 2 round_mode: FLOOR"),
    "pool_ceil_mode": pool("kernel_size: 3 stride: 2 ceil_mode: false"),
    "lrn": net(layer("LRN", lrn_param="local_size: 5 alpha: 0.01 beta: 0.75"), shape=(2, 9, 4, 5)),
    "lrn_k": net(layer("LRN", lrn_param="local_size: 3 alpha: 0.5 beta: 0.5 k: 2"), shape=(2, 9, 4, 5)),
    "lrn_wide": net(layer("LRN", lrn_param="local_size: 9 alpha: 1"), shape=(2, 5, 4, 5)),
    "lrn_within": simple("LRN", lrn_param="local_size: 3 alpha: 0.7 beta: 0.75 norm_region: WITHIN_CHANNEL"),
    "lrn_within_5": simple("LRN", lrn_param="local_size: 5 alpha: 0.7 beta: 0.5 norm_region: WITHIN_CHANNEL"),
    "bn": simple("BatchNorm", batch_norm_param="use_global_stats: true"),
    "bn_eps": simple("BatchNorm", batch_norm_param="eps: 0.1"),
    "bn_scale": net(layer("BatchNorm", top="bn"), layer("Scale", bottom="bn", scale_param="bias_term: true")),
    "scale": simple("Scale"),
    "scale_bias": simple("Scale", scale_param="bias_term: true"),
    "relu": simple("ReLU"),
    "relu_leaky": simple("ReLU", relu_param="negative_slope: 0.1"),
    "prelu": simple("PReLU"),
    "prelu_shared": simple("PReLU", prelu_param="channel_shared: true"),
    "elu": simple("ELU"),
    "elu_alpha": simple("ELU", elu_param="alpha: 0.5"),
    "sigmoid": simple("Sigmoid"),
    "tanh": simple("TanH"),
    "absval": simple("AbsVal"),
    "bnll": simple("BNLL"),
    "power": simple("Power", power_param="power: 2 scale: 0.5 shift: 1.5"),
    "power_linear": simple("Power", power_param="scale: 0.017 shift: -1"),
    "exp": simple("Exp"),
    "exp_base": simple("Exp", exp_param="base: 2 scale: 0.5 shift: 0.3"),
    "log": net(layer("AbsVal", top="abs"), layer("Log", bottom="abs", log_param="shift: 1")),
    "log_base": net(layer("AbsVal", top="abs"), layer("Log", bottom="abs", log_param="base: 10 scale: 2 shift: 1")),
    "threshold": simple("Threshold", threshold_param="threshold: 0.2"),
    "clip": simple("Clip", clip_param="min: -0.5 max: 0.25"),
    "swish": simple("Swish", swish_param="beta: 0.7"),
    "relu6": simple("ReLU6"),
    "dropout": simple("Dropout", dropout_param="dropout_ratio: 0.3"),
    "mvn": simple("MVN"),
    "mvn_across": simple("MVN", mvn_param="across_channels: true"),
    "mvn_mean": simple("MVN", mvn_param="normalize_variance: false eps: 0.001"),
    "eltwise_sum": convolved(layer("Eltwise", "a b")),
    "eltwise_coeff": convolved(layer("Eltwise", "a b", eltwise_param="operation: SUM coeff: 0.5 coeff: -2")),
    "eltwise_prod": convolved(layer("Eltwise", "a b", eltwise_param="operation: PROD")),
    "eltwise_max": convolved(layer("Eltwise", "a b", eltwise_param="operation: MAX")),
    "eltwise_three": convolved(layer("TanH", "a", "c"), layer("Eltwise", "a b c", eltwise_param="operation: MAX")),
    "concat": convolved(layer("Concat", "a b")),
    "concat_axis": convolved(layer("Concat", "a b", concat_param="axis: 2")),
    "slice": net(layer("Slice", top="x y z"), shape=(2, 6, 4, 3)),
    "slice_points": sliced("slice_point: 1 slice_point: 3", "xyz"),
    "slice_axis": sliced("axis: 2 slice_point: 1", "xy"),
    "slice_dim": sliced("slice_dim: 1 slice_point: 4", "xy"),
    "split": net(layer("Split", top="x y"), layer("TanH", "x", "tx"), layer("AbsVal", "y", "ty")),
    "flatten": simple("Flatten"),
    "flatten_axes": simple("Flatten", flatten_param="axis: 2 end_axis: 3"),
    "reshape": simple("Reshape", reshape_param="shape { dim: 0 dim: -1 }"),
    "reshape_dims": simple("Reshape", reshape_param="shape { dim: 0 dim: 9 dim: -1 dim: 4 }"),
    "reshape_axis": simple("Reshape", reshape_param="shape { dim: 4 dim: 2 } axis: 3"),
    "reshape_num_axes": simple("Reshape", reshape_param="shape { dim: 27 } axis: 1 num_axes: 2"),
    "reshape_nothing": simple("Reshape", reshape_param="shape { dim: 1 } axis: 0 num_axes: 0"),
    "permute": simple("Permute", permute_param="order: 0 order: 2 order: 3 order: 1"),
    "permute_short": simple("Permute", permute_param="order: 0 order: 3"),
    "crop": convolved(
        layer("Convolution", top="small", convolution_param="num_output: 2 kernel_size: 5"),
        layer("Crop", "a small", crop_param="axis: 2 offset: 1"),
    ),
    "crop_offsets": convolved(
        layer("Convolution", top="small", convolution_param="num_output: 2 kernel_size: 5"),
        layer("Crop", "a small", crop_param="axis: 1 offset: 3 offset: 0 offset: 2"),
    ),
    "softmax": simple("Softmax"),
    "softmax_flat": net(layer("Softmax"), shape=(3, 7)),
    "softmax_axis": simple("Softmax", softmax_param="axis: 3"),
    "argmax": net(layer("ArgMax"), shape=(3, 7)),
    "argmax_top": net(layer("ArgMax", argmax_param="top_k: 3 out_max_val: true"), shape=(3, 7)),
    "argmax_picture": simple("ArgMax", argmax_param="top_k: 2"),
    "argmax_axis": simple("ArgMax", argmax_param="axis: 1"),
    "argmax_axis_values": simple("ArgMax", argmax_param="axis: 2 top_k: 2 out_max_val: true"),
    "reduction": simple("Reduction", reduction_param="axis: 1"),
    "reduction_mean": simple("Reduction", reduction_param="operation: MEAN axis: 2 coeff: 3"),
    "reduction_asum": simple("Reduction", reduction_param="operation: ASUM axis: 1"),
    "reduction_sumsq": simple("Reduction", reduction_param="operation: SUMSQ axis: 1 coeff: 0.5"),
    "tile": simple("Tile", tile_param="axis: 1 tiles: 2"),
}
