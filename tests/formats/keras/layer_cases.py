"""One small model for each layer and attribute, for whichever Keras builds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networks

Builder = Callable[[Any], Any]


PICTURE, STEPS, VOLUME = (8, 7, 4), (9, 4), (6, 5, 7, 2)


class Making:
    """Models of one layer, or a few."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras

    def of(self, *shape: int | None, dtype: str = "float32", name: str | None = None) -> Any:
        """An input."""
        return self.keras.layers.Input(shape, dtype=dtype, name=name)

    def one(self, layer: Any, *shape: int | None) -> Any:
        """A layer on an input."""
        x = self.of(*shape)
        return self.keras.Model(x, layer(x))

    def two(self, layer: Any, *shape: int | None) -> Any:
        """A layer on two inputs."""
        x, y = self.of(*shape, name="x"), self.of(*shape, name="y")
        return self.keras.Model([x, y], layer([x, y]))

    def text(self, *layers: Any) -> Any:
        """Layers on words, of which 0 is none."""
        x = self.of(None, dtype="int32")
        y = self.keras.layers.Embedding(7, 5, mask_zero=True)(x)
        for layer in layers:
            y = layer(y)
        return self.keras.Model(x, y)


def convolutions(made: Making) -> dict[str, Builder]:
    """Convolutions and dense layers."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "conv2d": lambda: made.one(L.Conv2D(5, 3), *PICTURE),
        "conv2d_same_stride": lambda: made.one(L.Conv2D(5, (3, 2), strides=2, padding="same"), *PICTURE),
        "conv2d_dilated": lambda: made.one(L.Conv2D(5, 3, dilation_rate=(2, 1), padding="same"), *PICTURE),
        "conv2d_groups": lambda: made.one(L.Conv2D(6, 3, groups=2, use_bias=False), *PICTURE),
        "conv2d_relu": lambda: made.one(L.Conv2D(5, 1, activation="relu"), *PICTURE),
        "conv1d": lambda: made.one(L.Conv1D(5, 3), *STEPS),
        "conv1d_causal": lambda: made.one(L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="tanh"), *STEPS),
        "conv1d_same_stride": lambda: made.one(L.Conv1D(5, 4, strides=2, padding="same"), *STEPS),
        "conv3d": lambda: made.one(L.Conv3D(3, 2, strides=(1, 2, 1), padding="same"), *VOLUME),
        "depthwise2d": lambda: made.one(L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), *PICTURE),
        "depthwise2d_stride": lambda: made.one(L.DepthwiseConv2D(3, strides=2, activation="relu"), *PICTURE),
        "depthwise1d": lambda: made.one(L.DepthwiseConv1D(3, depth_multiplier=2), *STEPS),
        "separable2d": lambda: made.one(
            L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2), *PICTURE
        ),
        "separable1d": lambda: made.one(L.SeparableConv1D(5, 3, use_bias=False), *STEPS),
        "transposed2d": lambda: made.one(L.Conv2DTranspose(5, 3, strides=2, padding="same"), *PICTURE),
        "transposed2d_valid": lambda: made.one(L.Conv2DTranspose(5, 2, strides=3, activation="relu"), *PICTURE),
        "transposed2d_plain": lambda: made.one(L.Conv2DTranspose(5, (3, 2), use_bias=False), *PICTURE),
        "transposed2d_extra": lambda: made.one(
            L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1), *PICTURE
        ),
        "transposed2d_odd": lambda: made.one(L.Conv2DTranspose(5, 4, strides=3, padding="same"), *PICTURE),
        "transposed1d": lambda: made.one(L.Conv1DTranspose(5, 3, strides=2, padding="same"), *STEPS),
        "transposed3d": lambda: made.one(L.Conv3DTranspose(3, 3, strides=2, padding="same"), *VOLUME),
        "dense": lambda: made.one(L.Dense(6, activation="softmax"), 5),
        "dense_steps": lambda: made.one(L.Dense(6, use_bias=False), *STEPS),
        "dense_picture": lambda: made.one(L.Dense(6, activation="tanh"), *PICTURE),
    }


def pooling(made: Making) -> dict[str, Builder]:
    """Pooling."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "max2d": lambda: made.one(L.MaxPooling2D(), *PICTURE),
        "max2d_same": lambda: made.one(L.MaxPooling2D((3, 2), strides=2, padding="same"), *PICTURE),
        "max1d": lambda: made.one(L.MaxPooling1D(3, strides=2, padding="same"), *STEPS),
        "max3d": lambda: made.one(L.MaxPooling3D(2), *VOLUME),
        "avg2d": lambda: made.one(L.AveragePooling2D(2), *PICTURE),
        "avg2d_same": lambda: made.one(L.AveragePooling2D(3, strides=2, padding="same"), *PICTURE),
        "avg1d": lambda: made.one(L.AveragePooling1D(2), *STEPS),
        "avg3d": lambda: made.one(L.AveragePooling3D(2, padding="same"), *VOLUME),
        "global_avg1d": lambda: made.one(L.GlobalAveragePooling1D(), *STEPS),
        "global_avg2d": lambda: made.one(L.GlobalAveragePooling2D(keepdims=True), *PICTURE),
        "global_avg3d": lambda: made.one(L.GlobalAveragePooling3D(), *VOLUME),
        "global_max1d": lambda: made.one(L.GlobalMaxPooling1D(), *STEPS),
        "global_max2d": lambda: made.one(L.GlobalMaxPooling2D(), *PICTURE),
        "global_max3d": lambda: made.one(L.GlobalMaxPooling3D(), *VOLUME),
    }


