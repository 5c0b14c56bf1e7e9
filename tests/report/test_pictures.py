from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from report.small import Search

from regraft.data import Examples, Picture
from regraft.data.arrays import unlabelled
from regraft.errors import BadArgument
from regraft.report.pictures import Shown, shown
from regraft.report.results import Mistake


def mistake(index: int) -> Mistake:
    return Mistake(index=index, input=f"row {index}", truth="a", taken="b", probability=0.9, loss=3.0)


def pixels(item: Shown) -> np.ndarray:
    kind, data = item.uri.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def folder_of(*data: bytes) -> Examples:
    items = tuple(Picture(name=f"{k}.png", read=lambda content=content: content) for k, content in enumerate(data))
    return Examples(source="drawn", items=items, labels=np.zeros(len(data), np.int64), classes=("a",), hashes=())


def test_a_picture_becomes_small_and_stays_itself() -> None:
    image = Image.new("RGB", (400, 200), (200, 40, 90))
    (item,) = shown([mistake(0)], folder_of(encoded(image)))
    assert pixels(item).shape == (80, 160, 3)
    assert np.abs(pixels(item).mean((0, 1)) - (200, 40, 90)).max() < 3
    assert not item.small


def test_a_picture_of_few_pixels_is_not_blown_up() -> None:
    (item,) = shown([mistake(0)], folder_of(encoded(Image.new("L", (28, 28), 7))))
    assert pixels(item).shape[:2] == (28, 28)
    assert item.small


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (1, 6, 5), (6, 5, 3), (3, 6, 5)])
def test_rows_shaped_like_pictures_are_drawn(shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    (item,) = shown([mistake(1)], unlabelled(rows, "rows"))
    assert pixels(item).shape == ((6, 5, 3) if 3 in shape else (6, 5))
    assert pixels(item).max() > 200  # the greatest value of the row is white


def test_bytes_are_drawn_as_they_are() -> None:
    (item,) = shown([mistake(0)], unlabelled(np.full((1, 16, 16), 40, np.uint8), "rows"))
    assert np.abs(pixels(item).astype(int) - 40).max() <= 1


def test_other_rows_are_told_in_numbers() -> None:
    rows = np.arange(12, dtype=np.float64).reshape(1, 12) / 3
    (item,) = shown([mistake(0)], unlabelled(rows, "rows"))
    assert (item.uri, item.text) == ("", "0, 0.3333, 0.6667, 1, 1.333, 1.667, 2, 2.333 … (12 numbers)")


def test_without_examples_mistakes_are_named() -> None:
    assert shown([mistake(5)], None) == [Shown(mistake=mistake(5))]


def test_at_most_two_dozen() -> None:
    assert len(shown([mistake(0)] * 30, unlabelled(np.zeros((1, 4, 4), np.uint8), "rows"))) == 24


def test_a_picture_that_has_gone_is_said_to_be(search: Search) -> None:
    def gone() -> bytes:
        return (search.run.path / "no such picture.png").read_bytes()

    missing = replace(folder_of(b""), items=(Picture(name="0.png", read=gone),))
    for examples in (missing, folder_of(b"no picture")):
        (item,) = shown([mistake(0)], examples)
        assert (item.uri, item.text) == ("", "this picture cannot be read any more")


def test_other_examples_than_those_of_the_run() -> None:
    with pytest.raises(BadArgument) as caught:
        shown([mistake(9)], unlabelled(np.zeros((3, 4, 4), np.uint8), "rows"))
    assert str(caught.value) == (
        "these are not the examples that the run was tested on\n"
        "  where: rows\n  expected: at least 10 examples\n  got: 3"
    )
