"""Numbers so small that a processor takes many times as long for them, and that no training needs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

_DENORMAL = 1e-40


@contextmanager
def flushed() -> Generator[None]:
    """On this thread, take numbers of less than about 1e-38 for 0, as TensorFlow does; as before when the block ends.

    An L2 penalty makes the weights of units that nothing excites ever smaller, and products with such weights slow.
    """
    before = bool(torch.tensor(_DENORMAL) * 1 == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
