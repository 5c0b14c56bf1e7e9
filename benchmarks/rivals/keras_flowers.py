"""Keras's way, run in its own environment: the guide "Transfer learning and fine-tuning" with MobileNetV2.

    python keras_flowers.py JOB.json

The base is frozen and a head trained on it, then the upper part of the base is trained with a low rate, both for as
many epochs. The trunk is `keras.applications.MobileNetV2` with torchvision's weights. Keras pads and normalizes a
little otherwise than torchvision does; both are set as torchvision has them, so that the features are the same: that
is looked at before anything is trained, and its time is not counted. The clock starts after the imports.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH, THAWED_FROM = 32, 100  # the layer of the guide for MobileNetV2, of 154
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main(job: dict[str, Any]) -> None:
    """Train, look at the test part, print."""
    keras.utils.set_random_seed(job["seed"])
    weights = np.load(job["arrays"])
    difference = unlike(base(job["pixels"], weights), weights)
    if difference > 1e-3:
        raise SystemExit(f"the features of Keras and torchvision differ by {difference:.2g}")
    start = time.perf_counter()
    model, trunk = built(job, weights)
    parts = {name: photos(job, name) for name in ("train", "validation", "test")}
    fit(model, parts, job["epochs"], keras.optimizers.Adam())
    trunk.trainable = True
    for layer in trunk.layers[:THAWED_FROM]:
        layer.trainable = False
    fit(model, parts, job["epochs"], keras.optimizers.Adam(1e-5))
    predictions = model.predict(parts["test"], verbose=0).argmax(1).tolist()
    seconds = time.perf_counter() - start
    right = [label == taken for (_, label), taken in zip(job["fold"]["test"], predictions, strict=True)]
    print(
        json.dumps(
            {
                "test_accuracy": sum(right) / len(right),
                "predictions": predictions,
                "seconds": seconds,
                "features_differ_by": difference,
            }
        ),
        flush=True,
    )


def fit(model: keras.Model, parts: dict[str, tf.data.Dataset], epochs: int, optimizer: keras.Optimizer) -> None:
    """Train what is not frozen."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    model.fit(parts["train"], validation_data=parts["validation"], epochs=epochs, verbose=0)


def built(job: dict[str, Any], weights: dict[str, np.ndarray]) -> tuple[keras.Model, keras.Model]:
    """The guide's model, and its frozen base."""
    trunk = base(job["pixels"], weights)
    trunk.trainable = False
    inputs = keras.Input((job["pixels"], job["pixels"], 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomRotation(0.2)(x)
    x = keras.layers.Normalization(mean=[255 * m for m in MEAN], variance=[(255 * s) ** 2 for s in STD])(x)
    x = keras.layers.ZeroPadding2D(1)(x)
    x = trunk(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(len(job["fold"]["classes"]))(x)), trunk


def base(pixels: int, weights: dict[str, np.ndarray]) -> keras.Model:
    """MobileNetV2 with torchvision's weights, padding and epsilon; its input is padded by one already."""

    def as_torchvision(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name == "Conv1":
            config["padding"] = "valid"
        if isinstance(layer, keras.layers.ZeroPadding2D):
            config["padding"] = 1
        if isinstance(layer, keras.layers.BatchNormalization):
            config |= {"epsilon": 1e-5, "momentum": 0.9}
        return type(layer).from_config(config)

    given = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(pixels + 2, pixels + 2, 3))
    model = keras.models.clone_model(given, clone_function=as_torchvision)
    names = [name for name in weights if name.startswith("features.") and not name.endswith("num_batches_tracked")]
    for weight, name in zip(model.weights, names, strict=True):  # both stand in the order of the layers
        weight.assign(as_keras(weights[name], weight.path))
    return model


def as_keras(value: np.ndarray, path: str) -> np.ndarray:
    """A weight of torch in the layout of Keras: kernels are OIHW there, HWIO or (depthwise) HWOI here."""
    if value.ndim != 4:
        return value
    return value.transpose(2, 3, 0, 1) if "depthwise" in path else value.transpose(2, 3, 1, 0)


def unlike(model: keras.Model, weights: dict[str, np.ndarray]) -> float:
    """The largest difference to torchvision's features of a sample, relative to the largest of these."""
    sample = np.pad(weights["sample"].transpose(0, 2, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = weights["features"].transpose(0, 2, 3, 1)
    return float(np.abs(model.predict(sample, verbose=0) - expected).max() / np.abs(expected).max())


def photos(job: dict[str, Any], part: str) -> tf.data.Dataset:
    """The photos of a part, read and stretched as `keras.utils.image_dataset_from_directory` does."""

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return tf.ensure_shape(tf.image.resize(picture, [job["pixels"]] * 2), (None, None, 3)), label

    names, labels = zip(*job["fold"][part], strict=True)
    found = tf.data.Dataset.from_tensor_slices(([f"{job['data']}/{name}" for name in names], list(labels)))
    if part == "train":
        found = found.shuffle(len(names), seed=job["seed"])
    return found.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
