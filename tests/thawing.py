"""A short training of a graft on random data: what of it changed, and what did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from regraft.network import GraphNetwork, Plan
from regraft.network.surgery import Graft, graft
from regraft.tasks.head import Head, own_copy
from regraft.train.learner import Batch, fingerprint
from regraft.train.loop import train
from regraft.train.settings import Settings

CLASSES = 3


@dataclass(frozen=True)
class Given:
    """Values of some tensors, and labels."""

    values: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.values[0])

    def take(self, rows: np.ndarray) -> Batch:
        return *(torch.from_numpy(value[rows]) for value in self.values), torch.from_numpy(rows % CLASSES)


@dataclass(frozen=True)
class Thawed:
    """A graft, and the names of the source's parameters whose bytes training changed."""

    graft: Graft
    changed: set[str]


def thawed(network: GraphNetwork, plan: Plan, x: np.ndarray) -> Thawed:
    """Carry out a plan, train for an epoch on the graft's features, and look at every weight and buffer."""
    done = graft(network, plan, classes=CLASSES)
    inside = done.network.towards(*done.features)
    head = Head(own_copy(done.network), done.features, done.logits, torch.device("cpu"))
    learner = head.learner()
    rows = Given(inside.run(x, to=list(done.features)))
    train(learner, rows, Settings(optimizer="momentum", lr=0.1, epochs=1, batch=4, clip_norm=1.0, keep="last"))
    before, after = done.network.weights, learner.weights
    assert all(fingerprint({name: before[name]}) == fingerprint({name: after[name]}) for name in done.frozen)
    source = [row.parameter for row in done.rows if row.state in ("frozen", "reused")]
    return Thawed(graft=done, changed={name for name in source if not torch.equal(before[name], after[name])})


def of_state(done: Graft, state: str) -> set[str]:
    return {row.parameter for row in done.rows if row.state == state}


def assert_same_in_both_modes(done: Graft, x: np.ndarray, tensor: str) -> None:
    """A tensor above batch norms has the same value in training, where there is no dropout below it."""
    evaluated = done.network.run(x, to=tensor)
    assert np.abs(evaluated).max() > 0
    np.testing.assert_array_equal(done.network.run(x, to=tensor, training=True), evaluated)


def draws(done: Graft, x: np.ndarray) -> bool:
    """Whether dropout is on in training."""
    one, other = (done.network.run(x, to=done.logits, training=True) for _ in range(2))
    return not np.array_equal(one, other)
