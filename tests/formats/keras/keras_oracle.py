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


def saved(model: Any, save: str, ending: str) -> np.ndarray:
    """The bytes that a method of the model writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{ending}"
        getattr(model, save)(path)
        return np.frombuffer(path.read_bytes(), np.uint8)


def trained(model: Any, given: list[np.ndarray]) -> dict[str, np.ndarray]:
    """What a batch norm gives in training, and its moving averages after that."""
    found = {"trained": np.asarray(model(given[0], training=True))}
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        name = getattr(weight, "path", weight.name).partition(":")[0].rpartition("/")[2]
        if name.startswith("moving"):
            found[f"moved/{name}"] = value
    return found


def turned(stored: dict[str, np.ndarray], random: np.random.Generator) -> None:
    """A model with channels first and the answers of its twin with channels last."""
    models = layer_cases.channels_first(keras)
    randomise(models["last"], random)
    models["first"].set_weights(models["last"].get_weights())
    (x,) = inputs(models["last"], random)
    stored["channels_first/file"] = saved(models["first"], "save", ENDING)
    name = models["first"].inputs[0]._keras_history[0].name
    stored[f"channels_first/in/{name}"] = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    stored["channels_first/out/0"] = np.asarray(models["last"](x, training=False))


ENDING = ".h5" if MAJOR == 2 else ".keras"
OTHER = ".keras" if MAJOR == 2 else ".h5"
ALSO = ("text_net", "nested", "heads", "several", "frozen", "operators", "separable2d", "time_model", "bi_own")


def main() -> None:
    stored: dict[str, np.ndarray] = {"/version": np.array(keras.__version__)}
    for number, (name, build) in enumerate(layer_cases.cases(keras, MAJOR).items()):
        keras.backend.clear_session()
        random = np.random.default_rng(number)
        keras.utils.set_random_seed(number)
        model = build()
        randomise(model, random)
        given = inputs(model, random)
        answers = model(given if len(given) > 1 else given[0], training=False)
        answers = answers if isinstance(answers, list | tuple) else [answers]
        stored[f"{name}/file"] = saved(model, "save", ENDING)
        if name in ALSO and (MAJOR == 3 or name != "operators"):  # Keras 2 cannot write x[..., 0] into a .keras
            stored[f"{name}/other"] = saved(model, "save", OTHER)
            stored[f"{name}/weights"] = saved(model, "save_weights", ".weights.h5" if MAJOR == 3 else ".h5")
        for value, array in zip(model.inputs, given, strict=True):
            stored[f"{name}/in/{value._keras_history[0].name}"] = array
        for place, answer in enumerate(answers):
            stored[f"{name}/out/{place}"] = np.asarray(answer)
        if name.startswith("bn"):
            stored |= {f"{name}/{key}": value for key, value in trained(model, given).items()}
    turned(stored, np.random.default_rng(0))
    packed = io.BytesIO()
    np.savez(packed, **stored)
    Path(sys.argv[3]).write_bytes(lzma.compress(packed.getvalue(), preset=9))


main()
