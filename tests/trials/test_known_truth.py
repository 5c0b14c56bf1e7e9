"""Where the truth is known: two tasks whose networks share the first k layers and nothing above them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from grounds import SILENT, row_splits
from torch import nn

import regraft
from regraft.tasks.evidence import is_tie
from regraft.trials.budget import Budget
from regraft.trials.ground import Choices
from regraft.trials.search import search

WIDTH, LAYERS, CLASSES = 48, 5, 4
TRAIN, VALIDATION, TEST = 1000, 500, 100
ONCE = Choices(budget=Budget(passes=1))
CUTS = [str(2 * k + 1) for k in range(LAYERS)]


def source():
    """Five hidden layers, each of which turns what it reads and cuts it at random hyperplanes."""
    generator = torch.Generator().manual_seed(5)
    layers = []
    for _ in range(LAYERS):
        layer = nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            nn.init.orthogonal_(layer.weight, gain=1.6, generator=generator)
            layer.bias.copy_(-0.3 + 0.3 * torch.randn(WIDTH, generator=generator))
        layers += [layer, nn.ReLU()]
    return regraft.open(nn.Sequential(*layers, nn.Linear(WIDTH, 3)).eval(), sample=torch.zeros(2, WIDTH))


def task(network, k):
    """Rows, and classes that a linear layer of another network says on the first k layers of this one."""
    random = np.random.default_rng(k)
    x = random.normal(size=(TRAIN + VALIDATION + TEST, WIDTH)).astype("float32")
    shared = network.run(x, to=CUTS[k - 1])
    shared = (shared - shared.mean(0)) / (shared.std(0) + 1e-6)
    return row_splits(x, (shared @ random.normal(size=(WIDTH, CLASSES))).argmax(1), TRAIN, VALIDATION)


@pytest.mark.parametrize("k", [pytest.param(k, marks=[pytest.mark.slow] * (k != 2)) for k in (1, 2, 3, 4)])
def test_the_search_finds_how_many_layers_two_tasks_share(tmp_path, k):
    network = source()
    found = search(network, task(network, k), choices=ONCE, out=tmp_path / "run", progress=SILENT)
    curve = {reading.level.layers: reading for reading in found.readings}
    assert [reading.level.cut for reading in found.readings] == CUTS
    best = max(curve, key=lambda layers: curve[layers].accuracy)
    assert best == k
    assert not any(is_tie(curve[k].hits, curve[layers].hits) for layers in set(curve) - {k})
    assert found.winner.trial.level.layers == k
    assert found.winner.test.accuracy > 0.8