def normalising(made: Making) -> dict[str, Builder]:
    """Normalisation."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "bn": lambda: made.one(L.BatchNormalization(), *PICTURE),
        "bn_plain": lambda: made.one(L.BatchNormalization(scale=False, center=False, epsilon=0.1), *PICTURE),
        "bn_flat": lambda: made.one(L.BatchNormalization(scale=False), 5),
        "bn_steps": lambda: made.one(L.BatchNormalization(center=False), *STEPS),
        "bn_axis": lambda: made.one(L.BatchNormalization(axis=1), *PICTURE),
        "layer_norm": lambda: made.one(L.LayerNormalization(), *STEPS),
        "layer_norm_axes": lambda: made.one(L.LayerNormalization(axis=[1, 2], epsilon=0.01), *PICTURE),
        "layer_norm_plain": lambda: made.one(L.LayerNormalization(scale=False), *PICTURE),
        "group_norm": lambda: made.one(L.GroupNormalization(groups=2), *PICTURE),
        "instance_norm": lambda: made.one(L.GroupNormalization(groups=-1, scale=False), *PICTURE),
        "unit_norm": lambda: made.one(L.UnitNormalization(axis=[1, 3]), *PICTURE),
        "normalization": lambda: made.one(L.Normalization(), *PICTURE),
        "normalization_set": lambda: made.one(L.Normalization(mean=[1.0, 2, 3, 4], variance=[4.0, 3, 2, 1]), *PICTURE),
        "rescaling": lambda: made.one(L.Rescaling(1 / 127.5, offset=-1), *PICTURE),
        "rescaling_channels": lambda: made.one(L.Rescaling([1.0, 2, 3, 4], offset=[4.0, 3, 2, 1]), *PICTURE),
    }


def activations(made: Making) -> dict[str, Builder]:
    """Activation functions with settings."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "relu": lambda: made.one(L.ReLU(), *STEPS),
        "relu6": lambda: made.one(L.ReLU(6.0), *STEPS),
        "relu_all": lambda: made.one(L.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2), *STEPS),
        "leaky": lambda: made.one(L.LeakyReLU(0.15), *STEPS),
        "elu_layer": lambda: made.one(L.ELU(alpha=0.5), *STEPS),
        "prelu": lambda: made.one(L.PReLU(), *STEPS),
        "prelu_shared": lambda: made.one(L.PReLU(shared_axes=[1, 2]), *PICTURE),
        "softmax_axis": lambda: made.one(L.Softmax(axis=1), *STEPS),
    }


