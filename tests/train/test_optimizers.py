from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
import torch

from regraft.errors import BadArgument, ShapeMismatch
from regraft.train.ema import Ema
from regraft.train.optimizers import Optimizer, clipped, make_optimizer
from regraft.train.settings import HYPER, Settings

BATCH = 5
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "lr": 0.1},
    "momentum": {"optimizer": "momentum", "lr": 0.05},
    "nesterov": {"optimizer": "momentum", "lr": 0.05, "hyper": {"nesterov": 1}},
    "adam": {"optimizer": "adam", "lr": 0.01},
    "adam_epsilon": {"optimizer": "adam", "lr": 0.01, "hyper": {"beta1": 0.8, "beta2": 0.99, "epsilon": 0.1}},
    "rmsprop": {"optimizer": "rmsprop", "lr": 0.01},
    "rmsprop_centered": {
        "optimizer": "rmsprop",
        "lr": 0.01,
        "hyper": {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-3, "centered": 1},
    },
    "adagrad": {"optimizer": "adagrad", "lr": 0.1},
}
CLIPS: dict[str, dict[str, Any]] = {"": {}, "/value": {"clip_value": (-0.02, 0.02)}, "/norm": {"clip_norm": 0.05}}


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What TensorFlow 1 makes of the same weights and batches."""
    path = tmp_path_factory.mktemp("oracle") / "optimizers.npz"
    oracle.run(Path(__file__).parent / "oracle_optimizers.py", path)
    with np.load(path) as found:
        return dict(found)


def part(classic: dict[str, np.ndarray], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): torch.tensor(v) for k, v in classic.items() if k.startswith(prefix)}


def slots(classic: dict[str, np.ndarray], key: str) -> dict[str, dict[str, torch.Tensor]]:
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in part(classic, f"{key}/slot/").items():
        weight, slot = name.split("/")
        found.setdefault(weight, {})[slot] = value
    return found


def go(
    classic: dict[str, np.ndarray], optimizer: Optimizer, settings: Settings, steps: range, ema: Ema | None = None
) -> None:
    w = optimizer.weights
    x, y = torch.tensor(classic["x"]).to(w["k0"].dtype), torch.tensor(classic["y"])
    for number in steps:
        rows = np.arange(number * BATCH, (number + 1) * BATCH) % len(x)
        for weight in w.values():
            weight.requires_grad_(True)
        logits = torch.tanh(x[rows] @ w["k0"] + w["b0"]) @ w["k1"] + w["b1"]
        loss = torch.nn.functional.cross_entropy(logits, y[rows])
        gradients = dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))
        optimizer.step(clipped(gradients, settings))
        if ema:
            ema.update(number + 1)


def close(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], tolerance: float) -> None:
    assert ours.keys() == theirs.keys()
    assert theirs
    for name, value in theirs.items():
        gap = (ours[name].detach() - value).abs().max() / value.abs().max()
        assert float(gap) <= tolerance, name


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(("dtype", "steps", "tolerance"), [("float64", 100, 1e-6), ("float32", 10, 1e-4)])
def test_as_tensorflow(
    classic: dict[str, np.ndarray], name: str, clip: str, dtype: str, steps: int, tolerance: float
) -> None:
    settings = Settings(**SETTINGS[name], **CLIPS[clip])
    key = f"{dtype}/{name}{clip}"
    optimizer = make_optimizer(settings, part(classic, f"{key}/0/weight/"))
    ema = Ema(0.95, optimizer.weights)
    go(classic, optimizer, settings, range(steps), ema)
    close(optimizer.weights, part(classic, f"{key}/{steps}/weight/"), tolerance)
    close(ema.shadows, part(classic, f"{key}/{steps}/shadow/"), tolerance)
    theirs = slots(classic, f"{key}/{steps}")
    for weight, own in theirs.items():
        close({slot: optimizer.slots[weight][slot] for slot in own}, own, 10 * tolerance)
    for power, value in part(classic, f"{key}/{steps}/power/").items():
        assert float(optimizer.powers[power]) == float(value)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_goes_on_from_tensorflows_slots(classic: dict[str, np.ndarray], name: str) -> None:
    settings = Settings(**SETTINGS[name])
    key = f"float64/{name}"
    optimizer = make_optimizer(settings, part(classic, f"{key}/50/weight/"))
    stored = part(classic, f"{key}/50/power/")
    optimizer.load(slots(classic, f"{key}/50"), {power: float(value) for power, value in stored.items()})
    go(classic, optimizer, settings, range(50, 100))
    close(optimizer.weights, part(classic, f"{key}/100/weight/"), 1e-6)


def test_a_weight_without_a_gradient_keeps_its_value_and_slots() -> None:
    weights = {"a": torch.ones(2), "b": torch.ones(2)}
    optimizer = make_optimizer(Settings(optimizer="rmsprop"), weights)
    optimizer.step({"a": torch.ones(2)})
    assert torch.equal(weights["b"], torch.ones(2))
    assert torch.equal(optimizer.slots["b"]["rms"], torch.ones(2))
    assert not torch.equal(weights["a"], torch.ones(2))


def test_nothing_to_train() -> None:
    with pytest.raises(BadArgument) as caught:
        make_optimizer(Settings(), {})
    assert str(caught.value) == (
        "there is nothing to train: every parameter is frozen\n  to do: freeze less, or put a new layer on top"
    )


def test_missing_state() -> None:
    optimizer = make_optimizer(Settings(), {"w": torch.zeros(2)})
    with pytest.raises(BadArgument) as caught:
        optimizer.load({"w": {"m": torch.zeros(2)}}, {"beta1_power": 0.9})
    assert str(caught.value) == (
        "the optimizer cannot go on: some of its state is missing\n  got: no v of w, no beta2_power"
    )


def test_state_of_another_shape() -> None:
    optimizer = make_optimizer(Settings(optimizer="momentum"), {"w": torch.zeros(2)})
    with pytest.raises(ShapeMismatch) as caught:
        optimizer.load({"w": {"momentum": torch.zeros(3)}}, {})
    assert str(caught.value) == "the slot momentum of w does not fit\n  expected: (2,)\n  got: (3,)"


@pytest.mark.parametrize("hyper", [{}, {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-2, "weight_decay": 0.3}])
def test_adamw_is_torchs(hyper: dict[str, float]) -> None:
    random = torch.Generator().manual_seed(0)
    start = {name: torch.randn(shape, generator=random, dtype=torch.float64) for name, shape in SHAPES.items()}
    ours = {name: weight.clone() for name, weight in start.items()}
    theirs = {name: weight.clone().requires_grad_(True) for name, weight in start.items()}
    optimizer = make_optimizer(Settings(optimizer="adamw", lr=0.01, hyper=hyper), ours, {"low": 0.1})
    named = {**HYPER["adamw"], **hyper}
    groups = [
        {"params": [weight], "lr": 0.001 if name == "low" else 0.01, "weight_decay": decay}
        for name, weight in theirs.items()
        for decay in [named["weight_decay"] if weight.ndim > 1 else 0.0]
    ]
    reference = torch.optim.AdamW(groups, betas=(named["beta1"], named["beta2"]), eps=named["epsilon"])
    for _ in range(100):
        gradients = {n: torch.randn(w.shape, generator=random, dtype=torch.float64) for n, w in start.items()}
        for name, weight in theirs.items():
            weight.grad = gradients[name].clone()
        reference.step()
        optimizer.step(gradients)
    close(ours, {name: weight.detach() for name, weight in theirs.items()}, 1e-12)
    assert all(not torch.allclose(ours[name], start[name]) for name in start)


SHAPES = {"kernel": (4, 3), "bias": (3,), "low": (2, 4)}


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad"])
def test_a_rate_of_its_own_reaches_a_weight(name: str) -> None:
    settings = Settings(optimizer=name, lr=0.25, hyper={"weight_decay": 0.0} if name == "adamw" else {})  # type: ignore[arg-type]
    weights = {"top": torch.zeros(2, dtype=torch.float64), "low": torch.zeros(2, dtype=torch.float64)}
    optimizer = make_optimizer(settings, weights, {"low": 0.25})
    optimizer.step({name: torch.ones(2, dtype=torch.float64) for name in weights})
    assert float(weights["top"][0]) < -0.01
    assert torch.equal(weights["low"], 0.25 * weights["top"])
