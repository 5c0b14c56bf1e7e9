"""Learning rates by block: how deep each weight lies, and that the update has the rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tasks.small import points, source
from thawing import Given

import regraft
from regraft.network import GraphNetwork, New, Plan
from regraft.network.surgery import graft
from regraft.run import Progress
from regraft.tasks.fit import fit
from regraft.tasks.head import Head, own_copy
from regraft.tasks.layer_rates import depths, layer_rates
from regraft.train.loop import train
from regraft.train.settings import Settings

PLAN = Plan(at="mid/Relu", freeze=None, new=(New(kind="dense", name="new", width=5, activation="relu"),))


def higher(dtype: str = "float32") -> GraphNetwork:
    """The small network with a layer more: its blocks end at two/Tanh and mid/Relu."""
    middle = New(kind="dense", name="mid", width=7, activation="relu")
    return graft(source(dtype), Plan(at="two/Tanh", freeze=None, new=(middle, New(kind="dense"))), classes=4).network


def test_depth_counts_the_blocks_between_a_weight_and_the_new_layers() -> None:
    found = depths(graft(higher(), PLAN, classes=3))
    assert {name for name, depth in found.items() if depth == 1} == {
        "one/kernel", "one/bias", "norm/gamma", "norm/beta", "norm/moving_mean", "norm/moving_variance",
        "two/kernel", "two/bias"
    }  # fmt: skip
    assert {name for name, depth in found.items() if depth == 0} == {
        "mid/kernel", "mid/bias", "new/kernel", "new/bias", "outputs/kernel", "outputs/bias"
    }  # fmt: skip


@pytest.mark.slow
def test_depths_of_mobilenet_are_those_of_its_blocks() -> None:
    network = regraft.open("torchvision:mobilenet_v2", weights="random")
    new = (New(kind="dense", width=8, activation="relu"), New(kind="dense"))
    found = depths(graft(network, Plan(freeze_below="features.13", new=new), classes=3))
    assert {(name.split(".")[1], depth) for name, depth in found.items() if name.startswith("features")} == {
        (str(block), 18 - block) for block in range(19)
    }
    assert {depth for name, depth in found.items() if not name.startswith("features")} == {0}


def after_a_step(settings: Settings) -> tuple[GraphNetwork, dict[str, torch.Tensor]]:
    """The network, and how far each weight went in one step."""
    done = graft(higher("float64"), PLAN, classes=3)
    head = Head(own_copy(done.network), done.features, done.logits, torch.device("cpu"))
    learner = head.learner(layer_rates(done, settings))
    x = np.random.default_rng(0).normal(size=(9, 6))
    train(learner, Given([x]), settings)
    before = done.network.weights
    return done.network, {name: (learner.weights[name] - before[name]).detach() for name in learner.trained}


def test_a_step_is_as_much_smaller_as_the_weight_is_deep() -> None:
    settings = Settings(optimizer="sgd", epochs=1, batch=9, lr=0.1)
    _, plain = after_a_step(settings)
    _, decayed = after_a_step(Settings(optimizer="sgd", epochs=1, batch=9, lr=0.1, layer_decay=0.25))
    for name, step in plain.items():
        factor = 0.25 if name.split("/")[0] in ("one", "norm", "two") else 1.0
        torch.testing.assert_close(decayed[name], factor * step, rtol=1e-9, atol=1e-15)
    assert float(plain["one/kernel"].abs().max()) > 1e-4


def test_a_fit_hands_them_on(tmp_path: Path) -> None:
    settings = {"epochs": 3, "layer_decay": 1e-6, "device": "cpu", "keep": "last"}
    done = fit(higher(), points(), plan=PLAN, settings=settings, out=tmp_path / "run", progress=Progress(silent=True))
    before = done.graft.network.values
    moved = {name: float(np.abs(value - before[name]).max()) for name, value in done.network.values.items()}
    assert max(moved["one/kernel"], moved["two/kernel"]) < 1e-6 < 1e-3 < moved["mid/kernel"]
