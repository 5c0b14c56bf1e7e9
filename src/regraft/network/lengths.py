"""How many windows fit into a row, and what stands for a length that is free: torch-free, for readers of files."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.network.graph import InputSpec

_SHORTER = 14  # times that texts, whose length is often limited, are shorter than pictures are wide


def pooled_length(length: int, size: int, stride: int, pad: int, *, ceil: bool) -> int:
    """How many windows a padded row has; with `ceil` what is left gets one too, if it starts before the padding."""
    rest = length + 2 * pad - size
    count = (-(-rest // stride) if ceil else rest // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= length + pad else count


def free_size(specs: Sequence[InputSpec], size: int) -> int:
    """What stands in free dimensions of inputs: the size of pictures, or less where there are texts among them."""
    texts = any("int" in spec.dtype and len(spec.shape) == 2 for spec in specs)
    return size // _SHORTER if texts else size
