"""Augmentation: pictures of the training part looked at in several ways, with features kept of each, or of none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from regraft.data import PLAIN, Part, View, prepare
from regraft.errors import BadArgument
from regraft.network import InputSpec
from regraft.tasks.rows import gathered
from regraft.train.learner import Batch, Rows

_CROP = 2  # the number of the first view that is a crop


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How the training pictures are looked at.

    Attributes:
        kind: "off": as they are; "cached": in `count` views, the plain one among them, whose features are kept;
            "bypass": in another crop each time, with nothing kept that depends on it.
        mirror: whether crops may be mirrored; a search finds out.
    """

    kind: Literal["off", "cached", "bypass"] = "off"
    count: int = 1
    mirror: bool = False

    @property
    def crops(self) -> int:
        """Views beside the plain one whose features are kept."""
        return self.count - 1 if self.kind == "cached" else 0

    def views(self, seed: int) -> tuple[View, ...]:
        """The views whose features are kept."""
        crops = (View(number=_CROP + k, seed=seed, mirror=self.mirror) for k in range(self.crops))
        return (PLAIN, *crops)


def augmentation_of(text: str) -> Augmentation:
    """What `--augment` says: "off", "bypass", or a number of views.

    Raises:
        BadArgument: it is none of these.
    """
    if text in ("off", "bypass"):
        return Augmentation(kind="off" if text == "off" else "bypass")
    if text.isdecimal() and int(text) > 1:
        return Augmentation(kind="cached", count=int(text))
    raise BadArgument(
        f"there is no augmentation {text!r}", expected="off, bypass, or a number of views that are kept: 2, 3, ..."
    )


def plainly(name: str) -> str:
    """What a scheme is called where it is tried once more, with pictures as they are."""
    return f"{name}, plain pictures"


class ViewedRows:
    """Rows of which every look at an example is at one of its views, drawn at random."""

    def __init__(self, views: Sequence[Rows]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views[0])

    def take(self, rows: np.ndarray) -> Batch:
        """What the views have at these rows."""
        return gathered(self._views, torch.randint(len(self._views), (len(rows),)).numpy(), rows)


class SeenRows:
    """Examples prepared for the network's input, in one of some views, or in another crop each time."""

    def __init__(self, part: Part, spec: InputSpec, augmentation: Augmentation, seed: int) -> None:
        self._part = part
        self._spec = spec
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._part)

    def take(self, rows: np.ndarray) -> Batch:
        """(b ...) in the network's layout, and the labels."""
        indices = self._part.indices[rows]
        prepared = torch.from_numpy(prepare(self._part.examples, indices, self._spec, self._view()))
        return prepared, torch.from_numpy(self._part.labels[rows])

    def _view(self) -> View:
        """The view of this batch, drawn from what the training draws from."""
        if self._augmentation.kind == "cached":
            views = self._augmentation.views(self._seed)
            return views[_drawn(len(views))]
        return View(number=_CROP + _drawn(2**31), seed=self._seed, mirror=self._augmentation.mirror)


def _drawn(below: int) -> int:
    return int(torch.randint(below, ()))
