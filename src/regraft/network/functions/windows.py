"""Sliding windows as TensorFlow describes them: layouts, strides, and paddings that depend on the picture's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window that slides over pictures, (height, width) each.

    `pads` are the rows above and below and the columns left and right of the picture.
    """

    size: Pair
    strides: Pair
    dilations: Pair
    pads: tuple[Pair, Pair]

    @property
    def is_symmetric(self) -> bool:
        """Whether the same is padded on both sides: torch's operations then do it themselves."""
        return all(before == after for before, after in self.pads)

    @property
    def before(self) -> Pair:
        """Rows above and columns left of the picture."""
        return self.pads[0][0], self.pads[1][0]


def window(
    picture: Sequence[int],
    size: Sequence[int],
    *,
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1, 1, 1),
    padding: str,
    explicit_paddings: Sequence[int] = (),
    data_format: str,
) -> Window:
    """The window that slides over a picture.

    Args:
        picture: its height and width.
        size: the window's.
        strides: one for each dimension, in the order of `data_format`; so `dilations`.
        padding: "SAME" (as many windows as strides fit into the picture; where an odd number of rows is
            missing, the one more is put below), "VALID" (none) or "EXPLICIT".
        explicit_paddings: before and after, for each dimension.
    """
    steps, gaps = spatial(strides, data_format), spatial(dilations, data_format)
    if padding == "EXPLICIT":
        befores, afters = spatial(explicit_paddings[::2], data_format), spatial(explicit_paddings[1::2], data_format)
        pads = ((befores[0], afters[0]), (befores[1], afters[1]))
    elif padding == "SAME":
        vertical, horizontal = map(same, picture, size, steps, gaps)
        pads = (vertical, horizontal)
    else:
        pads = ((0, 0), (0, 0))
    return Window(size=(size[0], size[1]), strides=steps, dilations=gaps, pads=pads)


def same(length: int, size: int, stride: int, dilation: int) -> Pair:
    """What is put before and behind for as many windows as strides fit into a length; an odd one more goes behind."""
    windows = -(-length // stride)
    missing = max(0, (windows - 1) * stride + (size - 1) * dilation + 1 - length)
    return missing // 2, missing - missing // 2


def spatial(values: Sequence[int], data_format: str) -> Pair:
    """What of one value a dimension belongs to height and width.

    Raises:
        UnsupportedOp: the operation strides over, or joins, pictures or channels.
    """
    if len(values) != 4 or data_format not in ("NHWC", "NCHW"):
        raise UnsupportedOp(
            f"pictures in the layout {data_format} with {len(values)} dimensions cannot be read", expected="NHWC, NCHW"
        )
    first = data_format.index("H")
    others = values[0], values[data_format.index("C")]
    if others[0] != others[1] or others[0] not in (0, 1):
        raise UnsupportedOp(f"a window over pictures or channels cannot be used: {tuple(values)} in {data_format}")
    return values[first], values[first + 1]


def channels_first(pictures: Tensor, data_format: str) -> Tensor:
    """Pictures as torch's operations see them, (b c h w): a view. NHWC in memory is torch's channels_last."""
    return pictures.permute(0, 3, 1, 2) if data_format == "NHWC" else pictures


def restored(pictures: Tensor, data_format: str) -> Tensor:
    """Pictures (b c h w) in the layout they came in: a view."""
    return pictures.permute(0, 2, 3, 1) if data_format == "NHWC" else pictures


def padded(pictures: Tensor, pads: tuple[Pair, Pair], value: float = 0.0) -> Tensor:
    """Pictures (b c h w) with rows and columns put around them."""
    (above, below), (left, right) = pads
    return functional.pad(pictures, (left, right, above, below), value=value)
