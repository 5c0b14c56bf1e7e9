"""Networks of new layers on texts: what torch's own layers give for the same weights, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import regraft
from regraft.errors import BadArgument, ShapeMismatch
from regraft.network import GraphNetwork, InputSpec, New
from regraft.network.fresh import untrained
from regraft.network.from_layers import from_layers

BYTES = InputSpec(name="input:0", shape=(None, 21), dtype="int32", layout="bytes")
LAYERS = (
    New(kind="embedding", width=6),
    New(kind="conv", width=8, kernel=5, activation="relu"),
    New(kind="max_pool"),
    New(kind="conv", width=7, kernel=3, activation="tanh"),
    New(kind="global_max_pool"),
    New(kind="dense", width=4),
)


def network() -> GraphNetwork:
    return from_layers(BYTES, LAYERS, seed=3)


def texts() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 21)).astype(np.int32)


def by_torch(net: GraphNetwork, x: np.ndarray) -> torch.Tensor:
    """The same with torch's layers: tensors (b d t) in between."""
    w = {name: torch.from_numpy(p.value) for name, p in net.parameters.items()}
    rows = functional.embedding(torch.from_numpy(x).long(), w["embedding1/table"]).mT
    for name, act in (("conv1", torch.relu), ("conv2", torch.tanh)):
        kernel = w[f"{name}/kernel"].squeeze(0).permute(2, 1, 0)
        rows = act(functional.conv1d(rows, kernel, w[f"{name}/bias"], padding="same"))
        rows = functional.max_pool1d(rows, 2, ceil_mode=True) if name == "conv1" else rows
    return rows.amax(2) @ w["dense1/kernel"] + w["dense1/bias"]


def test_layers_on_texts_equal_torch() -> None:
    net = network()
    shapes = {name: net.tensors[name].shape for name in ("embedding1/Gather:0", "conv1/Relu:0", "conv2/Tanh:0")}
    assert list(shapes.values()) == [(None, 21, 6), (None, 21, 8), (None, 11, 7)]
    assert net.parameters["conv1/kernel"].shape == (1, 5, 6, 8)
    found = net.run(texts())
    np.testing.assert_allclose(found, by_torch(net, texts()).numpy(), rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_the_source_layers_are_listed() -> None:
    assert list(network().layers) == ["embedding1", "conv1", "max_pool1", "conv2", "global_max_pool1", "dense1"]
    fresh = untrained(network(), seed=9)
    assert not np.array_equal(
        fresh.parameters["embedding1/table"].value, network().parameters["embedding1/table"].value
    )


@pytest.mark.parametrize("name", ["net", "net.onnx", "net.pt2"])
def test_it_is_written_in_all_forms(name: str, tmp_path: Path) -> None:
    net = network()
    regraft.export(net, tmp_path / name)
    again = regraft.open(tmp_path / name)
    found = again.run(texts().astype(next(iter(again.inputs.values())).dtype))
    np.testing.assert_allclose(found, net.run(texts()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (
            (New(kind="embedding", width=4), New(kind="embedding", width=4)),
            "the embedding embedding2 cannot stand on embedding1/Gather:0\n"
            "  expected: bytes of texts (b t), and a width\n  got: (b, 21, 4)\n  to do: put it below all other layers",
        ),
        (
            (New(kind="conv", width=4),),
            "the conv layer conv1 cannot stand on input:0\n"
            "  expected: a picture (b h w c) or a sequence (b t d), and a width\n  got: 2 dimensions, width 4\n"
            "  to do: cut below the layer that flattens, or use dense:WIDTH",
        ),
        (
            (New(kind="max_pool"),),
            "the layer max_pool1 cannot stand on input:0\n"
            "  expected: a picture (b h w c) or a sequence (b t d)\n  got: (b, 21)\n"
            "  to do: cut below the layer that flattens",
        ),
        (
            (New(kind="embedding", width=4), New(kind="global_max_pool"), New(kind="global_max_pool")),
            "the layer global_max_pool2 cannot stand on global_max_pool1/Max:0\n"
            "  expected: a picture (b h w c) or a sequence (b t d)\n  got: (b, 4)\n"
            "  to do: leave it out: there is one place",
        ),
    ],
)
def test_what_cannot_stand_there(layers: tuple[New, ...], text: str) -> None:
    with pytest.raises((BadArgument, ShapeMismatch)) as caught:
        from_layers(BYTES, layers)
    assert str(caught.value) == text


def test_one_row_has_a_flat_kernel() -> None:
    picture = InputSpec(name="x", shape=(None, 1, 9, 2), layout="NHWC")
    net = from_layers(picture, (New(kind="conv", width=3), New(kind="max_pool")))
    assert net.parameters["conv1/kernel"].shape == (1, 3, 2, 3)
    assert net.tensors["max_pool1/MaxPool:0"].shape == (None, 1, 5, 3)
