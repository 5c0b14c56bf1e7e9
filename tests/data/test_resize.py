"""Resizing, the old way compared with TensorFlow 1 itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest
from PIL import Image

from regraft.data.resize import middle, resize

SIZES = [(1, 1), (7, 5), (12, 10), (30, 41), (12, 3), (299, 299)]
RANDOM = np.random.default_rng(5)
PICTURE = RANDOM.integers(0, 256, (12, 10, 3)).astype(np.uint8)

SCRIPT = """
import sys
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
picture = np.load(sys.argv[1])
with tf.Session() as session:
    sizes = eval(sys.argv[2])
    results = session.run([tf.image.resize_bilinear(picture[None], size)[0] for size in sizes])
np.savez(sys.argv[3], *results)
"""


def test_the_old_corner_rule_is_tensorflows(tmp_path: Path) -> None:
    np.save(tmp_path / "picture.npy", PICTURE)
    oracle.run(SCRIPT, tmp_path / "picture.npy", repr(SIZES), tmp_path / "results.npz")
    with np.load(tmp_path / "results.npz") as results:
        for size, expected in zip(SIZES, results.values(), strict=True):
            np.testing.assert_allclose(resize(PICTURE, *size, "tf1"), expected, rtol=1e-6, atol=1e-4, err_msg=str(size))


SHARES = [0.1, 0.5, 0.875, 0.99, 1.0]
CROPS = """
import sys
import numpy as np
import tensorflow as tf

picture = np.load(sys.argv[1])
np.savez(sys.argv[3], *(tf.image.central_crop(picture, share).numpy() for share in eval(sys.argv[2])))
"""


def test_the_middle_is_tensorflows_central_crop(tmp_path: Path) -> None:
    np.save(tmp_path / "picture.npy", PICTURE)
    oracle.run(CROPS, tmp_path / "picture.npy", repr(SHARES), tmp_path / "results.npz")
    with np.load(tmp_path / "results.npz") as results:
        for share, expected in zip(SHARES, results.values(), strict=True):
            np.testing.assert_array_equal(middle(PICTURE, share), expected, err_msg=str(share))


def test_the_old_rule_skips_pixels_and_moves_the_picture() -> None:
    ramp = np.arange(8, dtype=np.uint8)[None, :, None]
    assert resize(ramp, 1, 4, "tf1").ravel().tolist() == [0, 2, 4, 6]
    assert resize(ramp, 1, 16, "tf1").ravel().tolist() == [*np.arange(0, 7.5, 0.5), 7]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_todays_rule_is_pillows(size: tuple[int, int], channels: int, dtype: str) -> None:
    picture = PICTURE[..., :channels].astype(dtype)
    found = resize(picture, *size, "antialias")
    assert found.shape == (*size, channels)
    for channel in range(channels):
        plane = Image.fromarray(PICTURE[..., channel]).resize(size[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_allclose(found[..., channel], np.asarray(plane), atol=1)


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    np.testing.assert_array_equal(resize(PICTURE, 12, 10, "antialias"), PICTURE)
    np.testing.assert_array_equal(resize(PICTURE, 12, 10, "tf1"), PICTURE)
