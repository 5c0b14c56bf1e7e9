"""The layers of Caffe that regraft reads: a table from a layer's type to what makes nodes of it."""

from __future__ import annotations

from collections.abc import Callable

from regraft.formats.caffe.building import Call
from regraft.formats.caffe.layers import activations, dense, joining, normalising, reducing, shaping, spatial

Handler = Callable[[Call], None]

LAYERS: dict[str, Handler] = {
    **activations.LAYERS,
    **dense.LAYERS,
    **joining.LAYERS,
    **normalising.LAYERS,
    **reducing.LAYERS,
    **shaping.LAYERS,
    **spatial.LAYERS,
}
