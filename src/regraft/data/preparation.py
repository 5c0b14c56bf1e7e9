"""Bringing examples into the form a network's input wants."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isqrt, prod

import numpy as np

from regraft.data.examples import TEXT_KINDS, Examples, Picture
from regraft.data.fitting import Frame, fitted, frame, scaled, stacked, unreachable
from regraft.data.opening import workers
from regraft.data.pairs import Text
from regraft.data.pictures import decode
from regraft.data.tokens import LOOKED, TEXT_LAYOUTS, encoded, encoded_words, filled, lengths, longest
from regraft.data.views import PLAIN, View, viewed
from regraft.errors import BadData
from regraft.network.graph import InputSpec


def prepare(examples: Examples, indices: Sequence[int] | np.ndarray, spec: InputSpec, view: View = PLAIN) -> np.ndarray:
    """The examples at `indices` as one input (b ...), in the network's layout and type, in a view.

    Texts become the bytes of their UTF-8 or tokens, filled up behind the end; what is longer than the input is cut off,
    unless its windows are given. So do pairs of texts, with a byte or a token between, and sentences, word by word.

    Pictures are decoded, turned as their EXIF orientation says, cropped, made grey or RGB, stretched to the input's
    height and width, put in its order of channels, and brought to its range: v / 255 * (high - low) + low, minus mean,
    divided by std.

    Rows of an array are
    - pixels 0..255 where their type is uint8: they are brought to the range as pictures are, and their three
      channels, if they have so many, are RGB;
    - else values that need no preparing: they keep their numbers, and their channels' order.
    Either way a row that has the input's shape but for axes of one, or that is flat where the input is not (or the
    other way round) and holds as many numbers, is taken in its order. A flat row is not taken for a picture of three
    channels, whose order it does not tell. All other rows are pictures, (h w), (h w c), (c h w) or flat squares,
    and are cropped and resized. An input of integers gets pixels as they are.

    Raises:
        ShapeMismatch: none of this leads from the examples to the input.
        BadArgument: the range or the size of the input is not known, or it takes no pictures and the view is not plain.
        BadData: a picture is damaged, or pixels are stored as another type than uint8.
    """
    batch = arrange(examples, indices, spec)
    if view.number:
        batch = viewed(batch, [examples.hashes[int(index)] for index in indices], spec, view)
    if examples.kind in (*TEXT_KINDS, "words", "numbers"):
        return batch
    if examples.pixels:
        return scaled(batch, spec)
    _refuse_disguised_pixels(batch, spec, examples.source)
    return np.ascontiguousarray(batch, dtype=spec.dtype)


def arrange(examples: Examples, indices: Sequence[int] | np.ndarray, spec: InputSpec) -> np.ndarray:
    """The examples at `indices` in the input's shape (b ...) and order, their values not yet brought to its range."""
    if isinstance(examples.items, np.ndarray):
        return _rows(examples.items[np.asarray(indices)], spec, examples)
    if examples.kind in TEXT_KINDS:
        if spec.layout not in TEXT_LAYOUTS:
            raise unreachable(spec, examples.source, "texts" if examples.kind == "text" else "pairs of texts")
        return encoded([examples.texts_or_pairs[int(index)] for index in indices], spec)
    if examples.kind == "words":
        if spec.layout not in TEXT_LAYOUTS:
            raise unreachable(spec, examples.source, "sentences of words")
        return encoded_words([examples.sentences[int(index)] for index in indices], spec)[0]
    if examples.kind == "numbers":
        return filled([examples.numbers[int(index)] for index in indices], spec)
    into = frame(spec, examples.source, "pictures")

    def pixels(picture: Picture) -> np.ndarray:
        found = decode(picture.read(), picture.name, grey=into.channels == 1)
        return _ordered(fitted(found, into), spec)

    with ThreadPoolExecutor(workers()) as pool:
        return stacked(list(pool.map(pixels, [examples.pictures[int(index)] for index in indices])), into)


