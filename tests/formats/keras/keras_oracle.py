"""Builds the models of layer_cases.py with Keras 2 or 3 and writes files, inputs and answers into one archive.

Arguments: the major version, the folder of layer_cases.py, the archive to write.
"""

from __future__ import annotations

import io
import lzma
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

MAJOR = int(sys.argv[1])
if MAJOR == 2:
    import tf_keras as keras  # pyright: ignore
else:
    import keras  # pyright: ignore

sys.path.insert(0, sys.argv[2])
import layer_cases  # noqa: E402


def randomise(model: Any, random: np.random.Generator) -> None:
    """Weights that show a wrong order or layout; variances are positive."""
    weights = []
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        name = getattr(weight, "path", weight.name)
        new = random.normal(size=value.shape) * 0.5
        weights.append(np.abs(new) + 0.5 if "variance" in name else new + ("gamma" in name))
    model.set_weights(weights)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Normalization keeps a copy of its weights
            layer.finalize_state()


def inputs(model: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Two examples for each input; None is 5. The last words of a text are 0."""
    found = []
    for value in model.inputs:
        shape = [2] + [size or 5 for size in value.shape[1:]]
        if "int" in str(value.dtype):
            words = random.integers(1, 7, shape)
            words[0, -2:] = words[1, :1] = 0
            found.append(words.astype(np.int32))
        else:
            found.append(random.normal(size=shape).astype(np.float32))
    return found


def main() -> None:
    stored: dict[str, np.ndarray] = {"/version": np.array(keras.__version__)}
    ending = ".h5" if MAJOR == 2 else ".keras"
    for number, (name, build) in enumerate(layer_cases.cases(keras, MAJOR).items()):
        keras.backend.clear_session()
        random = np.random.default_rng(number)
        keras.utils.set_random_seed(number)
        model = build()
        randomise(model, random)
        given = inputs(model, random)
        answers = model(given if len(given) > 1 else given[0], training=False)
        answers = answers if isinstance(answers, list | tuple) else [answers]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{ending}"
            model.save(path)
            stored[f"{name}/file"] = np.frombuffer(path.read_bytes(), np.uint8)
        for value, array in zip(model.inputs, given, strict=True):
            stored[f"{name}/in/{value._keras_history[0].name}"] = array
        for place, answer in enumerate(answers):
            stored[f"{name}/out/{place}"] = np.asarray(answer)
    packed = io.BytesIO()
    np.savez(packed, **stored)
    Path(sys.argv[3]).write_bytes(lzma.compress(packed.getvalue(), preset=9))


main()
