"""How often a task is seen, and how much its loss counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from regraft.joint.balance import Balance, Weighting
from regraft.joint.training import MixedRows, joint_learner
from regraft.train.learner import Learner, Step

SIZES = {"large": 1000, "small": 10}


@pytest.mark.parametrize(
    ("temperature", "small"), [(1, 10), (2, 100), (1e9, 1000)], ids=["by size", "by its root", "alike"]
)
def test_temperature_says_how_often_a_small_task_is_seen(temperature, small):
    assert Balance(temperature=temperature).turns(SIZES) == {"large": 1000, "small": small}


class Numbers:
    """Rows that are their own numbers, above a start."""

    def __init__(self, count, start):
        self._count, self._start = count, start

    def __len__(self):
        return self._count

    def take(self, rows):
        assert (rows < self._count).all()
        return (torch.from_numpy(rows + self._start),)


def test_rows_of_small_tasks_come_again_and_none_is_left_out():
    rows = MixedRows({"large": Numbers(5, 100), "small": Numbers(2, 200)}, {"large": 5, "small": 4})
    assert len(rows) == 9
    large, small = rows.take(np.arange(9))
    assert large[0].tolist() == [100, 101, 102, 103, 104]
    assert small[0].tolist() == [200, 201, 200, 201]
    large, small = rows.take(np.array([8, 6, 5]))
    assert large is None
    assert small[0].tolist() == [201, 201, 200]


def _learner(weight, target):
    def step(batch):
        (rows,) = batch
        return Step(loss=(weight - target).square(), updates={"average": torch.tensor(float(rows.sum()))})

    return Learner(
        weights={"weight": weight, "average": torch.zeros(())}, trained=("weight",), followed=("average",), step=step
    )


def test_losses_count_by_their_examples_and_weights():
    weight = torch.nn.Parameter(torch.tensor(1.0))
    learners = {"one": _learner(weight, 0.0), "other": _learner(weight, 3.0)}
    joint = joint_learner(learners, Weighting(Balance(weights={"other": 2.0}), learners, torch.device("cpu")))
    step = joint.step(((torch.ones(3),), (torch.ones(1),)))
    assert step.loss.item() == pytest.approx(3 / 4 * 1 + 1 / 4 * 2 * 4)
    assert step.updates["average"].item() == pytest.approx(3 / 4 * 3 + 1 / 4 * 1)
    assert joint.trained == ("weight",)


def test_uncertainty_is_learned_and_ends_at_the_logarithm_of_the_loss():
    weight = torch.nn.Parameter(torch.tensor(1.0))
    learners = {"one": _learner(weight, 0.0), "other": _learner(weight, 3.0)}
    joint = joint_learner(learners, Weighting(Balance(weights="uncertainty"), learners, torch.device("cpu")))
    assert joint.trained == ("weight", "loss/one/log_variance", "loss/other/log_variance")
    factor = joint.weights["loss/other/log_variance"]
    for _ in range(500):
        loss = joint.step((None, (torch.ones(2),))).loss
        (slope,) = torch.autograd.grad(loss, [factor])
        with torch.no_grad():
            factor -= 0.1 * slope
    # exp(-s) * 4 + s / 2 is least where exp(s) = 8.
    assert factor.item() == pytest.approx(np.log(8), abs=1e-2)


def test_a_task_may_be_called_as_anything():
    tasks = ("type", "values", "train")
    weighting = Weighting(Balance(weights="uncertainty"), tasks, torch.device("cpu"))
    assert tuple(weighting.learned) == tasks
    assert weighting("type", torch.tensor(3.0)).item() == 3