def shaping(made: Making) -> dict[str, Builder]:
    """Shapes and sizes."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "flatten": lambda: made.one(L.Flatten(), *PICTURE),
        "reshape": lambda: made.one(L.Reshape((7, -1, 2)), *PICTURE),
        "permute": lambda: made.one(L.Permute((3, 1, 2)), *PICTURE),
        "repeat": lambda: made.one(L.RepeatVector(3), 5),
        "crop1d": lambda: made.one(L.Cropping1D((2, 1)), *STEPS),
        "crop2d": lambda: made.one(L.Cropping2D(((1, 0), (2, 3))), *PICTURE),
        "crop3d": lambda: made.one(L.Cropping3D(1), *VOLUME),
        "pad1d": lambda: made.one(L.ZeroPadding1D(2), *STEPS),
        "pad2d": lambda: made.one(L.ZeroPadding2D(((0, 1), (2, 0))), *PICTURE),
        "pad2d_pair": lambda: made.one(L.ZeroPadding2D((1, 2)), *PICTURE),
        "pad3d": lambda: made.one(L.ZeroPadding3D(1), *VOLUME),
        "up1d": lambda: made.one(L.UpSampling1D(3), *STEPS),
        "up2d": lambda: made.one(L.UpSampling2D((2, 3)), *PICTURE),
        "up2d_bilinear": lambda: made.one(L.UpSampling2D(2, interpolation="bilinear"), *PICTURE),
        "up2d_bicubic": lambda: made.one(L.UpSampling2D(2, interpolation="bicubic"), *PICTURE),
        "up3d": lambda: made.one(L.UpSampling3D(2), *VOLUME),
        "resize_bilinear": lambda: made.one(L.Resizing(5, 9), *PICTURE),
        "resize_nearest": lambda: made.one(L.Resizing(11, 5, interpolation="nearest"), *PICTURE),
    }


def joining(made: Making) -> dict[str, Builder]:
    """One value of several, and layers for training."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "add": lambda: made.two(L.Add(), *STEPS),
        "add_broadcast": lambda: networks.broadcast(made.keras, L),
        "subtract": lambda: made.two(L.Subtract(), *STEPS),
        "multiply": lambda: made.two(L.Multiply(), *STEPS),
        "average": lambda: made.two(L.Average(), *STEPS),
        "maximum": lambda: made.two(L.Maximum(), *STEPS),
        "minimum": lambda: made.two(L.Minimum(), *STEPS),
        "concatenate": lambda: made.two(L.Concatenate(), *PICTURE),
        "concatenate_axis": lambda: made.two(L.Concatenate(axis=1), *PICTURE),
        "dot": lambda: made.two(L.Dot(axes=2), *STEPS),
        "dot_axes": lambda: made.two(L.Dot(axes=(1, 1), normalize=True), *STEPS),
        "dot_flat": lambda: made.two(L.Dot(axes=1), 5),
        "dropouts": lambda: made.keras.Sequential(
            [
                made.of(*STEPS),
                L.Dropout(0.5),
                L.SpatialDropout1D(0.5),
                L.GaussianNoise(1.0),
                L.GaussianDropout(0.5),
                L.ActivityRegularization(l2=0.1),
                L.Activation("linear"),
            ]
        ),
        "embedding": lambda: made.keras.Sequential([made.of(6, dtype="int32"), L.Embedding(7, 4)]),
        "masking": lambda: made.keras.Sequential([made.of(6, 3), L.ReLU(), L.Masking(), L.LSTM(4)]),
    }


