"""One small model for each layer and attribute, for whichever Keras builds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Builder = Callable[[Any], Any]


def cases(keras: Any, major: int) -> dict[str, Builder]:
    """A builder of a model by name; each takes no argument but the module's layers."""
    L = keras.layers  # noqa: N806 - as everyone calls it

    def of(*shape: int | None, dtype: str = "float32", name: str | None = None) -> Any:
        return L.Input(shape, dtype=dtype, name=name)

    def one(layer: Any, *shape: int | None, dtype: str = "float32") -> Any:
        x = of(*shape, dtype=dtype)
        return keras.Model(x, layer(x))

    def two(layer: Any, *shape: int | None) -> Any:
        x, y = of(*shape, name="x"), of(*shape, name="y")
        return keras.Model([x, y], layer([x, y]))

    def text(*layers: Any, width: int = 5) -> Any:
        x = of(6, dtype="int32")
        y = L.Embedding(7, width, mask_zero=True)(x)
        for layer in layers:
            y = layer(y)
        return keras.Model(x, y)

    picture, steps, volume = (8, 7, 4), (9, 4), (6, 5, 7, 2)
    made: dict[str, Any] = {
        "conv2d": lambda: one(L.Conv2D(5, 3), *picture),
        "conv2d_same_stride": lambda: one(L.Conv2D(5, (3, 2), strides=2, padding="same"), *picture),
        "conv2d_dilated": lambda: one(L.Conv2D(5, 3, dilation_rate=(2, 1), padding="same"), *picture),
        "conv2d_groups": lambda: one(L.Conv2D(6, 3, groups=2, use_bias=False), *picture),
        "conv2d_relu": lambda: one(L.Conv2D(5, 1, activation="relu"), *picture),
        "conv1d": lambda: one(L.Conv1D(5, 3), *steps),
        "conv1d_causal": lambda: one(L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="tanh"), *steps),
        "conv1d_same_stride": lambda: one(L.Conv1D(5, 4, strides=2, padding="same"), *steps),
        "conv3d": lambda: one(L.Conv3D(3, 2, strides=(1, 2, 1), padding="same"), *volume),
        "depthwise2d": lambda: one(L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), *picture),
        "depthwise2d_stride": lambda: one(L.DepthwiseConv2D(3, strides=2, activation="relu"), *picture),
        "depthwise1d": lambda: one(L.DepthwiseConv1D(3, depth_multiplier=2), *steps),
        "separable2d": lambda: one(L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2), *picture),
        "separable1d": lambda: one(L.SeparableConv1D(5, 3, use_bias=False), *steps),
        "transposed2d": lambda: one(L.Conv2DTranspose(5, 3, strides=2, padding="same"), *picture),
        "transposed2d_valid": lambda: one(L.Conv2DTranspose(5, 2, strides=3, activation="relu"), *picture),
        "transposed2d_plain": lambda: one(L.Conv2DTranspose(5, (3, 2), use_bias=False), *picture),
        "transposed2d_extra": lambda: one(
            L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1), *picture
        ),
        "transposed2d_odd": lambda: one(L.Conv2DTranspose(5, 4, strides=3, padding="same"), *picture),
        "transposed1d": lambda: one(L.Conv1DTranspose(5, 3, strides=2, padding="same"), *steps),
        "transposed3d": lambda: one(L.Conv3DTranspose(3, 3, strides=2, padding="same"), *volume),
        "dense": lambda: one(L.Dense(6, activation="softmax"), 5),
        "dense_steps": lambda: one(L.Dense(6, use_bias=False), *steps),
        "dense_picture": lambda: one(L.Dense(6, activation="tanh"), *picture),
        "max2d": lambda: one(L.MaxPooling2D(), *picture),
        "max2d_same": lambda: one(L.MaxPooling2D((3, 2), strides=2, padding="same"), *picture),
        "max1d": lambda: one(L.MaxPooling1D(3, strides=2, padding="same"), *steps),
        "max3d": lambda: one(L.MaxPooling3D(2), *volume),
        "avg2d": lambda: one(L.AveragePooling2D(2), *picture),
        "avg2d_same": lambda: one(L.AveragePooling2D(3, strides=2, padding="same"), *picture),
        "avg1d": lambda: one(L.AveragePooling1D(2), *steps),
        "avg3d": lambda: one(L.AveragePooling3D(2, padding="same"), *volume),
        "global_avg1d": lambda: one(L.GlobalAveragePooling1D(), *steps),
        "global_avg2d": lambda: one(L.GlobalAveragePooling2D(keepdims=True), *picture),
        "global_avg3d": lambda: one(L.GlobalAveragePooling3D(), *volume),
        "global_max1d": lambda: one(L.GlobalMaxPooling1D(), *steps),
        "global_max2d": lambda: one(L.GlobalMaxPooling2D(), *picture),
        "global_max3d": lambda: one(L.GlobalMaxPooling3D(), *volume),
        "bn": lambda: one(L.BatchNormalization(), *picture),
        "bn_plain": lambda: one(L.BatchNormalization(scale=False, center=False, epsilon=0.1), *picture),
        "bn_flat": lambda: one(L.BatchNormalization(scale=False), 5),
        "bn_steps": lambda: one(L.BatchNormalization(center=False), *steps),
        "bn_axis": lambda: one(L.BatchNormalization(axis=1), *picture),
        "layer_norm": lambda: one(L.LayerNormalization(), *steps),
        "layer_norm_axes": lambda: one(L.LayerNormalization(axis=[1, 2], epsilon=0.01), *picture),
        "layer_norm_plain": lambda: one(L.LayerNormalization(scale=False), *picture),
        "group_norm": lambda: one(L.GroupNormalization(groups=2), *picture),
        "instance_norm": lambda: one(L.GroupNormalization(groups=-1, scale=False), *picture),
        "unit_norm": lambda: one(L.UnitNormalization(axis=[1, 3]), *picture),
        "normalization": lambda: one(L.Normalization(), *picture),
        "normalization_set": lambda: one(L.Normalization(mean=[1.0, 2, 3, 4], variance=[4.0, 3, 2, 1]), *picture),
        "rescaling": lambda: one(L.Rescaling(1 / 127.5, offset=-1), *picture),
        "rescaling_channels": lambda: one(L.Rescaling([1.0, 2, 3, 4], offset=[4.0, 3, 2, 1]), *picture),
        "relu": lambda: one(L.ReLU(), *steps),
        "relu6": lambda: one(L.ReLU(6.0), *steps),
        "relu_all": lambda: one(L.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2), *steps),
        "leaky": lambda: one(L.LeakyReLU(0.15), *steps),
        "elu_layer": lambda: one(L.ELU(alpha=0.5), *steps),
        "prelu": lambda: one(L.PReLU(), *steps),
        "prelu_shared": lambda: one(L.PReLU(shared_axes=[1, 2]), *picture),
        "softmax_axis": lambda: one(L.Softmax(axis=1), *steps),
        "flatten": lambda: one(L.Flatten(), *picture),
        "reshape": lambda: one(L.Reshape((7, -1, 2)), *picture),
        "permute": lambda: one(L.Permute((3, 1, 2)), *picture),
        "repeat": lambda: one(L.RepeatVector(3), 5),
        "crop1d": lambda: one(L.Cropping1D((2, 1)), *steps),
        "crop2d": lambda: one(L.Cropping2D(((1, 0), (2, 3))), *picture),
        "crop3d": lambda: one(L.Cropping3D(1), *volume),
        "pad1d": lambda: one(L.ZeroPadding1D(2), *steps),
        "pad2d": lambda: one(L.ZeroPadding2D(((0, 1), (2, 0))), *picture),
        "pad2d_pair": lambda: one(L.ZeroPadding2D((1, 2)), *picture),
        "pad3d": lambda: one(L.ZeroPadding3D(1), *volume),
        "up1d": lambda: one(L.UpSampling1D(3), *steps),
        "up2d": lambda: one(L.UpSampling2D((2, 3)), *picture),
        "up2d_bilinear": lambda: one(L.UpSampling2D(2, interpolation="bilinear"), *picture),
        "up2d_bicubic": lambda: one(L.UpSampling2D(2, interpolation="bicubic"), *picture),
        "up3d": lambda: one(L.UpSampling3D(2), *volume),
        "resize_bilinear": lambda: one(L.Resizing(5, 9), *picture),
        "resize_nearest": lambda: one(L.Resizing(11, 5, interpolation="nearest"), *picture),
        "add": lambda: two(L.Add(), *steps),
        "add_broadcast": lambda: _broadcast(keras, L),
        "subtract": lambda: two(L.Subtract(), *steps),
        "multiply": lambda: two(L.Multiply(), *steps),
        "average": lambda: two(L.Average(), *steps),
        "maximum": lambda: two(L.Maximum(), *steps),
        "minimum": lambda: two(L.Minimum(), *steps),
        "concatenate": lambda: two(L.Concatenate(), *picture),
        "concatenate_axis": lambda: two(L.Concatenate(axis=1), *picture),
        "dot": lambda: two(L.Dot(axes=2), *steps),
        "dot_axes": lambda: two(L.Dot(axes=(1, 1), normalize=True), *steps),
        "dot_flat": lambda: two(L.Dot(axes=1), 5),
        "dropouts": lambda: keras.Sequential(
            [
                of(*steps),
                L.Dropout(0.5),
                L.SpatialDropout1D(0.5),
                L.GaussianNoise(1.0),
                L.GaussianDropout(0.5),
                L.ActivityRegularization(l2=0.1),
                L.Activation("linear"),
            ]
        ),
        "embedding": lambda: keras.Sequential([of(6, dtype="int32"), L.Embedding(7, 4)]),
        "masking": lambda: keras.Sequential([of(6, 3), L.ReLU(), L.Masking(), L.LSTM(4)]),
        "lstm": lambda: one(L.LSTM(4), *steps),
        "lstm_sequences": lambda: one(L.LSTM(4, return_sequences=True, go_backwards=True), *steps),
        "lstm_states": lambda: one(L.LSTM(4, return_state=True, return_sequences=True, use_bias=False), *steps),
        "lstm_start": lambda: _started(keras, L),
        "lstm_activations": lambda: one(L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid"), *steps),
        "lstm_free_length": lambda: one(L.LSTM(4), None, 3),
        "lstm_masked": lambda: text(L.LSTM(4, return_sequences=True), L.LSTM(3)),
        "gru": lambda: one(L.GRU(4, return_state=True), *steps),
        "gru_before": lambda: one(L.GRU(4, reset_after=False), *steps),
        "gru_no_bias": lambda: one(L.GRU(4, use_bias=False, return_sequences=True), *steps),
        "gru_masked": lambda: text(L.GRU(4, return_sequences=True, go_backwards=True), L.GRU(3)),
        "rnn": lambda: one(L.SimpleRNN(4, return_state=True), *steps),
        "rnn_masked": lambda: text(L.SimpleRNN(4, return_sequences=True), L.SimpleRNN(4)),
        "bi_concat": lambda: one(L.Bidirectional(L.LSTM(4)), *steps),
        "bi_sum": lambda: one(L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="sum"), *steps),
        "bi_ave": lambda: one(L.Bidirectional(L.SimpleRNN(4), merge_mode="ave"), *steps),
        "bi_mul": lambda: one(L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode="mul"), *steps),
        "bi_none": lambda: one(L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None), *steps),
        "bi_states": lambda: one(L.Bidirectional(L.LSTM(4, return_state=True)), *steps),
        "bi_own": lambda: one(L.Bidirectional(L.LSTM(4), backward_layer=L.GRU(4, go_backwards=True)), *steps),
        "bi_masked": lambda: text(L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.GRU(3))),
        "text_mean": lambda: text(L.Dropout(0.3), L.GlobalAveragePooling1D(), L.Dense(3)),
        "text_net": lambda: text(
            L.SpatialDropout1D(0.2),
            L.Bidirectional(L.LSTM(4, return_sequences=True, dropout=0.2)),
            L.GRU(4),
            L.Dense(3, activation="softmax"),
        ),
        "time_dense": lambda: one(L.TimeDistributed(L.Dense(3, activation="relu")), *steps),
        "time_conv": lambda: one(L.TimeDistributed(L.Conv2D(3, 2)), 3, *picture),
        "time_model": lambda: one(
            L.TimeDistributed(keras.Sequential([of(*picture), L.Conv2D(3, 2), L.BatchNormalization(), L.Flatten()])),
            3,
            *picture,
        ),
        "attention": lambda: two(L.Attention(use_scale=True), *steps),
        "heads": lambda: _heads(keras, L),
        "heads_masked": lambda: _masked_heads(keras, L),
        "nested": lambda: _nested(keras, L),
        "shared": lambda: _shared(keras, L),
        "several": lambda: _several(keras, L),
        "operators": lambda: _operators(keras, L),
        "sequential_of_models": lambda: keras.Sequential(
            [
                of(*picture),
                keras.Sequential([of(*picture), L.Conv2D(3, 3), L.BatchNormalization()]),
                keras.Sequential([L.Flatten(), L.Dense(4)]),
            ]
        ),
        "frozen": lambda: _frozen(keras, L),
        "late": lambda: _late(keras, L),
    }
    for name in (
        *("relu", "relu6", "elu", "selu", "softplus", "softsign", "sigmoid", "tanh", "hard_sigmoid", "swish", "gelu"),
        *("exponential", "leaky_relu", "mish", "softmax", "log_softmax"),
    ):
        made[f"activation_{name}"] = lambda name=name: one(L.Activation(name), *steps)
    if major == 3:
        for name in (
            *("log_sigmoid", "hard_silu", "celu", "glu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink"),
            *("squareplus", "sparse_plus", "sparse_sigmoid"),
        ):
            made[f"activation_{name}"] = lambda name=name: one(L.Activation(name), *steps)
        made["rms_norm"] = lambda: one(L.RMSNormalization(), *steps)
        made["ops"] = lambda: _ops(keras, L)
    else:
        made["thresholded"] = lambda: one(L.ThresholdedReLU(0.4), *steps)
        made["tf_operations"] = lambda: _tf_operations(keras, L)
        made["lstm_first_activation"] = lambda: one(L.LSTM(4, recurrent_activation="hard_sigmoid"), *steps)
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


