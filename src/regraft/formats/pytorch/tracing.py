"""A torch module traced by `torch.export`, and what its training does that a trace of its evaluation does not show."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export

from regraft.errors import UnsupportedFormat


def exported(
    module: nn.Module,
    sample: Mapping[str, torch.Tensor] | tuple[Any, ...],
    where: str,
    free: int = 1,
    *,
    together: bool = True,
) -> ExportedProgram:
    """The program of a module in evaluation, for any batch.

    Args:
        sample: inputs of a batch of two or more, by name or in order.
        free: how many of the first dimensions of each input may change: 1 the batch, 2 the length of a text too.
        together: whether all inputs have one batch.

    Raises:
        UnsupportedFormat: the module cannot be traced so.
    """
    args, kwargs = ((), dict(sample)) if isinstance(sample, Mapping) else (tuple(sample), None)
    moving = {0: Dim("batch") if together else Dim.DYNAMIC, **dict.fromkeys(range(1, free), Dim.DYNAMIC)}
    shapes: Any = dict.fromkeys(kwargs, moving) if kwargs else tuple(moving for _ in args)
    was_training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with _quiet():
            return export(module, args, kwargs, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # a trace runs the module's own code, which may fail in any way
        raise UnsupportedFormat(
            "torch.export cannot trace this module for any batch",
            where=where,
            got=f"{type(error).__name__}: {error}"[:600],
            fix="open a part of it that has no branches on values: regraft.open(module.part, sample=...)",
        ) from error
    finally:
        for part, mode in was_training.items():
            part.training = mode


@contextmanager
def _quiet() -> Generator[None]:
    """Without what torch says about tracing while it works."""
    levels = {name: logging.getLogger(name).level for name in ("torch.export", "torch.fx", "torch._dynamo")}
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # its one fused operation would hide the layers in it
        for name in levels:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
