"""Networks to damage: many types of layers in few numbers."""

from __future__ import annotations

from formats.caffe.making import layer, net

_NEW = net(
    layer("Convolution", "data", "conv1", convolution_param="num_output: 4 kernel_size: 3 pad: 1 group: 1"),
    layer("BatchNorm", "conv1", "conv1", "bn1"),
    layer("Scale", "conv1", "conv1", "scale1", scale_param="bias_term: true"),
    layer("PReLU", "conv1", "conv1", "prelu1"),
    layer("Pooling", "conv1", "pool1", pooling_param="kernel_size: 2 stride: 2"),
    layer("LRN", "pool1", "norm1", lrn_param="local_size: 3"),
    layer("Deconvolution", "norm1", "up", convolution_param="num_output: 4 kernel_size: 2 stride: 2 bias_term: false"),
    layer("Crop", "conv1 up", "cropped", crop_param="axis: 2 offset: 0"),
    layer("Slice", "cropped", "left right", slice_param="slice_point: 1"),
    layer("Concat", "right left", "cat"),
    layer("Eltwise", "cat cropped", "sum", eltwise_param="coeff: 1 coeff: -1"),
    layer("Reshape", "sum", "shaped", reshape_param="shape { dim: 0 dim: 2 dim: -1 }"),
    layer("Permute", "shaped", "turned", permute_param="order: 0 order: 2 order: 1"),
    layer("InnerProduct", "turned", "ip", inner_product_param="num_output: 5"),
    layer("Dropout", "ip", "ip", "drop"),
    layer("Softmax", "ip", "prob"),
    shape=(1, 3, 8, 8),
)
_OLD = """
name: "old"
input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 8
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1"
         convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }
layers { name: "norm1" type: LRN bottom: "conv1" top: "norm1" lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "pool1" type: POOLING bottom: "norm1" top: "pool1" pooling_param { kernel_size: 2 stride: 2 } }
layers { name: "ip" type: INNER_PRODUCT bottom: "pool1" top: "ip" inner_product_param { num_output: 5 } }
layers { name: "prob" type: SOFTMAX bottom: "ip" top: "prob" }
"""
CAFFE_TEXTS = {"new": _NEW, "old": _OLD}
