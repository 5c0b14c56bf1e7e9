"""Caffe's messages as a table: what `protos.py` makes a descriptor pool of.

Message -> "field number type=default, ...". Type: a scalar, a message of this table, `[type]` for repeated, or words
joined by "|": an enumeration, counted from 0 or as the words say ("L1:1|L2"). Numbers, names and defaults are those of
BVLC/caffe's caffe.proto, and of its SSD branch for Permute. `ceil_mode` is a word of other branches, which disagree
about its number: it is known in text only.
"""

from __future__ import annotations

_ENGINE = "DEFAULT|CAFFE|CUDNN|MKL2017|MKLDNN|LIBDNN|INTEL_SPATIAL|FFT"
_OLD_DATA = "scale 2 float=1, mean_file 3 string, crop_size 5 uint32=0, mirror 6 bool"

MESSAGES = {
    "BlobShape": "dim 1 [int64]",
    "BlobProto": (
        "num 1 int64, channels 2 int64, height 3 int64, width 4 int64, data 5 [float], diff 6 [float],"
        "shape 7 BlobShape, double_data 8 [double], double_diff 9 [double]"
    ),
    "FillerParameter": (
        "type 1 string=constant, value 2 float=0, min 3 float=0, max 4 float=1, mean 5 float=0, std 6 float=1,"
        "sparse 7 int32=-1, variance_norm 8 FAN_IN|FAN_OUT|AVERAGE=FAN_IN"
    ),
    "NetState": "phase 1 TRAIN|TEST=TEST, level 2 int32=0, stage 3 [string]",
    "NetStateRule": (
        "phase 1 TRAIN|TEST, min_level 2 int32, max_level 3 int32, stage 4 [string], not_stage 5 [string]"
    ),
    "ParamSpec": "name 1 string, share_mode 2 STRICT|PERMISSIVE, lr_mult 3 float=1, decay_mult 4 float=1",
    "TransformationParameter": (
        "scale 1 float=1, mirror 2 bool, crop_size 3 uint32=0, mean_file 4 string, mean_value 5 [float],"
        "force_color 6 bool, force_gray 7 bool"
    ),
    "LossParameter": "ignore_label 1 int32, normalize 2 bool, normalization 3 FULL|VALID|BATCH_SIZE|NONE",
    "AccuracyParameter": "top_k 1 uint32=1, axis 2 int32=1, ignore_label 3 int32",
    "ArgMaxParameter": "out_max_val 1 bool, top_k 2 uint32=1, axis 3 int32",
    "ConcatParameter": "concat_dim 1 uint32=1, axis 2 int32=1",
    "BatchNormParameter": "use_global_stats 1 bool, moving_average_fraction 2 float=0.999, eps 3 float=1e-5",
    "BiasParameter": "axis 1 int32=1, num_axes 2 int32=1, filler 3 FillerParameter",
    "ContrastiveLossParameter": "margin 1 float=1, legacy_version 2 bool",
    "ConvolutionParameter": (
        "num_output 1 uint32, bias_term 2 bool=true, pad 3 [uint32], kernel_size 4 [uint32], group 5 uint32=1,"
        "stride 6 [uint32], weight_filler 7 FillerParameter, bias_filler 8 FillerParameter, pad_h 9 uint32=0,"
        "pad_w 10 uint32=0, kernel_h 11 uint32, kernel_w 12 uint32, stride_h 13 uint32, stride_w 14 uint32,"
        f"engine 15 {_ENGINE}, axis 16 int32=1, force_nd_im2col 17 bool, dilation 18 [uint32]"
    ),
    "CropParameter": "axis 1 int32=2, offset 2 [uint32]",
    "DataParameter": (
        f"source 1 string, batch_size 4 uint32, rand_skip 7 uint32, backend 8 LEVELDB|LMDB, {_OLD_DATA},"
        "force_encoded_color 9 bool, prefetch 10 uint32"
    ),
    "DropoutParameter": "dropout_ratio 1 float=0.5",
    "DummyDataParameter": (
        "data_filler 1 [FillerParameter], num 2 [uint32], channels 3 [uint32], height 4 [uint32], width 5 [uint32],"
        "shape 6 [BlobShape]"
    ),
    "EltwiseParameter": "operation 1 PROD|SUM|MAX=SUM, coeff 2 [float], stable_prod_grad 3 bool",
    "ELUParameter": "alpha 1 float=1",
    "EmbedParameter": (
        "num_output 1 uint32, input_dim 2 uint32, bias_term 3 bool=true, weight_filler 4 FillerParameter,"
        "bias_filler 5 FillerParameter"
    ),
    "ExpParameter": "base 1 float=-1, scale 2 float=1, shift 3 float=0",
    "FlattenParameter": "axis 1 int32=1, end_axis 2 int32=-1",
    "HDF5DataParameter": "source 1 string, batch_size 2 uint32, shuffle 3 bool",
    "HDF5OutputParameter": "file_name 1 string",
    "HingeLossParameter": "norm 1 L1:1|L2",
    "ImageDataParameter": (
        f"source 1 string, batch_size 4 uint32, rand_skip 7 uint32, shuffle 8 bool, new_height 9 uint32=0,"
        f"new_width 10 uint32=0, is_color 11 bool=true, {_OLD_DATA}, root_folder 12 string"
    ),
    "InfogainLossParameter": "source 1 string, axis 2 int32=1",
    "InnerProductParameter": (
        "num_output 1 uint32, bias_term 2 bool=true, weight_filler 3 FillerParameter, bias_filler 4 FillerParameter,"
        "axis 5 int32=1, transpose 6 bool"
    ),
    "InputParameter": "shape 1 [BlobShape]",
    "LogParameter": "base 1 float=-1, scale 2 float=1, shift 3 float=0",
    "LRNParameter": (
        "local_size 1 uint32=5, alpha 2 float=1, beta 3 float=0.75,"
        f"norm_region 4 ACROSS_CHANNELS|WITHIN_CHANNEL=ACROSS_CHANNELS, k 5 float=1, engine 6 {_ENGINE}"
    ),
    "MemoryDataParameter": "batch_size 1 uint32, channels 2 uint32, height 3 uint32, width 4 uint32",
    "MVNParameter": "normalize_variance 1 bool=true, across_channels 2 bool, eps 3 float=1e-9",
    "ParameterParameter": "shape 1 BlobShape",
    "PermuteParameter": "order 1 [uint32]",
    "PoolingParameter": (
        "pool 1 MAX|AVE|STOCHASTIC=MAX, kernel_size 2 uint32, stride 3 uint32=1, pad 4 uint32=0, kernel_h 5 uint32,"
        "kernel_w 6 uint32, stride_h 7 uint32, stride_w 8 uint32, pad_h 9 uint32=0, pad_w 10 uint32=0,"
        f"engine 11 {_ENGINE}, global_pooling 12 bool, round_mode 13 CEIL|FLOOR=CEIL, ceil_mode 1013 bool=true"
    ),
    "PowerParameter": "power 1 float=1, scale 2 float=1, shift 3 float=0",
    "PReLUParameter": "filler 1 FillerParameter, channel_shared 2 bool",
    "PythonParameter": "module 1 string, layer 2 string, param_str 3 string, share_in_parallel 4 bool",
    "RecurrentParameter": (
        "num_output 1 uint32, weight_filler 2 FillerParameter, bias_filler 3 FillerParameter, debug_info 4 bool,"
        "expose_hidden 5 bool"
    ),
    "ReductionParameter": "operation 1 SUM:1|ASUM|SUMSQ|MEAN=SUM, axis 2 int32=0, coeff 3 float=1",
    "ReLUParameter": f"negative_slope 1 float=0, engine 2 {_ENGINE}",
    "ReshapeParameter": "shape 1 BlobShape, axis 2 int32=0, num_axes 3 int32=-1",
    "ScaleParameter": (
        "axis 1 int32=1, num_axes 2 int32=1, filler 3 FillerParameter, bias_term 4 bool, bias_filler 5 FillerParameter"
    ),
    "SigmoidParameter": f"engine 1 {_ENGINE}",
    "SliceParameter": "slice_dim 1 uint32=1, slice_point 2 [uint32], axis 3 int32=1",
    "SoftmaxParameter": f"engine 1 {_ENGINE}, axis 2 int32=1",
    "SPPParameter": f"pyramid_height 1 uint32, pool 2 MAX|AVE|STOCHASTIC, engine 6 {_ENGINE}",
    "SwishParameter": "beta 1 float=1",
    "ClipParameter": "min 1 float, max 2 float",
    "TanHParameter": f"engine 1 {_ENGINE}",
    "ThresholdParameter": "threshold 1 float=0",
    "TileParameter": "axis 1 int32=1, tiles 2 int32",
    "WindowDataParameter": (
        f"source 1 string, batch_size 4 uint32, {_OLD_DATA}, fg_threshold 7 float, bg_threshold 8 float,"
        "fg_fraction 9 float, context_pad 10 uint32, crop_mode 11 string, cache_images 12 bool, root_folder 13 string"
    ),
    "LayerParameter": (
        "name 1 string, type 2 string, bottom 3 [string], top 4 [string], loss_weight 5 [float], param 6 [ParamSpec],"
        "blobs 7 [BlobProto], include 8 [NetStateRule], exclude 9 [NetStateRule], phase 10 TRAIN|TEST,"
        "propagate_down 11 [bool], transform_param 100 TransformationParameter, loss_param 101 LossParameter,"
        "accuracy_param 102 AccuracyParameter, argmax_param 103 ArgMaxParameter, concat_param 104 ConcatParameter,"
        "contrastive_loss_param 105 ContrastiveLossParameter, convolution_param 106 ConvolutionParameter,"
        "data_param 107 DataParameter, dropout_param 108 DropoutParameter, dummy_data_param 109 DummyDataParameter,"
        "eltwise_param 110 EltwiseParameter, exp_param 111 ExpParameter, hdf5_data_param 112 HDF5DataParameter,"
        "hdf5_output_param 113 HDF5OutputParameter, hinge_loss_param 114 HingeLossParameter,"
        "image_data_param 115 ImageDataParameter, infogain_loss_param 116 InfogainLossParameter,"
        "inner_product_param 117 InnerProductParameter, lrn_param 118 LRNParameter,"
        "memory_data_param 119 MemoryDataParameter, mvn_param 120 MVNParameter, pooling_param 121 PoolingParameter,"
        "power_param 122 PowerParameter, relu_param 123 ReLUParameter, sigmoid_param 124 SigmoidParameter,"
        "softmax_param 125 SoftmaxParameter, slice_param 126 SliceParameter, tanh_param 127 TanHParameter,"
        "threshold_param 128 ThresholdParameter, window_data_param 129 WindowDataParameter,"
        "python_param 130 PythonParameter, prelu_param 131 PReLUParameter, spp_param 132 SPPParameter,"
        "reshape_param 133 ReshapeParameter, log_param 134 LogParameter, flatten_param 135 FlattenParameter,"
        "reduction_param 136 ReductionParameter, embed_param 137 EmbedParameter, tile_param 138 TileParameter,"
        "batch_norm_param 139 BatchNormParameter, elu_param 140 ELUParameter, bias_param 141 BiasParameter,"
        "scale_param 142 ScaleParameter, input_param 143 InputParameter, crop_param 144 CropParameter,"
        "parameter_param 145 ParameterParameter,"
        "recurrent_param 146 RecurrentParameter, swish_param 147 SwishParameter,"
        "clip_param 148 ClipParameter, permute_param 202 PermuteParameter"
    ),
    "V0LayerParameter": "name 1 string, type 2 string",
    "V1LayerParameter": (
        "layer 1 V0LayerParameter, bottom 2 [string], top 3 [string], name 4 string,"
        "type 5 NONE|ACCURACY|BNLL|CONCAT|CONVOLUTION|DATA|DROPOUT|EUCLIDEAN_LOSS|FLATTEN|HDF5_DATA|HDF5_OUTPUT|IM2COL|"
        "IMAGE_DATA|INFOGAIN_LOSS|INNER_PRODUCT|LRN|MULTINOMIAL_LOGISTIC_LOSS|POOLING|RELU|SIGMOID|SOFTMAX|"
        "SOFTMAX_LOSS|SPLIT|TANH|WINDOW_DATA|ELTWISE|POWER|SIGMOID_CROSS_ENTROPY_LOSS|HINGE_LOSS|MEMORY_DATA|ARGMAX|"
        "THRESHOLD|DUMMY_DATA|SLICE|MVN|ABSVAL|SILENCE|CONTRASTIVE_LOSS|EXP|DECONVOLUTION,"
        "blobs 6 [BlobProto], blobs_lr 7 [float], weight_decay 8 [float], concat_param 9 ConcatParameter,"
        "convolution_param 10 ConvolutionParameter, data_param 11 DataParameter, dropout_param 12 DropoutParameter,"
        "hdf5_data_param 13 HDF5DataParameter, hdf5_output_param 14 HDF5OutputParameter,"
        "image_data_param 15 ImageDataParameter, infogain_loss_param 16 InfogainLossParameter,"
        "inner_product_param 17 InnerProductParameter, lrn_param 18 LRNParameter, pooling_param 19 PoolingParameter,"
        "window_data_param 20 WindowDataParameter, power_param 21 PowerParameter,"
        "memory_data_param 22 MemoryDataParameter, argmax_param 23 ArgMaxParameter, eltwise_param 24 EltwiseParameter,"
        "threshold_param 25 ThresholdParameter, dummy_data_param 26 DummyDataParameter,"
        "accuracy_param 27 AccuracyParameter, hinge_loss_param 29 HingeLossParameter, relu_param 30 ReLUParameter,"
        "slice_param 31 SliceParameter, include 32 [NetStateRule], exclude 33 [NetStateRule],"
        "mvn_param 34 MVNParameter, loss_weight 35 [float], transform_param 36 TransformationParameter,"
        "tanh_param 37 TanHParameter, sigmoid_param 38 SigmoidParameter, softmax_param 39 SoftmaxParameter,"
        "contrastive_loss_param 40 ContrastiveLossParameter, exp_param 41 ExpParameter, loss_param 42 LossParameter,"
        "param 1001 [string], blob_share_mode 1002 [STRICT|PERMISSIVE]"
    ),
    "NetParameter": (
        "name 1 string, layers 2 [V1LayerParameter], input 3 [string], input_dim 4 [int64], force_backward 5 bool,"
        "state 6 NetState, debug_info 7 bool, input_shape 8 [BlobShape], layer 100 [LayerParameter]"
    ),
}

# What the types of old layers are called today, where the words differ.
_OTHER_WORDS = {
    "ABSVAL": "AbsVal", "ARGMAX": "ArgMax", "BNLL": "BNLL", "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col", "LRN": "LRN", "MVN": "MVN", "RELU": "ReLU", "SOFTMAX_LOSS": "SoftmaxWithLoss", "TANH": "TanH",
}  # fmt: skip


def type_of_today(word: str) -> str:
    """The name of a layer's type, given V1's word for it: "INNER_PRODUCT" is "InnerProduct"."""
    return _OTHER_WORDS.get(word) or "".join(part.title() for part in word.split("_"))
