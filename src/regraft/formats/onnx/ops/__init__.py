"""What regraft does with each of ONNX's operations, by family; each file ends in its table."""

from __future__ import annotations

from regraft.formats.onnx.building import Handler
from regraft.formats.onnx.ops import elementwise, indexing, layers, normalising, sampling, shaping

OPS: dict[str, Handler] = {
    **elementwise.OPS,
    **indexing.OPS,
    **layers.OPS,
    **normalising.OPS,
    **sampling.OPS,
    **shaping.OPS,
}