def change_of_shape(examples: Examples, spec: InputSpec) -> str | None:
    """What is done to an array's rows that have not the shape of the input, and to long texts; None for nothing.

    Raises:
        ShapeMismatch: no known step leads from the rows to the input.
        BadArgument: the size of the input is not known.
    """
    if examples.kind in TEXT_KINDS and spec.layout in TEXT_LAYOUTS:
        return _longer(examples.texts_or_pairs, spec)
    if not isinstance(examples.items, np.ndarray) or _same_numbers(examples.items.shape[1:], spec):
        return None
    own = examples.items.shape[1:]
    into = frame(spec, examples.source, f"rows of shape {own}")
    height, width, channels = _picture(np.empty(own, bool), into, examples.source).shape
    done: list[str] = []
    if spec.crop != 1:
        done.append(f"cropped to {spec.crop:g} of each side")
    if (height, width) != (into.height, into.width):
        done.append(f"resized from {height}x{width} to {into.height}x{into.width}")
    if channels != into.channels:
        done.append("made grey" if into.channels == 1 else "given three channels")
    return ", ".join([f"rows of shape {own} are taken for pictures", *done]) if done else None


def needs_range(examples: Examples, spec: InputSpec) -> bool:
    """Whether these examples are pixels that have to be brought to the range of the input."""
    return examples.pixels and np.dtype(spec.dtype).kind == "f"


def _longer(texts: Sequence[Text], spec: InputSpec) -> str | None:
    length, looked = longest(spec), texts[:LOOKED]
    longer = int((lengths(looked, spec) > length).sum()) if length else 0
    told = f"{longer} of {len(looked)} are longer"
    if spec.overlap is not None:
        windows = f"windows of {length} {spec.layout} that share {spec.overlap}"
        return f"texts are read in {windows}, whose mean counts: {told}" if longer else None
    unseen = length and len(texts) > len(looked)  # of which some may be longer
    return f"texts are cut off after {length} {spec.layout}: {told}" if longer or unseen else None


def _rows(rows: np.ndarray, spec: InputSpec, examples: Examples) -> np.ndarray:
    shape = _same_numbers(rows.shape[1:], spec)
    if shape:
        return (_ordered(rows, spec) if examples.pixels and rows.ndim == 4 else rows).reshape(len(rows), *shape)
    into = frame(spec, examples.source, f"rows of shape {rows.shape[1:]}")
    pictures = [fitted(_picture(row, into, examples.source), into) for row in rows]
    return stacked([_ordered(picture, spec) for picture in pictures] if examples.pixels else pictures, into)


def _same_numbers(own: tuple[int, ...], spec: InputSpec) -> tuple[int, ...] | None:
    """The shape a row takes if the input only reads its numbers in their order; None if it is to be resized."""
    wanted = spec.shape[1:]
    for shape in (own, (*own, 1), (1, *own), tuple(size for size in own if size != 1)):
        if len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted, strict=True)):
            return shape
    sizes = tuple(size or 0 for size in wanted)
    grey = sum(size > 1 for size in sizes) <= 2
    if prod(own) == prod(sizes) and (len(sizes) == 1 or (len(own) == 1 and (grey or spec.layout == "other"))):
        return sizes
    return None


def _picture(row: np.ndarray, into: Frame, source: str) -> np.ndarray:
    """A row as a picture (h w c) of 1 or 3 channels."""
    if row.ndim == 1 and isqrt(row.size) ** 2 == row.size:
        return row.reshape(isqrt(row.size), -1, 1)
    if row.ndim == 2:
        return row[..., None]
    if row.ndim == 3 and row.shape[2] in (1, 3):
        return row
    if row.ndim == 3 and row.shape[0] in (1, 3):
        return row.transpose(1, 2, 0)
    raise unreachable(into.spec, source, f"rows of shape {row.shape}")


def _ordered(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """A picture (h w c), or a batch (b h w c) or (b c h w), from RGB to the order of the input's channels."""
    if spec.channels != "bgr":
        return pixels
    if pixels.shape[-1] == 3:
        return pixels[..., ::-1]
    return pixels[:, ::-1] if pixels.ndim == 4 else pixels


def _refuse_disguised_pixels(batch: np.ndarray, spec: InputSpec, source: str) -> None:
    """Whole numbers up to 255 for an input of 0..1 are pixels that somebody saved as floats."""
    if spec.range is None or not batch.size:
        return
    most = (spec.range[1] - np.array(spec.mean or (0.0,)).min()) / np.array(spec.std or (1.0,)).min()
    if batch.min() >= 0 and most < batch.max() <= 255 and (batch == np.floor(batch)).all():
        raise BadData(
            f"these look like pixels, but only uint8 is taken for pixels; {batch.dtype} is fed as it is",
            where=source,
            expected=f"uint8, or numbers up to {most:g} as the input {spec.name} wants them",
            got=f"whole numbers of type {batch.dtype} up to {batch.max():g}",
            fix="save them with x.astype('uint8'), or scale them yourself",
        )
