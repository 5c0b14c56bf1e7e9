"""Graphs that prepare their pictures themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made

from regraft.formats import tf1
from regraft.network.graph import InputSpec

MEAN = np.array([120, 110, 100], np.float32)


def classified(made: Made, tensor: str) -> Made:
    """The graph with a convolution on top."""
    made.constant("k", np.ones((1, 1, 3, 2), np.float32)).node("k/read", "Identity", "k")
    return made.node("out", "Conv2D", tensor, "k/read", strides=[1, 1, 1, 1], padding="SAME")


def spec(made: Made, path: Path) -> InputSpec:
    (found,) = tf1.read(made.write(path / "model.pb")).graph.inputs
    return found


def resized(made: Made, tensor: str, **options: bool) -> Made:
    return made.constant("size", np.array([8, 6], np.int32)).node(
        "resized", "ResizeBilinear", tensor, "size", **options
    )


def decoded() -> Made:
    made = Made().node("text", "Placeholder", dtype="string", shape=()).node("jpeg", "DecodeJpeg", "text", channels=3)
    return made.node("cast", "Cast", "jpeg", SrcT="uint8", DstT="float32")


def batched(made: Made, tensor: str) -> Made:
    return made.constant("axis", np.int32(0)).node("batch", "ExpandDims", tensor, "axis")


def test_mean_and_scale_of_every_channel(tmp_path: Path) -> None:
    made = resized(batched(decoded(), "cast"), "batch").constant("mean", MEAN).node("sub", "Sub", "resized", "mean")
    made.constant("std", np.float32(50)).node("div", "RealDiv", "sub", "std")

    found = spec(classified(made, "div"), tmp_path)

    assert (found.name, found.shape, found.resize) == ("div:0", (None, 8, 6, 3), "tf1")
    assert (found.range, found.origin, found.channels) == ((0.0, 255.0), "file", "rgb")
    assert found.mean == pytest.approx((120, 110, 100))
    assert found.std == pytest.approx((50, 50, 50))


def test_other_corners_are_no_old_ones(tmp_path: Path) -> None:
    made = resized(batched(decoded(), "cast"), "batch", half_pixel_centers=True)

    assert spec(classified(made, "resized"), tmp_path).resize == "antialias"


def test_a_single_picture_gets_its_batch_inside(tmp_path: Path) -> None:
    made = batched(
        Made().placeholder("picture", -1, -1, 3, dtype="uint8").node("f", "Cast", "picture", DstT="float32"), "f"
    )

    found = spec(classified(made, "batch"), tmp_path)

    assert (found.name, found.shape, found.dtype, found.range) == (
        "batch:0",
        (None, None, None, 3),
        "float32",
        (0, 255),
    )


@pytest.mark.parametrize(
    ("shift", "factor", "expected"),
    [
        (127.5, 1 / 127.5, (0, 255)),
        (0.5, 2.0, (0, 1)),
        (0.0, 1 / 255, (0, 255)),
        (0.0, 255.0, (0, 1)),
        (0.0, 3.0, None),
    ],
)
def test_a_network_that_scales_says_what_it_expects(
    tmp_path: Path, shift: float, factor: float, expected: tuple[float, float] | None
) -> None:
    made = Made().placeholder("x", -1, 8, 8, 3).constant("shift", np.float32(shift)).node("sub", "Sub", "x", "shift")
    made.constant("factor", np.float32(factor)).node("mul", "Mul", "sub", "factor")

    found = spec(classified(made, "mul"), tmp_path)

    assert (found.name, found.range) == ("x:0", expected)
    assert found.origin == ("file" if expected else "unknown")


def test_bytes_are_bytes(tmp_path: Path) -> None:
    made = Made().placeholder("x", -1, 8, 8, 3, dtype="uint8").node("f", "Cast", "x", SrcT="uint8", DstT="float32")

    found = spec(classified(made, "f"), tmp_path)

    assert (found.name, found.dtype, found.range, found.origin) == ("x:0", "uint8", (0.0, 255.0), "file")