def recurrent(made: Making) -> dict[str, Builder]:
    """Recurrent layers."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "lstm": lambda: made.one(L.LSTM(4), *STEPS),
        "lstm_sequences": lambda: made.one(L.LSTM(4, return_sequences=True, go_backwards=True), *STEPS),
        "lstm_states": lambda: made.one(L.LSTM(4, return_state=True, return_sequences=True, use_bias=False), *STEPS),
        "lstm_start": lambda: networks.started(made.keras, L),
        "lstm_activations": lambda: made.one(L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid"), *STEPS),
        "lstm_free_length": lambda: made.one(L.LSTM(4), None, 3),
        "lstm_masked": lambda: made.text(L.LSTM(4, return_sequences=True), L.LSTM(3)),
        "gru": lambda: made.one(L.GRU(4, return_state=True), *STEPS),
        "gru_before": lambda: made.one(L.GRU(4, reset_after=False), *STEPS),
        "gru_no_bias": lambda: made.one(L.GRU(4, use_bias=False, return_sequences=True), *STEPS),
        "gru_masked": lambda: made.text(L.GRU(4, return_sequences=True, go_backwards=True), L.GRU(3)),
        "rnn": lambda: made.one(L.SimpleRNN(4, return_state=True), *STEPS),
        "rnn_masked": lambda: made.text(L.SimpleRNN(4, return_sequences=True), L.SimpleRNN(4)),
    }


def wrapped(made: Making) -> dict[str, Builder]:
    """Recurrent layers in both directions."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "bi_concat": lambda: made.one(L.Bidirectional(L.LSTM(4)), *STEPS),
        "bi_sum": lambda: made.one(L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="sum"), *STEPS),
        "bi_ave": lambda: made.one(L.Bidirectional(L.SimpleRNN(4), merge_mode="ave"), *STEPS),
        "bi_mul": lambda: made.one(L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode="mul"), *STEPS),
        "bi_none": lambda: made.one(L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None), *STEPS),
        "bi_states": lambda: made.one(L.Bidirectional(L.LSTM(4, return_state=True)), *STEPS),
        "bi_own": lambda: made.one(L.Bidirectional(L.LSTM(4), backward_layer=L.GRU(4, go_backwards=True)), *STEPS),
        "bi_masked": lambda: made.text(L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.GRU(3))),
    }


def others(made: Making) -> dict[str, Builder]:
    """Whole networks, and layers that hold others."""
    L = made.keras.layers  # noqa: N806 - as everyone calls it
    return {
        "text_mean": lambda: made.text(L.Dropout(0.3), L.GlobalAveragePooling1D(), L.Dense(3)),
        "text_net": lambda: made.text(
            L.SpatialDropout1D(0.2),
            L.Bidirectional(L.LSTM(4, return_sequences=True, dropout=0.2)),
            L.GRU(4),
            L.Dense(3, activation="softmax"),
        ),
        "time_dense": lambda: made.one(L.TimeDistributed(L.Dense(3, activation="relu")), *STEPS),
        "time_conv": lambda: made.one(L.TimeDistributed(L.Conv2D(3, 2)), 3, *PICTURE),
        "time_model": lambda: made.one(
            L.TimeDistributed(
                made.keras.Sequential([made.of(*PICTURE), L.Conv2D(3, 2), L.BatchNormalization(), L.Flatten()])
            ),
            3,
            *PICTURE,
        ),
        "attention": lambda: made.two(L.Attention(use_scale=True), *STEPS),
        "heads": lambda: networks.heads(made.keras, L),
        "heads_masked": lambda: networks.masked_heads(made.keras, L),
        "attention_masked": lambda: networks.masked_attention(made.keras, L),
        "add_masked": lambda: networks.merged(made.keras, L, L.Add(), True, True),
        "add_one_masked": lambda: networks.merged(made.keras, L, L.Add(), True, False),
        "subtract_masked": lambda: networks.merged(made.keras, L, L.Subtract(), True, True),
        "concatenate_masked": lambda: networks.merged(made.keras, L, L.Concatenate(), True, True),
        "concatenate_one_masked": lambda: networks.merged(made.keras, L, L.Concatenate(), False, True),
        "doubled_masked": lambda: networks.doubled(made.keras, L),
        "nested": lambda: networks.nested(made.keras, L),
        "shared": lambda: networks.shared(made.keras, L),
        "several": lambda: networks.several(made.keras, L),
        "operators": lambda: networks.operators(made.keras, L),
        "sequential_of_models": lambda: made.keras.Sequential(
            [
                made.of(*PICTURE),
                made.keras.Sequential([made.of(*PICTURE), L.Conv2D(3, 3), L.BatchNormalization()]),
                made.keras.Sequential([L.Flatten(), L.Dense(4)]),
            ]
        ),
        "frozen": lambda: networks.frozen(made.keras, L),
        "late": lambda: networks.late(made.keras, L),
    }


