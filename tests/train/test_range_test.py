from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from grounds import mnist_digits
from train.toy import Points, Toy, make_toy

from regraft.data.arrays import labelled
from regraft.data.splits import split
from regraft.errors import Diverged
from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan
from regraft.network.surgery import graft
from regraft.tasks.head import Head, own_copy
from regraft.tasks.rows import InputRows
from regraft.train.ema import put
from regraft.train.learner import Learner, Step, fingerprint
from regraft.train.loop import train
from regraft.train.range_test import RangeTest, range_test
from regraft.train.settings import Settings

SETTINGS = Settings(optimizer="adamw", batch=16, seed=5)


class Net:
    """Two layers of 64 and an output, fresh, and a thousand digits."""

    def __init__(self) -> None:
        spec = InputSpec(name="x:0", shape=(None, 784), layout="flat")
        bare = Graph(nodes=(Node(name="x:0", function="input"),), inputs=(spec,), outputs=("x:0",))
        layers = (*[New(kind="dense", width=64, activation="relu")] * 2, New(kind="dense"))
        done = graft(GraphNetwork(bare, {}, format="bare"), Plan(at="x:0", new=layers), classes=10)
        digits, labels = mnist_digits()
        splits = split(labelled((digits[::5] / 255).astype("float32"), labels[::5], "digits"), seed=0)
        self.rows, self.unseen = InputRows(splits.train, spec), InputRows(splits.validation, spec)
        self.head = Head(own_copy(done.network), done.features, done.logits, torch.device("cpu"))
        self.learner = self.head.learner()

    def trained(self, lr: float) -> float:
        """The loss on validation after three epochs; infinite where the training diverged."""
        try:
            train(self.learner, self.rows, replace(SETTINGS, lr=lr, epochs=3, keep="last"))
        except Diverged:
            return np.inf
        return self.head.measured(self.unseen, 64).metrics["loss"]


def of_toy(toy: Toy, **settings: object) -> RangeTest:
    return range_test(toy.learner, toy.rows, replace(SETTINGS, **settings))  # type: ignore[arg-type]


def test_half_the_brink_keeps_most_of_what_is_learned_and_ten_times_that_nothing() -> None:
    net = Net()
    learned = net.trained(2e-3)
    found = range_test(net.learner, net.rows, SETTINGS)
    before = {name: weight.detach().clone() for name, weight in net.learner.changing.items()}
    assert net.trained(found.brink / 2) < 1.5 * learned
    put(net.learner.weights, before)
    assert net.trained(found.brink * 5) > 3 * learned


def test_it_leaves_everything_as_it_was() -> None:
    net = Net()
    before, state = fingerprint(net.learner.weights), torch.get_rng_state()
    range_test(net.learner, net.rows, SETTINGS)
    assert fingerprint(net.learner.weights) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_the_same_seed_gives_the_same_curve() -> None:
    one = of_toy(make_toy())
    torch.rand(3)
    assert of_toy(make_toy()) == one
    assert of_toy(make_toy(), seed=6).losses != one.losses


def test_rates_rise_from_a_millionth_to_one_in_forty_batches_of_as_many_epochs_as_it_takes() -> None:
    toy = make_toy()
    found = of_toy(toy, batch=64, optimizer="sgd")
    assert toy.rows.taken == len(found.rates) == len(found.losses) == 40
    assert (found.rates[0], found.rates[-1]) == (1e-6, pytest.approx(1.0))
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(1e6) / 39)
    assert found.brink == found.rates[-1]


def sum_of(weight: torch.Tensor, loss: object) -> Learner:
    return Learner(weights={"w": weight}, trained=("w",), step=lambda batch: Step(loss=loss(weight)))  # type: ignore[operator]


def test_it_stops_where_the_loss_is_four_times_its_best() -> None:
    weight = torch.zeros(1, requires_grad=True)
    found = range_test(sum_of(weight, lambda w: 1 + (-1e4 * w).square().sum() - w.sum()), LINE, SGD)
    assert len(found.rates) < 40
    assert found.losses[-1] > 4 * min(found.losses)
    assert max(found.losses[:-1]) <= 4 * min(found.losses)
    assert found.brink == found.rates[-2]
    assert float(weight.detach()) == 0


def test_a_loss_that_is_no_number_ends_it() -> None:
    weight = torch.zeros(1, requires_grad=True)
    found = range_test(sum_of(weight, lambda w: (1e-3 + w - 1e3 * w.square()).log().sum() * -1), LINE, SGD)
    assert 0 < len(found.rates) < 40
    assert np.isfinite(found.losses).all()
    assert found.brink == found.rates[-1]
    with pytest.raises(Diverged) as caught:
        range_test(sum_of(weight, lambda w: (w - 1).log().sum()), LINE, SGD)
    assert str(caught.value) == (
        "no learning rate can be found: the loss is no finite number before anything is learned\n"
        "  to do: look at the data and at how they are fed: --input"
    )


LINE, SGD = Points(x=torch.zeros(8, 1), y=torch.zeros(8)), Settings(optimizer="sgd", batch=8)
