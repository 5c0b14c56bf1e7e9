from __future__ import annotations

import torch

from regraft.train.ema import Ema


def test_the_weights_are_untouched_and_come_back() -> None:
    weights = {"w": torch.ones(3), "count": torch.tensor(1)}
    ema = Ema(0.5, weights)
    weights["w"].add_(1)
    weights["count"].add_(1)
    ema.update(1)
    assert torch.equal(weights["w"], torch.full((3,), 2.0))
    with ema.applied():
        assert torch.allclose(weights["w"], torch.full((3,), 1 + 9 / 11))  # young: decay (1 + 1) / (10 + 1)
        assert int(weights["count"]) == 2
    assert torch.equal(weights["w"], torch.full((3,), 2.0))


def test_an_old_average_keeps_its_decay() -> None:
    weights = {"w": torch.ones(1)}
    ema = Ema(0.5, weights)
    weights["w"].add_(1)
    ema.update(100)
    assert torch.allclose(ema.shadows["w"], torch.tensor([1.5]))
