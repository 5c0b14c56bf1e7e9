"""How many windows fit into a row: torch-free, for readers of files that follow shapes."""

from __future__ import annotations


def pooled_length(length: int, size: int, stride: int, pad: int, *, ceil: bool) -> int:
    """How many windows a padded row has; with `ceil` what is left gets one too, if it starts before the padding."""
    rest = length + 2 * pad - size
    count = (-(-rest // stride) if ceil else rest // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= length + pad else count
