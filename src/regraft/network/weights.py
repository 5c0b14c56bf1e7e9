"""The weights of a file by name, whether or not its graph can be run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The named weights of a file, and how they lie.

    `layout` is that of all but the names in `as_torch`, which lie as torch's layers hold them; None: the file does
    not say.
    """

    values: Mapping[str, np.ndarray]
    layout: Literal["tensorflow", "torch"] | None
    as_torch: Collection[str] = ()
