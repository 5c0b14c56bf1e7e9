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
    curves,
    filling,
    grouping,
    images,
    indexing,
    losses,
    matrices,
    noise,
    normalisation,
    onnx_attention,
    onnx_elementwise,
    onnx_images,
    onnx_indexing,
    onnx_normalisation,
    onnx_recurrent,
    onnx_reduction,
    onnx_shaping,
    onnx_signal,
    onnx_windows,
    passing,
    pooling,
    quantisation,
    random,
    recurrent,
    reduction,
    scaling,
    shaping,
    slicing,
    steps,
    tensor_arrays,
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
    curves.FUNCTIONS,
    filling.FUNCTIONS,
    grouping.FUNCTIONS,
    images.FUNCTIONS,
    indexing.FUNCTIONS,
    losses.FUNCTIONS,
    matrices.FUNCTIONS,
    noise.FUNCTIONS,
    normalisation.FUNCTIONS,
    onnx_attention.FUNCTIONS,
    onnx_elementwise.FUNCTIONS,
    onnx_images.FUNCTIONS,
    onnx_indexing.FUNCTIONS,
    onnx_normalisation.FUNCTIONS,
    onnx_recurrent.FUNCTIONS,
    onnx_reduction.FUNCTIONS,
    onnx_shaping.FUNCTIONS,
    onnx_signal.FUNCTIONS,
    onnx_windows.FUNCTIONS,
    passing.FUNCTIONS,
    pooling.FUNCTIONS,
    quantisation.FUNCTIONS,
    random.FUNCTIONS,
    recurrent.FUNCTIONS,
    reduction.FUNCTIONS,
    scaling.FUNCTIONS,
    shaping.FUNCTIONS,
    slicing.FUNCTIONS,
    steps.FUNCTIONS,
    tensor_arrays.FUNCTIONS,
    volumes.FUNCTIONS,
)
