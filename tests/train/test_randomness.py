from __future__ import annotations

import numpy as np
import torch

from regraft.train.randomness import order, seed


def test_an_epochs_order_hangs_on_seed_and_epoch_alone() -> None:
    assert sorted(order(10, 1, 2)) == list(range(10))
    assert np.array_equal(order(10, 1, 2), order(10, 1, 2))
    assert not np.array_equal(order(10, 1, 2), order(10, 1, 3))
    assert not np.array_equal(order(10, 1, 2), order(10, 2, 2))


def test_what_steps_draw_is_fixed_and_different() -> None:
    def drawn(start: int, step: int) -> float:
        seed(start, step)
        return float(torch.rand(()))

    assert drawn(0, 5) == drawn(0, 5)
    many = [drawn(start, step) for start in range(20) for step in range(50)]
    assert len(set(many)) > 990
    assert abs(np.mean(many) - 0.5) < 0.03
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.1