def _broadcast(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((8, 7, 4), name="x"), L.Input((1, 1, 4), name="y")
    return keras.Model([x, y], L.Add()([L.Multiply()([x, y]), y]))


def _started(keras: Any, L: Any) -> Any:  # noqa: N803
    x, h, c = L.Input((9, 4), name="x"), L.Input((3,), name="h"), L.Input((3,), name="c")
    return keras.Model([x, h, c], L.LSTM(3)(x, initial_state=[h, c]))


def _heads(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((6, 4), name="x"), L.Input((5, 3), name="y")
    first = L.MultiHeadAttention(2, 3, value_dim=5, dropout=0.1)(x, y)
    return keras.Model([x, y], L.MultiHeadAttention(3, 2, use_bias=False)(first, first, use_causal_mask=True))


def _masked_heads(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6,), dtype="int32")
    y = L.Embedding(7, 4, mask_zero=True)(x)
    z = L.LayerNormalization()(L.Add()([y, L.MultiHeadAttention(2, 3)(y, y)]))
    return keras.Model(x, L.GlobalAveragePooling1D()(z))


def _nested(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((8, 7, 4), name="picture")
    y = L.BatchNormalization(name="bn")(L.Conv2D(5, 3, name="conv")(x))
    inner = keras.Model(x, [y, L.GlobalMaxPooling2D(name="pool")(y)], name="inner")
    z = L.Input((8, 7, 4), name="data")
    a, b = inner(z)
    c, d = inner(L.ReLU()(z))
    both = L.Concatenate()([L.GlobalAveragePooling2D()(L.Add()([a, c])), b, d])
    return keras.Model(z, L.Dense(3)(both))


def _shared(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((5,), name="x"), L.Input((5,), name="y")
    dense = L.Dense(4, activation="relu", name="twin")
    return keras.Model([x, y], L.Subtract()([dense(x), dense(y)]))


def _several(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((5,), name="second"), L.Input((4,), name="first")
    z = L.Concatenate()([x, y])
    return keras.Model([y, x], [L.Dense(2, name="b")(z), L.Dense(3, name="a")(z), z])


def _operators(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((6, 4), name="x"), L.Input((6, 4), name="y")
    z = (2.0 * x + y) / 3.0 - x * y
    z = L.Dense(4)(-z) ** 2
    return keras.Model([x, y], [z[:, 1:5:2], z[:, -1], z[..., None, 0], 1 - z])


def _frozen(keras: Any, L: Any) -> Any:  # noqa: N803
    inner = keras.Sequential(
        [
            L.Input((5,)),
            L.Dense(5),
            L.BatchNormalization(),
            L.Dense(5, trainable=False),
            L.BatchNormalization(),
            L.Dense(5),
        ]
    )
    return keras.Sequential([L.Input((5,)), inner, L.Dense(2)])


def _late(keras: Any, L: Any) -> Any:  # noqa: N803
    model = keras.Sequential([L.Dense(4), L.Dense(3)])
    model.build((None, 5))
    return model


def _ops(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6, 4), name="x")
    o = keras.ops
    mean = o.mean(x, axis=-1, keepdims=True)
    y = o.matmul(o.reshape(x, (-1, 4, 6)), x)
    z = o.concatenate([o.transpose(y, (0, 2, 1)), o.expand_dims(o.max(x, axis=1), 1)], axis=1)
    s = o.stack([o.sqrt(o.abs(z)), o.clip(z, -1, 1)], axis=1)
    w = o.where(o.greater(x, mean), o.relu(x), o.cast(o.equal(x, mean), "float32"))
    n = o.squeeze(o.sum(o.square(w), axis=(1, 2), keepdims=True), axis=-1)
    return keras.Model(x, [s, w, n, o.softmax(x, axis=1), o.maximum(x, 0.1)])


def _tf_operations(keras: Any, L: Any) -> Any:  # noqa: N803
    import tensorflow as tf  # pyright: ignore

    x = L.Input((6, 4), name="x")
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    y = tf.matmul(tf.reshape(x, (-1, 4, 6)), x)
    z = tf.concat([tf.transpose(y, (0, 2, 1)), tf.expand_dims(tf.reduce_max(x, axis=1), 1)], axis=1)
    s = tf.stack([tf.sqrt(tf.abs(z)), tf.clip_by_value(z, -1.0, 1.0)], axis=1)
    w = tf.nn.relu(x - mean) * tf.cast(x > 0.1, "float32") / 0.5
    n = tf.squeeze(tf.reduce_sum(tf.square(w), axis=[1, 2], keepdims=True), axis=-1)
    return keras.Model(x, [s, w, n, tf.nn.softmax(x, axis=1), tf.maximum(0.1, x), tf.nn.relu6(x + 3.0)])
