from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from regraft.train.schedules import rate
from regraft.train.settings import Settings

ONE_CYCLE = Settings(lr=0.3, schedule="one-cycle")


@pytest.mark.parametrize("steps", [5, 8, 40, 101])
def test_one_cycle_is_torchs(steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.3, steps, pct_start=0.25, div_factor=25, final_div_factor=1e5 / 25, cycle_momentum=False
    )
    for number in range(steps):
        assert rate(ONE_CYCLE, number, steps) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if number < steps - 1:
            schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_cycle_too_short_to_rise_begins_at_the_top(steps: int) -> None:
    rates = [rate(ONE_CYCLE, number, steps) for number in range(steps)]
    assert rates[0] == 0.3
    assert rates == sorted(rates, reverse=True)
    assert steps == 1 or rates[-1] == pytest.approx(0.3e-5)


def test_others() -> None:
    assert [rate(Settings(lr=0.5), number, 4) for number in range(4)] == [0.5] * 4
    assert [rate(Settings(lr=0.5, schedule="cosine"), k, 4) for k in (0, 2)] == [0.5, pytest.approx(0.25)]


def test_restarts_begin_it_anew() -> None:
    again = replace(ONE_CYCLE, epochs=10, restarts=(2, 5))
    rates = [rate(again, number, 80) for number in range(80)]
    parts = [rates[:16], rates[16:40], rates[40:]]
    assert parts == [[rate(ONE_CYCLE, number, len(part)) for number in range(len(part))] for part in parts]
