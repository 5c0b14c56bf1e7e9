"""Which format an export has, and that nothing of it stays where it cannot be finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.onnx.test_export import tensorflow_like

import regraft
from regraft.errors import BadArgument, UnsupportedOp
from regraft.formats import write
from regraft.network import GraphNetwork
from regraft.network.proof import difference, prove_values, prove_weights


@pytest.fixture(scope="module")
def network() -> GraphNetwork:
    return tensorflow_like()


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("model", "tf1"),
        ("model.ckpt", "tf1"),
        ("model.ckpt-100", "tf1"),
        ("model.safetensors", "safetensors"),
        ("model.pth", "torch"),
        ("model.pt", "torch"),
    ],
)
def test_the_ending_says_the_format(name: str, format: str, network: GraphNetwork, tmp_path: Path) -> None:
    assert write(network, tmp_path / "new" / name).format == format


def test_the_format_may_be_said(network: GraphNetwork, tmp_path: Path) -> None:
    assert regraft.export(network, tmp_path / "model.bin", "safetensors").format == "safetensors"
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_an_unknown_ending(network: GraphNetwork, tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        write(network, tmp_path / "model.h5")
    assert str(caught.value) == (
        "the ending of model.h5 does not say in which format to write it\n"
        "  expected: none (tf1), .ckpt (tf1), .onnx (onnx), .safetensors (safetensors), .pth (torch), .pt (torch), "
        ".pt2 (pt2), .caffemodel (caffemodel)\n"
        "  got: .h5\n"
        "  to do: --to tf1, onnx, safetensors, torch, pt2, caffemodel"
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_format(network: GraphNetwork, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"^there is no format 'keras' to write\n  expected: tf1, onnx, safetensors"):
        write(network, tmp_path / "model.onnx", "keras")


def test_a_checkpoint_is_opened_again_beside_its_place(network: GraphNetwork, tmp_path: Path) -> None:
    done = write(network, tmp_path / "model.ckpt-3")
    assert done.difference < 1e-6
    assert sorted(tmp_path.iterdir()) == sorted(done.files)  # no trial is left
    x = np.random.default_rng(0).normal(size=(3, 6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(regraft.open(tmp_path / "model.ckpt-3").run(x), network.run(x), rtol=1e-6)


# --- the proof ---------------------------------------------------------------------------------------------------


def test_two_batch_sizes_are_compared(network: GraphNetwork) -> None:
    batches: list[int] = []

    def run(x: dict[str, np.ndarray]) -> list[np.ndarray]:
        batches.append(len(x["x:0"]))
        return [network.run(x) * np.float32(1 + 1e-6)]

    assert 1e-7 < prove_values(network, run, "here") < 1e-5
    assert batches == [1, 4]


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (lambda y: y * np.float32(1.001), "0.001"),
        (lambda y: y.T, "float32 of shape (2, 1) in place of float32 of shape (1, 2)"),
        (lambda y: y.astype(np.float64), "float64 of shape (1, 2) in place of float32 of shape (1, 2)"),
        (lambda y: np.where(y == y, np.nan, y).astype(y.dtype), "nan"),
    ],
)
def test_other_values_are_refused(wrong, got: str, network: GraphNetwork) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        prove_values(network, lambda x: [wrong(network.run(x))], "net.onnx")
    assert str(caught.value) == (
        "what was written does not compute logits:0 as the network does, and was not kept\n"
        "  where: net.onnx\n"
        "  expected: a difference of at most 0.0001 of its greatest value\n"
        f"  got: {got}\n"
        "  to do: this is a fault in regraft: please report it; another format may do (--to)"
    )


def test_other_weights_are_refused() -> None:
    held = {"a": np.array([0.0, 1.0]), "b": np.array([np.nan])}
    assert prove_weights(held, {name: value.copy() for name, value in held.items()}, "here") == 0
    for found in (
        {"a": held["a"]},
        {**held, "a": -held["a"]},
        {**held, "b": np.array([0.0])},
        {**held, "c": held["a"]},
    ):
        with pytest.raises(UnsupportedOp, match=r"^the numbers that were written are not the network's"):
            prove_weights(held, found, "here")


def test_differences() -> None:
    one = np.array([1.0, 2.0, np.inf, np.nan])
    assert difference(one, one.copy()) == 0
    assert difference(np.array([1.0, 2.5, np.inf, np.nan]), one) == 0.25
    assert difference(np.array([1.0, 2.0, -np.inf, np.nan]), one) == np.inf
    assert difference(np.array([1, 2]), np.array([1, 3])) == np.inf
    assert difference(np.array([True]), np.array([True])) == 0
