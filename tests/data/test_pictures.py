"""Decoding: what a viewer shows is what a network gets."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np
import pytest
from PIL import Image

from regraft.data.pictures import decode, is_picture, problem
from regraft.errors import BadData

RGB = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats(kind: str) -> None:
    np.testing.assert_array_equal(decode(saved(Image.fromarray(RGB), kind), "a", grey=False), RGB)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
def test_lossy_formats(kind: str) -> None:
    smooth = np.linspace(0, 255, 64).astype(np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2)
    found = decode(saved(Image.fromarray(smooth), kind), "a", grey=False)
    assert np.abs(found.astype(int) - smooth).mean() < 4


def test_grey() -> None:
    found = decode(saved(Image.fromarray(RGB)), "a", grey=True)
    assert found.shape == (6, 8, 1)
    np.testing.assert_allclose(found[..., 0], RGB @ [0.299, 0.587, 0.114], atol=0.6)
    np.testing.assert_array_equal(
        decode(saved(Image.fromarray(RGB[..., 0])), "a", grey=False), RGB[..., :1].repeat(3, 2)
    )


def test_the_exif_orientation_is_followed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    found = decode(saved(Image.fromarray(RGB), exif=exif), "a", grey=False)
    np.testing.assert_array_equal(found, np.rot90(RGB, -1))


def test_transparent_pixels_lie_on_white() -> None:
    alpha = np.full((6, 8, 1), 255, np.uint8)
    alpha[0] = 0
    found = decode(saved(Image.fromarray(np.concatenate([RGB, alpha], 2))), "a", grey=False)
    assert (found[0] == 255).all()
    np.testing.assert_array_equal(found[1:], RGB[1:])


def test_palettes() -> None:
    image = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(decode(saved(image), "a", grey=False), np.asarray(image.convert("RGB")))
    clear = decode(saved(image, transparency=int(np.asarray(image)[0, 0])), "a", grey=False)
    assert (clear[0, 0] == 255).all()


def test_one_bit() -> None:
    bits = RGB[..., 0] > 127
    np.testing.assert_array_equal(decode(saved(Image.fromarray(bits)), "a", grey=True)[..., 0], bits * np.uint8(255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(kind: str) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (6, 8)).astype(np.uint16)
    found = decode(saved(Image.fromarray(deep), kind), "a", grey=True)[..., 0]
    np.testing.assert_array_equal(found, np.round(deep / 257))


def test_cmyk_becomes_rgb() -> None:
    smooth = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert np.abs(decode(saved(smooth, "JPEG"), "a", grey=False).astype(int) - [255, 0, 0]).max() < 6


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data, "a", grey=False) == [255, 0, 0]).all()


def test_floats_are_no_pixels() -> None:
    with pytest.raises(BadData) as caught:
        decode(saved(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"), "a.tif", grey=True)
    assert str(caught.value) == (
        "the picture a.tif cannot be read\n  got: float32 values 1.0..1.0, expected at most 16 bits\n"
        "  to do: mend or remove it; --skip-bad looks at every picture first and leaves such ones out"
    )


def test_postscript_is_not_run() -> None:
    assert problem(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", thorough=True) == (
        "no picture of a format regraft reads (JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM, AVIF)"
    )


def test_a_picture_of_billions_of_pixels_is_refused() -> None:
    data = bytearray(saved(Image.fromarray(RGB)))
    header = data.index(b"IHDR")
    data[header + 4 : header + 12] = b"\0\1\0\0" * 2
    data[header + 17 : header + 21] = zlib.crc32(data[header : header + 17]).to_bytes(4, "big")
    assert "exceeds limit of 178956970 pixels" in str(problem(bytes(data), thorough=False))


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_a_picture_cut_short_is_seen(kind: str, thorough: bool) -> None:
    data = saved(Image.fromarray(RGB.repeat(9, 0).repeat(9, 1)), kind)
    assert problem(data, thorough=thorough) is None
    assert problem(data[: len(data) * 2 // 3], thorough=thorough) is not None


def test_a_damaged_middle_is_seen_by_a_thorough_look() -> None:
    data = bytearray(saved(Image.fromarray(RGB)))
    data[data.index(b"IDAT") + 20] ^= 255
    assert problem(bytes(data), thorough=False) is None
    assert problem(bytes(data), thorough=True) is not None
    with pytest.raises(BadData, match=re.escape("the picture rose/1.png cannot be read")):
        decode(bytes(data), "rose/1.png", grey=False)


def test_names() -> None:
    assert all(map(is_picture, ("a.jpg", "b/c.JPEG", "d.Png", "e.tiff", "f.webp")))
    assert not any(map(is_picture, ("a", "a.txt", "jpg", "a.jpg.txt", "a.svg")))
