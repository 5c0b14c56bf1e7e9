"""Random numbers: TensorFlow's cannot be drawn, but their distributions can be told."""

from __future__ import annotations

import math

import torch

from regraft.network.functions import FUNCTIONS

MANY = torch.tensor([200, 100], dtype=torch.int32)


def test_uniform_numbers_fill_the_interval() -> None:
    drawn = FUNCTIONS["random_uniform"](MANY, dtype="float64")
    assert 0 <= drawn.min() < 0.001
    assert 0.999 < drawn.max() < 1
    assert abs(drawn.mean().item() - 0.5) < 0.01


def test_normal_numbers_have_mean_0_and_deviation_1() -> None:
    drawn = FUNCTIONS["random_standard_normal"](MANY, dtype="float32")
    assert abs(drawn.mean().item()) < 0.03
    assert abs(drawn.std().item() - 1) < 0.03


def test_truncated_normal_numbers_stay_below_2() -> None:
    drawn = FUNCTIONS["truncated_normal"](MANY, dtype="float32")
    assert 1.9 < drawn.abs().max() <= 2
    assert abs(drawn.std().item() - 0.88) < 0.03


def test_whole_numbers_leave_the_limit_out() -> None:
    low, high = torch.tensor(-1, dtype=torch.int32), torch.tensor(2, dtype=torch.int32)
    drawn = FUNCTIONS["random_uniform_int"](MANY, low, high)
    assert set(drawn.unique().tolist()) == {-1, 0, 1}


def test_classes_come_as_often_as_their_logits_say() -> None:
    logits = torch.tensor([[0.0, math.log(3)]])
    drawn = FUNCTIONS["multinomial"](logits, torch.tensor(10_000))
    assert abs(drawn.double().mean().item() - 0.75) < 0.02


def test_dropout_keeps_the_mean() -> None:
    x = torch.ones(100, 100)
    dropped = FUNCTIONS["dropout"](x, rate=0.2)
    assert set(dropped.unique().tolist()) == {0, 1.25}
    assert abs(dropped.mean().item() - 1) < 0.03
