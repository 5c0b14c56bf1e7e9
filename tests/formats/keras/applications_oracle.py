"""Builds networks of keras.applications with random weights, and writes both forms of file, pictures and answers.

Arguments: the major version of Keras, the folder to write into, names of networks with their sizes (VGG16:32).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

MAJOR, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
if MAJOR == 2:
    import tf_keras as keras  # pyright: ignore
else:
    import keras  # pyright: ignore


def unsettle(model: Any) -> None:
    """Moving averages and scales as no fresh network has them."""
    random = np.random.default_rng(0)
    values = []
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        name = getattr(weight, "path", weight.name)
        spread = random.uniform(0.8, 1.2, value.shape)
        if "variance" in name or "gamma" in name:
            value = value * spread
        elif "mean" in name or "beta" in name or "bias" in name:
            value = value + 0.1 * (spread - 1)
        values.append(value)
    model.set_weights(values)


def main() -> None:
    answers: dict[str, np.ndarray] = {}
    for argument in sys.argv[3:]:
        if "/" in argument:  # a file
            model = keras.models.load_model(argument, compile=False)
            answers["fer/in"] = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 1)).astype(np.float32)
            answers["fer/out"] = np.asarray(model(answers["fer/in"], training=False))
            continue
        name, size = argument.split(":")
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        model = getattr(keras.applications, name)(
            weights=None, input_shape=(int(size), int(size), 3), classes=10, classifier_activation=None
        )
        unsettle(model)
        x = np.random.default_rng(1).uniform(
            0, 255 if "Eff" in name or "V3Sm" in name else 1, (2, int(size), int(size), 3)
        )
        answers[f"{name}/in"] = x.astype(np.float32)
        answers[f"{name}/out"] = np.asarray(model(answers[f"{name}/in"], training=False))
        for ending in (".h5", ".keras"):
            model.save(FOLDER / f"{name}{ending}")
    np.savez(FOLDER / "answers.npz", **answers)


main()
