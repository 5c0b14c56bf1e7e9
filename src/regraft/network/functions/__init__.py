"""The functions a graph may call: TensorFlow's operations, with its words, layouts and gradients, computed by torch.

Each file holds a family and ends in its table. A function takes the operation's inputs as positional tensors and
its attributes as keywords, both as TensorFlow has them; `docs/tf1-operations.md` lists them all. Where a layer of
Caffe means something else, its function stands in the same family.
Shapes in docstrings: b batch, h height, w width, c channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from regraft.network.functions import (
    activations,
    arithmetic,
    aten,
    comparison,
    convolution,
    crops,
    filling,
    grouping,
    images,
    indexing,
    losses,
    matrices,
    normalisation,
    passing,
    pooling,
    quantisation,
    random,
    reduction,
    shaping,
    slicing,
    volumes,
)

Function = Callable[..., Any]


def merged(*tables: Mapping[str, Function]) -> dict[str, Function]:
    """One table of all.

    Raises:
        ValueError: a name is in two of them.
    """
    together: dict[str, Function] = {}
    for table in tables:
        twice = together.keys() & table.keys()
        if twice:
            raise ValueError(f"two functions are called {', '.join(sorted(twice))}")
        together |= table
    return together


FUNCTIONS = merged(
    activations.FUNCTIONS,
    arithmetic.FUNCTIONS,
    aten.FUNCTIONS,
    comparison.FUNCTIONS,
    convolution.FUNCTIONS,
    crops.FUNCTIONS,
    filling.FUNCTIONS,
    grouping.FUNCTIONS,
    images.FUNCTIONS,
    indexing.FUNCTIONS,
    losses.FUNCTIONS,
    matrices.FUNCTIONS,
    normalisation.FUNCTIONS,
    passing.FUNCTIONS,
    pooling.FUNCTIONS,
    quantisation.FUNCTIONS,
    random.FUNCTIONS,
    reduction.FUNCTIONS,
    shaping.FUNCTIONS,
    slicing.FUNCTIONS,
    volumes.FUNCTIONS,
)
