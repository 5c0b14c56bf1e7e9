"""What a training draws at random: all of it is a function of the seed, the epoch and the step."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch (counted from 0) sees its examples."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def seed(start: int, step: int) -> None:
    """Make what a step draws (dropout) a function of the seed `start` and its number alone."""
    number = _mixed(_mixed(start) + step)
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)


@contextmanager
def own_randomness() -> Generator[None]:
    """Leave the caller's random state as it was."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        yield


def _mixed(number: int) -> int:
    """A 64-bit number that looks nothing like its neighbours' (splitmix64, Steele et al. 2014)."""
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31
