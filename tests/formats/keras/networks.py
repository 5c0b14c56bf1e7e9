"""Small networks of several layers, for whichever Keras builds them."""

from __future__ import annotations

from typing import Any


def broadcast(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((8, 7, 4), name="x"), L.Input((1, 1, 4), name="y")
    return keras.Model([x, y], L.Add()([L.Multiply()([x, y]), y]))


def started(keras: Any, L: Any) -> Any:  # noqa: N803
    x, h, c = L.Input((9, 4), name="x"), L.Input((3,), name="h"), L.Input((3,), name="c")
    return keras.Model([x, h, c], L.LSTM(3)(x, initial_state=[h, c]))


def heads(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((6, 4), name="x"), L.Input((5, 3), name="y")
    first = L.MultiHeadAttention(2, 3, value_dim=5, dropout=0.1)(x, y)
    return keras.Model([x, y], L.MultiHeadAttention(3, 2, use_bias=False)(first, first, use_causal_mask=True))


def masked_heads(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6,), dtype="int32")
    y = L.Embedding(7, 4, mask_zero=True)(x)
    z = L.LayerNormalization()(L.Add()([y, L.MultiHeadAttention(2, 3)(y, y)]))
    return keras.Model(x, L.GlobalAveragePooling1D()(z))


def merged(keras: Any, L: Any, layer: Any, *masked: bool) -> Any:  # noqa: N803
    """A layer on words, of some of which 0 is none, and a recurrent layer on it."""
    inputs = [L.Input((6,), dtype="int32", name=name) for name in "xy"]
    words = [L.Embedding(7, 4, mask_zero=one)(x) for x, one in zip(inputs, masked, strict=True)]
    return keras.Model(inputs, L.LSTM(3)(layer(words)))


def doubled(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6,), dtype="int32")
    return keras.Model(x, L.LSTM(3)(L.Embedding(7, 4, mask_zero=True)(x) * 2.0))


def masked_attention(keras: Any, L: Any) -> Any:  # noqa: N803
    inputs = [L.Input((6,), dtype="int32", name=name) for name in "xy"]
    words = [L.Embedding(7, 4, mask_zero=True)(x) for x in inputs]
    return keras.Model(inputs, L.Flatten()(L.Attention()(words)))


def nested(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((8, 7, 4), name="picture")
    y = L.BatchNormalization(name="bn")(L.Conv2D(5, 3, name="conv")(x))
    inner = keras.Model(x, [y, L.GlobalMaxPooling2D(name="pool")(y)], name="inner")
    z = L.Input((8, 7, 4), name="data")
    a, b = inner(z)
    c, d = inner(L.ReLU()(z))
    both = L.Concatenate()([L.GlobalAveragePooling2D()(L.Add()([a, c])), b, d])
    return keras.Model(z, L.Dense(3)(both))


def shared(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((5,), name="x"), L.Input((5,), name="y")
    dense = L.Dense(4, activation="relu", name="twin")
    return keras.Model([x, y], L.Subtract()([dense(x), dense(y)]))


def several(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((5,), name="second"), L.Input((4,), name="first")
    z = L.Concatenate()([x, y])
    return keras.Model([y, x], [L.Dense(2, name="b")(z), L.Dense(3, name="a")(z), z])


def operators(keras: Any, L: Any) -> Any:  # noqa: N803
    x, y = L.Input((6, 4), name="x"), L.Input((6, 4), name="y")
    z = (2.0 * x + y) / 3.0 - x * y
    z = L.Dense(4)(-z) ** 2
    return keras.Model([x, y], [z[:, 1:5:2], z[:, -1], z[..., None, 0], 1 - z])


def frozen(keras: Any, L: Any) -> Any:  # noqa: N803
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


def late(keras: Any, L: Any) -> Any:  # noqa: N803
    model = keras.Sequential([L.Dense(4), L.Dense(3)])
    model.build((None, 5))
    return model


def ops(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6, 4), name="x")
    o = keras.ops
    mean = o.mean(x, axis=-1, keepdims=True)
    y = o.matmul(o.reshape(x, (-1, 4, 6)), x)
    z = o.concatenate([o.transpose(y, (0, 2, 1)), o.expand_dims(o.max(x, axis=1), 1)], axis=1)
    s = o.stack([o.sqrt(o.abs(z)), o.clip(z, -1, 1)], axis=1)
    w = o.where(o.greater(x, mean), o.relu(x), o.cast(o.equal(x, mean), "float32"))
    n = o.squeeze(o.sum(o.square(w), axis=(1, 2), keepdims=True), axis=-1)
    return keras.Model(x, [s, w, n, o.softmax(x, axis=1), o.maximum(x, 0.1)])


def gelu(keras: Any, L: Any) -> Any:  # noqa: N803
    x = L.Input((6, 4))
    return keras.Model(x, [keras.ops.gelu(x), keras.ops.gelu(x, approximate=False)])


def tf_operations(keras: Any, L: Any) -> Any:  # noqa: N803
    import tensorflow as tf  # pyright: ignore

    x = L.Input((6, 4), name="x")
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    y = tf.matmul(tf.reshape(x, (-1, 4, 6)), x)
    z = tf.concat([tf.transpose(y, (0, 2, 1)), tf.expand_dims(tf.reduce_max(x, axis=1), 1)], axis=1)
    s = tf.stack([tf.sqrt(tf.abs(z)), tf.clip_by_value(z, -1.0, 1.0)], axis=1)
    w = tf.nn.relu(x - mean) * tf.cast(x > 0.1, "float32") / 0.5
    n = tf.squeeze(tf.reduce_sum(tf.square(w), axis=[1, 2], keepdims=True), axis=-1)
    return keras.Model(x, [s, w, n, tf.nn.softmax(x, axis=1), tf.maximum(0.1, x), tf.nn.relu6(x + 3.0)])
