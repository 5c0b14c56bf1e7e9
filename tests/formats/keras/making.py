"""Keras files made by hand: what Keras itself would not write."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def layer(kind: str, name: str, *reads: Any, **config: Any) -> dict[str, Any]:
    """A layer of a functional model of Keras 2; it reads outputs of layers, by their names."""
    inbound = [[[read, 0, 0, {}] if isinstance(read, str) else read for read in reads]] if reads else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


def data(*shape: int | None, name: str = "data") -> dict[str, Any]:
    """An input."""
    return layer("InputLayer", name, batch_input_shape=[None, *shape], dtype="float32")


def functional(*layers: dict[str, Any], outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """A functional model; its outputs are those of its last layer, or the ones named."""
    inputs = [[one["name"], 0, 0] for one in layers if one["class_name"] == "InputLayer"]
    ends = [[name, 0, 0] for name in outputs or (layers[-1]["name"],)]
    config = {"name": "net", "layers": list(layers), "input_layers": inputs, "output_layers": ends}
    return {"class_name": "Model", "config": config}


def h5(
    path: Path, config: Any, weights: Mapping[str, Mapping[str, np.ndarray]] | None = None, version: str = "2.2.4"
) -> Path:
    """A .h5 of Keras 2: weights by layer and by their names in it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.attrs["keras_version"] = version
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([name.encode() for name in weights or {}] or [b""])[: len(weights or {})]
        for name, values in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = np.array([f"{name}/{one}:0".encode() for one in values])
            for one, value in values.items():
                inner[f"{name}/{one}:0"] = value
    return path


def edited(path: Path, edit: Callable[[Any], Any], to: Path) -> Path:
    """A .keras file with another description of its layers."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = json.dumps(edit(json.loads(content))).encode()
            target.writestr(name, content)
    return to


def dense_weights(*sizes: int, names: tuple[str, ...] = ("a", "b", "c")) -> dict[str, dict[str, np.ndarray]]:
    """Weights of dense layers one after the other."""
    random = np.random.default_rng(0)
    return {
        name: {
            "kernel": random.normal(size=(wide, narrow)).astype(np.float32),
            "bias": random.normal(size=narrow).astype(np.float32),
        }
        for name, wide, narrow in zip(names, sizes, sizes[1:], strict=False)
    }


def dense(name: str, read: str, units: int, **config: Any) -> dict[str, Any]:
    """A dense layer."""
    return layer("Dense", name, read, units=units, activation="linear", use_bias=True, **config)
