"""Views: a mirrored picture is exactly that, a crop is the same wherever the example stands."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from regraft.data import Examples, Picture, View, prepare
from regraft.data.arrays import unlabelled
from regraft.errors import BadArgument
from regraft.network import InputSpec

NHWC = InputSpec(name="x", shape=(None, 20, 24, 3), layout="NHWC", range=(-1.0, 1.0))
NCHW = replace(NHWC, shape=(None, 3, 20, 24), layout="NCHW", mean=(0.4, 0.5, 0.6))


def pictures(count: int = 6) -> Examples:
    """Encoded ones, of another size than the input."""
    items: list[Picture] = []
    for pixels in np.random.default_rng(0).integers(0, 256, (count, 30, 40, 3)).astype(np.uint8):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        items.append(Picture(name=f"{len(items)}.png", read=file.getvalue))
    hashes = tuple(bytes([k]) for k in range(count))
    return Examples(source="here", items=items, labels=np.full(count, -1), classes=(), hashes=hashes)


def rows(dtype: str, channels: int = 3) -> Examples:
    values = np.random.default_rng(0).uniform(0, 256, (6, 20, 24, channels))
    return unlabelled(values.astype(dtype), "here")


@pytest.mark.parametrize("examples", [pictures(), rows("uint8"), rows("float32")], ids=["pictures", "pixels", "values"])
def test_view_1_is_mirrored(examples: Examples) -> None:
    plain = prepare(examples, range(6), NHWC)
    mirrored = prepare(examples, range(6), NHWC, View(number=1))
    np.testing.assert_array_equal(mirrored, np.flip(plain, axis=2))
    assert mirrored.flags.c_contiguous
    np.testing.assert_array_equal(prepare(examples, range(6), NHWC, View()), plain)


def test_channels_first() -> None:
    for number in (1, 2):
        last = prepare(pictures(), range(6), replace(NHWC, mean=NCHW.mean), View(number=number))
        first = prepare(pictures(), range(6), NCHW, View(number=number))
        np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))
    plain = prepare(pictures(), range(6), NCHW)
    np.testing.assert_array_equal(prepare(pictures(), range(6), NCHW, View(number=1)), np.flip(plain, axis=3))


@pytest.mark.parametrize(
    "examples", [pictures(), rows("uint8"), rows("float32"), rows("uint8", 5)], ids=["pictures", "u1", "f4", "five"]
)
def test_a_crop_hangs_on_content_number_and_seed_alone(examples: Examples) -> None:
    five = isinstance(examples.items, np.ndarray) and examples.items.shape[-1] == 5
    spec = replace(NHWC, shape=(None, 20, 24, 5)) if five else NHWC
    view = View(number=2, seed=7)
    whole = prepare(examples, range(6), spec, view)
    assert whole.shape == (6, *spec.shape[1:])
    for order in ([5, 0, 3], [3], [1, 1]):
        np.testing.assert_array_equal(prepare(examples, order, spec, view), whole[order])
    plain = prepare(examples, range(6), spec)
    others = [prepare(examples, range(6), spec, View(number=n, seed=s)) for n, s in ((3, 7), (2, 8))]
    for other in (plain, np.flip(plain, axis=2), *others):
        # so small a picture may by chance be shown whole
        assert sum(not np.array_equal(a, b) for a, b in zip(whole, other, strict=True)) >= 4
    assert plain.min() - 1e-6 <= whole.min() <= whole.max() <= plain.max() + 1e-6


def test_a_crop_shows_most_of_the_picture_in_order() -> None:
    """Columns that grow from left to right still do, or fall where it is mirrored, over 60 to 100 % of the area."""
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[None, None, :, None], (1, 200, 240, 1))
    spec = replace(NHWC, shape=(None, 200, 240, 1))
    examples = unlabelled(ramp, "here")
    spans: list[float] = []
    for seed in range(40):
        line = prepare(examples, [0], spec, View(number=2, seed=seed))[0, 100, :, 0]
        steps = np.diff(line)
        assert (steps >= 0).all() or (steps <= 0).all()
        spans.append(float(line[-1] - line[0]) * 255 / 2 / 239)
    areas = np.square(spans)
    assert areas.min() > 0.58
    assert areas.max() <= 1
    assert areas.max() - areas.min() > 0.3
    assert 8 < sum(span < 0 for span in spans) < 32


def test_what_is_no_picture_has_one_view() -> None:
    flat = InputSpec(name="x", shape=(None, 9), layout="flat", range=(0.0, 1.0))
    with pytest.raises(BadArgument) as caught:
        prepare(unlabelled(np.ones((4, 9), np.float32), "here"), [0], flat, View(number=1))
    assert str(caught.value) == (
        "the input x takes no pictures: there is one view of its examples\n"
        "  expected: NHWC or NCHW with four axes\n  got: flat (None, 9)\n  to do: train without augmentation"
    )
    with pytest.raises(BadArgument) as caught:
        View(number=-1)
    assert str(caught.value) == "there is no such view\n  expected: 0, 1, 2, ...\n  got: -1"
