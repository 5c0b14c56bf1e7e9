"""The layers of Keras that regraft reads: a table from a layer's class to what makes nodes of it, and its weights."""

from __future__ import annotations

from collections.abc import Callable

from regraft.formats.keras.building import Call
from regraft.formats.keras.layers import (
    activations,
    attention,
    convolution,
    dense,
    joining,
    normalising,
    passing,
    pooling,
    recurrent,
    shaping,
)
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight

Handler = Callable[[Call], None]

LAYERS: dict[str, Handler] = {
    **activations.LAYERS,
    **attention.LAYERS,
    **convolution.LAYERS,
    **dense.LAYERS,
    **joining.LAYERS,
    **normalising.LAYERS,
    **passing.LAYERS,
    **pooling.LAYERS,
    **recurrent.LAYERS,
    **shaping.LAYERS,
}
WEIGHTS: dict[str, Callable[[Layer, int], list[Weight]]] = {
    **activations.WEIGHTS,
    **attention.WEIGHTS,
    **convolution.WEIGHTS,
    **dense.WEIGHTS,
    **normalising.WEIGHTS,
    **recurrent.WEIGHTS,
}