def cases(keras: Any, major: int) -> dict[str, Builder]:
    """A builder of a model by name."""
    L = keras.layers  # noqa: N806
    making = Making(keras)
    made: dict[str, Any] = {}
    for family in (*(convolutions, pooling, normalising, activations, shaping, joining, recurrent, wrapped, others),):
        made |= family(making)
    for name in (
        *("relu", "relu6", "elu", "selu", "softplus", "softsign", "sigmoid", "tanh", "hard_sigmoid", "swish", "gelu"),
        *("exponential", "leaky_relu", "mish", "softmax", "log_softmax"),
    ):
        made[f"activation_{name}"] = lambda name=name: making.one(L.Activation(name), *STEPS)
    if major == 3:
        for name in (
            *("log_sigmoid", "hard_silu", "celu", "glu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink"),
            *("squareplus", "sparse_plus", "sparse_sigmoid"),
        ):
            made[f"activation_{name}"] = lambda name=name: making.one(L.Activation(name), *STEPS)
        made["rms_norm"] = lambda: making.one(L.RMSNormalization(), *STEPS)
        made["layer_norm_rms"] = lambda: making.one(L.LayerNormalization(rms_scaling=True), *STEPS)
        made["ops"] = lambda: networks.ops(keras, L)
        made["ops_gelu"] = lambda: networks.gelu(keras, L)
    else:
        made["thresholded"] = lambda: making.one(L.ThresholdedReLU(0.4), *STEPS)
        made["tf_operations"] = lambda: networks.tf_operations(keras, L)
        made["lstm_first_activation"] = lambda: making.one(L.LSTM(4, recurrent_activation="hard_sigmoid"), *STEPS)
    return made


def channels_first(keras: Any) -> dict[str, Any]:
    """Models with channels first, which TensorFlow can build but not run on a CPU: compared with the same turned."""
    L = keras.layers  # noqa: N806
    keys = {"data_format": "channels_first"}
    turned = {"data_format": "channels_last"}

    def net(options: dict[str, str], shape: tuple[int, ...], axis: int) -> Any:
        return keras.Sequential(
            [
                L.Input(shape),
                L.Conv2D(5, 3, padding="same", strides=2, **options),
                L.BatchNormalization(axis=axis),
                L.DepthwiseConv2D(3, **options),
                L.MaxPooling2D(2, padding="same", **options),
                L.ZeroPadding2D(1, **options),
                L.UpSampling2D(2, **options),
                L.Conv2DTranspose(3, 3, strides=2, **options),
                L.Cropping2D(1, **options),
                L.AveragePooling2D(2, **options),
                L.SeparableConv2D(4, 2, **options),
                L.Flatten(**options),
                L.Dense(3),
            ]
        )

    return {"first": net(keys, (4, 12, 10), 1), "last": net(turned, (12, 10, 4), -1)}
