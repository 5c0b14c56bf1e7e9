"""From examples to an input: sizes, layouts, channels, ranges, and which arrays are pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.data import Examples, open_data, prepare
from regraft.data.arrays import unlabelled
from regraft.data.preparation import change_of_shape, needs_range
from regraft.errors import BadArgument, BadData, ShapeMismatch
from regraft.network import InputSpec

RANDOM = np.random.default_rng(2)
RGB = RANDOM.integers(0, 256, (3, 6, 8, 3)).astype(np.uint8)
DIGITS = RANDOM.integers(0, 256, (3, 28, 28)).astype(np.uint8)


def spec(*shape: int | None, **settings: object) -> InputSpec:
    layout = "flat" if len(shape) == 1 else "NHWC"
    return InputSpec(**{"name": "x", "shape": (None, *shape), "layout": layout, "range": (0.0, 1.0)} | settings)


def rows(array: np.ndarray, to: InputSpec) -> np.ndarray:
    return prepare(unlabelled(array, "here"), range(len(array)), to)


@pytest.mark.parametrize(
    ("shape", "to", "said"),
    [
        ((28, 28), spec(784), None),
        ((784,), spec(28, 28, 1), None),
        ((1, 28, 28), spec(28, 28, 1), None),
        ((20, 20), spec(784), "rows of shape (20, 20) are taken for pictures, resized from 20x20 to 28x28"),
        ((400,), spec(28, 28, 1), "rows of shape (400,) are taken for pictures, resized from 20x20 to 28x28"),
        (
            (20, 24, 3),
            spec(784),
            "rows of shape (20, 24, 3) are taken for pictures, resized from 20x24 to 28x28, made grey",
        ),
        ((28, 28), spec(28, 28, 3), "rows of shape (28, 28) are taken for pictures, given three channels"),
        ((3, 28, 28), spec(28, 28, 3), None),
        (
            (40, 40, 3),
            spec(28, 28, 3, crop=0.5),
            "rows of shape (40, 40, 3) are taken for pictures, cropped to 0.5 of each side, "
            "resized from 40x40 to 28x28",
        ),
    ],
)
def test_what_is_done_to_rows_of_another_shape_is_told(shape: tuple[int, ...], to: InputSpec, said: str | None) -> None:
    array = np.zeros((2, *shape), np.uint8)
    assert change_of_shape(unlabelled(array, "here"), to) == said
    assert rows(array, to).shape == (2, *to.shape[1:])


def test_files_of_pictures_are_resized_without_a_word(flowers: Path) -> None:
    assert change_of_shape(open_data(flowers), spec(5, 7, 3)) is None


# --- pictures -----------------------------------------------------------------------------------------


def pixels(examples: Examples, index: int, size: tuple[int, int]) -> np.ndarray:
    with Image.open(Path(examples.source) / examples.name(index)) as image:
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR)).astype(np.float64)


def test_pictures_in_every_layout(flowers: Path) -> None:
    examples = open_data(flowers)
    expected = np.stack([pixels(examples, index, (7, 5)) for index in (3, 30)]) / 127.5 - 1
    found = prepare(examples, [3, 30], spec(5, 7, 3, range=(-1.0, 1.0)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    found = prepare(examples, [3, 30], spec(5, 7, 3, range=(-1.0, 1.0), channels="bgr"))
    np.testing.assert_allclose(found, expected[..., ::-1], atol=1e-6)
    found = prepare(examples, [3, 30], spec(3, 5, 7, range=(-1.0, 1.0), layout="NCHW", dtype="float64"))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2), atol=1e-12)
    grey = prepare(examples, [3, 30], spec(9))
    assert grey.shape == (2, 9)
    assert prepare(examples, [3, 30], spec(75, channels="rgb")).shape == (2, 75)
    assert prepare(examples, [], spec(5, 7, 3)).shape == (0, 5, 7, 3)


def test_the_middle_is_cut_out_before_the_size_is_changed() -> None:
    found = rows(RGB, spec(4, 4, 3, crop=0.5))
    np.testing.assert_array_equal(found, rows(RGB[:, 1:5, 2:6], spec(4, 4, 3)))


def test_mean_and_std_go_with_the_channels_of_the_input(flowers: Path) -> None:
    examples = open_data(flowers)
    mean, std = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    settings = {"range": (0.0, 255.0), "mean": tuple(mean), "std": tuple(std), "channels": "bgr"}
    expected = (pixels(examples, 0, (4, 4))[..., ::-1] - mean) / std
    np.testing.assert_allclose(prepare(examples, [0], spec(4, 4, 3, **settings))[0], expected, rtol=1e-5, atol=1e-5)
    found = prepare(examples, [0], spec(3, 4, 4, layout="NCHW", **settings))[0]
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-5)
    found = prepare(examples, [0], spec(48, **settings))[0]
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-5, atol=1e-5)


def test_an_input_of_integers_gets_pixels(flowers: Path) -> None:
    found = prepare(open_data(flowers), [0], spec(10, 12, 3, dtype="uint8", range=None))
    with Image.open(flowers / "daisy/00.png") as image:
        np.testing.assert_array_equal(found[0], np.asarray(image))


def test_the_order_is_the_one_asked_for_whatever_the_threads(flowers: Path) -> None:
    examples = open_data(flowers)
    order = RANDOM.permutation(40)
    together = prepare(examples, order, spec(8, 8, 3))
    for position, index in enumerate(order):
        np.testing.assert_array_equal(together[position], prepare(examples, [index], spec(8, 8, 3))[0])


def test_a_picture_damaged_inside_is_named(flowers: Path) -> None:
    data = bytearray((flowers / "rose/01.png").read_bytes())
    data[data.index(b"IDAT") + 20] ^= 255
    (flowers / "rose/01.png").write_bytes(data)
    with pytest.raises(BadData, match=r"^the picture rose/01\.png cannot be read\n"):
        prepare(open_data(flowers), range(40), spec(8, 8, 3))
    assert len(open_data(flowers, skip_bad=True).skipped) == 1


def test_pictures_for_an_input_of_any_size(flowers: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        prepare(open_data(flowers), [0], spec(None, None, 3))
    assert str(caught.value) == (
        "the input x takes pictures of any size\n  expected: the size to bring yours to\n"
        "  got: NHWC (None, None, None, 3)\n  to do: say it: --input size=224, or size=HEIGHTxWIDTH"
    )


@pytest.mark.parametrize("shape", [(780,), (5, 5, 4), (5, 5, 3, 3)])
def test_pictures_for_an_input_that_takes_none(flowers: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch) as caught:
        prepare(open_data(flowers), [0], spec(*shape))
    layout = "flat" if len(shape) == 1 else "NHWC"
    assert str(caught.value) == (
        f"the examples cannot be brought to the input x\n  where: {flowers}\n"
        f"  expected: {layout} {(None, *shape)}\n  got: pictures"
    )


def test_an_unknown_range(flowers: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        prepare(open_data(flowers), [0], spec(5, 5, 3, range=None))
    assert str(caught.value) == "nobody knows the range of the input x\n  to do: say it: --input range=0..1"


# --- arrays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array", [DIGITS, DIGITS.reshape(3, 784), DIGITS[..., None], DIGITS[:, None]], ids=["2d", "flat", "hwc", "chw"]
)
def test_every_form_of_grey_pixels_reaches_every_input(array: np.ndarray) -> None:
    for shape in ((784,), (28, 28, 1)):
        np.testing.assert_allclose(rows(array, spec(*shape)), DIGITS.reshape(3, *shape) / 255, atol=1e-6)
    nchw = rows(array, spec(1, 28, 28, layout="NCHW"))
    np.testing.assert_allclose(nchw[:, 0], DIGITS / 255, atol=1e-6)
    np.testing.assert_allclose(rows(array, spec(28, 28, 3)), DIGITS[..., None].repeat(3, 3) / 255, atol=1e-6)
    small = [np.asarray(Image.fromarray(d).resize((14, 14), Image.Resampling.BILINEAR)) for d in DIGITS]
    np.testing.assert_allclose(rows(array, spec(14, 14, 1))[..., 0], np.stack(small) / 255, atol=1e-6)
    np.testing.assert_allclose(rows(array, spec(196)).reshape(3, 14, 14), np.stack(small) / 255, atol=1e-6)


def test_colour_pixels() -> None:
    np.testing.assert_allclose(rows(RGB, spec(6, 8, 3)), RGB / 255, atol=1e-6)
    np.testing.assert_allclose(rows(RGB, spec(6, 8, 3, channels="bgr")), RGB[..., ::-1] / 255, atol=1e-6)
    np.testing.assert_allclose(rows(RGB, spec(None, None, 3)), RGB / 255, atol=1e-6)
    np.testing.assert_allclose(rows(RGB, spec(144)), RGB.reshape(3, -1) / 255, atol=1e-6)
    chw = np.ascontiguousarray(RGB.transpose(0, 3, 1, 2))
    bgr = rows(chw, spec(3, 6, 8, layout="NCHW", channels="bgr"))
    np.testing.assert_allclose(bgr, chw[:, ::-1] / 255, atol=1e-6)
    np.testing.assert_allclose(rows(chw, spec(6, 8, 3)), RGB / 255, atol=1e-6)
    assert rows(RGB, spec(12, 16, 1)).shape == (3, 12, 16, 1)


def test_all_but_uint8_is_fed_as_it_is() -> None:
    ready = RANDOM.normal(size=(3, 28, 28))
    found = rows(ready, spec(784, range=(-1.0, 1.0)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ready.reshape(3, 784).astype("float32"))
    np.testing.assert_array_equal(rows(ready[..., None], spec(28, 28, 1, range=None))[..., 0], ready.astype("float32"))
    np.testing.assert_array_equal(rows(np.eye(3, dtype=bool), spec(3)), np.eye(3))
    tokens = np.array([[5, 900], [7, 1]])
    words = rows(tokens, InputSpec(name="x", shape=(None, 2), dtype="int32"))
    assert words.dtype == np.int32
    assert rows(np.ones((2, 6)), InputSpec(name="x", shape=(None, 3, 2))).shape == (2, 3, 2)


def test_floats_are_resized_without_being_rounded() -> None:
    ready = np.full((2, 6, 8, 3), 0.3, np.float32)
    ready[..., 1] = 0.7
    np.testing.assert_allclose(rows(ready, spec(4, 4, 3, channels="bgr"))[0, 0, 0], [0.3, 0.7, 0.3], rtol=1e-6)


def test_pixels_saved_as_floats_are_noticed() -> None:
    with pytest.raises(BadData) as caught:
        rows(DIGITS.astype("float64"), spec(784))
    assert str(caught.value) == (
        "these look like pixels, but only uint8 is taken for pixels; float64 is fed as it is\n  where: here\n"
        "  expected: uint8, or numbers up to 1 as the input x wants them\n"
        "  got: whole numbers of type float64 up to 255\n"
        "  to do: save them with x.astype('uint8'), or scale them yourself"
    )
    assert rows(DIGITS.astype("float64"), spec(784, range=(0.0, 255.0))).max() == 255
    assert rows(DIGITS.astype("float64"), spec(784, range=None)).max() == 255


@pytest.mark.parametrize(
    ("array", "to"),
    [
        (np.zeros((2, 3072), np.uint8), spec(32, 32, 3)),  # nobody knows whether colours come first or last
        (np.zeros((2, 10)), spec(784)),
        (np.zeros((2, 5, 5, 4)), spec(8, 8, 3)),
        (np.zeros((2, 5, 5)), spec(26)),
        (np.zeros((2, 5)), InputSpec(name="x", shape=(None, 3, 4))),
    ],
)
def test_arrays_that_cannot_be_brought_to_an_input(array: np.ndarray, to: InputSpec) -> None:
    with pytest.raises(ShapeMismatch) as caught:
        rows(array, to)
    layout = "" if to.layout == "other" else f"{to.layout} "
    assert str(caught.value) == (
        "the examples cannot be brought to the input x\n  where: here\n"
        f"  expected: {layout}{to.shape}\n  got: rows of shape {array.shape[1:]}"
    )


def test_who_needs_a_range(flowers: Path) -> None:
    assert needs_range(open_data(flowers), spec(8, 8, 3))
    assert needs_range(unlabelled(DIGITS, "here"), spec(784))
    assert not needs_range(unlabelled(DIGITS / 255, "here"), spec(784))
    assert not needs_range(unlabelled(DIGITS, "here"), spec(784, dtype="uint8"))
