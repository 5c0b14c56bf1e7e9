from __future__ import annotations

import torch

from regraft.train.denormals import flushed


def bits_of_half(number: float) -> int:
    """Of a number's half, as it is stored: comparing would flush it."""
    return int((torch.tensor(number) / 2).view(torch.int32))


def test_what_is_too_small_is_0_inside_and_as_before_after() -> None:
    with flushed():
        assert bits_of_half(1e-40) == 0
        assert bits_of_half(1e-30) != 0
        with flushed():
            pass
        assert bits_of_half(1e-40) == 0
    assert bits_of_half(1e-40) != 0
