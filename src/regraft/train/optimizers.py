"""TensorFlow 1's optimizers, exactly, so that an old training can be taken up where it stopped; and torch's AdamW.

They differ from torch's: Adam adds epsilon outside the bias correction and counts its steps in the powers of
its betas; RMSProp adds epsilon inside the root and starts its mean square at 1; Adagrad starts its sum at 0.1
and adds no epsilon. TensorFlow also holds every hyper-parameter, and Adam's powers, in float32 whatever the
type of the weights (tensorflow/python/training/adam.py): in float64 that is a difference of 1e-5. AdamW is
torch.optim.AdamW, in double numbers, with epsilon inside the bias correction; weights of one dimension do not decay.

Slots have TensorFlow's names: `momentum`; `m` and `v`; `rms`, `momentum` and `mg`; `accumulator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regraft.errors import BadArgument, ShapeMismatch
from regraft.train.settings import HYPER, OptimizerName, Settings

Slots = Mapping[str, Tensor]
Hyper = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One optimizer: what it keeps for each weight, and how it takes a step.

    `update(weight, gradient, slots, rate, hyper)` changes weight and slots in place; `rate` is the learning
    rate of this step, `hyper` the rest, powers among it.
    """

    slots: Callable[[Hyper], Mapping[str, float]]  # slot -> what it starts at
    update: Callable[[Tensor, Tensor, Slots, float, Hyper], None]
    powers: tuple[str, ...] = ()  # hyper-parameters whose powers are kept beside the weights
    held: type[np.floating[Any]] = np.float32  # the type in which all these numbers are held


class Optimizer:
    """One of the optimizers over named weights.

    Attributes:
        weights: what it trains, by name.
        lr: the learning rate of the next step; may be set before each.
        slots: what it keeps for each weight: {weight: {slot: tensor}}.
        powers: `{beta1_power, beta2_power}` of the next step for Adam and AdamW; empty for the others.
    """

    def __init__(self, settings: Settings, weights: Mapping[str, Tensor], rates: Mapping[str, float]) -> None:
        self._rule = _RULES[settings.optimizer]
        self._hyper = {k: self._held(v) for k, v in {**HYPER[settings.optimizer], **settings.hyper}.items()}
        self._rates = rates
        self.weights = dict(weights)
        self.lr = settings.lr
        self.powers = {f"{name}_power": self._rule.held(self._hyper[name]) for name in self._rule.powers}
        self.slots = {
            name: {slot: torch.full_like(weight, start) for slot, start in self._rule.slots(self._hyper).items()}
            for name, weight in weights.items()
        }

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor]) -> None:
        """Change the weights that have a gradient; the others, and their slots, stay."""
        hyper = {**self._hyper, **{name: float(power) for name, power in self.powers.items()}}
        for name, gradient in gradients.items():
            rate = self._held(self.lr) * self._rates.get(name, 1.0)
            self._rule.update(self.weights[name], gradient, self.slots[name], rate, hyper)
        for power in self.powers:
            self.powers[power] *= self._rule.held(self._hyper[power.removesuffix("_power")])

    def _held(self, value: float) -> float:
        return float(self._rule.held(value))

    def load(self, slots: Mapping[str, Mapping[str, Any]], powers: Mapping[str, float]) -> None:
        """Go on from stored slots.

        Raises:
            BadArgument: a slot or a power is missing.
            ShapeMismatch: a slot has another shape than its weight.
        """
        missing = [f"{s} of {name}" for name, own in self.slots.items() for s in own if s not in slots.get(name, {})]
        missing += [power for power in self.powers if power not in powers]
        if missing:
            raise BadArgument(
                "the optimizer cannot go on: some of its state is missing", got="no " + ", no ".join(missing[:5])
            )
        for name, own in self.slots.items():
            for slot, tensor in own.items():
                _fill(tensor, torch.as_tensor(slots[name][slot]), f"the slot {slot} of {name}")
        self.powers = {power: self._rule.held(powers[power]) for power in self.powers}


def make_optimizer(
    settings: Settings, weights: Mapping[str, Tensor], rates: Mapping[str, float] = MappingProxyType({})
) -> Optimizer:
    """The optimizer the settings name, over named weights.

    Args:
        rates: what the learning rate is multiplied with for some of them.

    Raises:
        BadArgument: there is nothing to train.
    """
    if not weights:
        raise BadArgument(
            "there is nothing to train: every parameter is frozen",
            fix="freeze less, or put a new layer on top",
        )
    return Optimizer(settings, weights, rates)


def clipped(gradients: Mapping[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """Gradients clipped by value, then by their joint norm, as tf.clip_by_value and clip_by_global_norm do."""
    kept = dict(gradients)
    if settings.clip_value is not None:
        low, high = settings.clip_value
        kept = {name: gradient.clamp(low, high) for name, gradient in kept.items()}
    if settings.clip_norm is not None:
        norm = torch.stack([gradient.norm() for gradient in kept.values()]).norm()
        scale = settings.clip_norm / norm.clamp(min=settings.clip_norm)
        kept = {name: gradient * scale for name, gradient in kept.items()}
    return kept


def _fill(tensor: Tensor, value: Tensor, what: str) -> None:
    if value.shape != tensor.shape:
        raise ShapeMismatch(f"{what} does not fit", expected=str(tuple(tensor.shape)), got=str(tuple(value.shape)))
    tensor.copy_(value)


def _sgd(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    weight.sub_(gradient, alpha=rate)


def _momentum(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    velocity = slots["momentum"].mul_(hyper["momentum"]).add_(gradient)
    step = gradient.add(velocity, alpha=hyper["momentum"]) if hyper["nesterov"] else velocity
    weight.sub_(step, alpha=rate)


def _adam(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    first = slots["m"].lerp_(gradient, 1 - hyper["beta1"])
    second = slots["v"].lerp_(gradient.square(), 1 - hyper["beta2"])
    corrected = rate * (1 - hyper["beta2_power"]) ** 0.5 / (1 - hyper["beta1_power"])
    weight.addcdiv_(first, second.sqrt().add_(hyper["epsilon"]), value=-corrected)


def _adamw(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    if weight.ndim > 1:
        weight.mul_(1 - rate * hyper["weight_decay"])
    first = slots["m"].lerp_(gradient, 1 - hyper["beta1"])
    second = slots["v"].mul_(hyper["beta2"]).addcmul_(gradient, gradient, value=1 - hyper["beta2"])
    spread = (second.sqrt() / (1 - hyper["beta2_power"]) ** 0.5).add_(hyper["epsilon"])
    weight.addcdiv_(first, spread, value=-rate / (1 - hyper["beta1_power"]))


def _rmsprop(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    spread = slots["rms"].lerp_(gradient.square(), 1 - hyper["rho"])
    if hyper["centered"]:
        spread = spread - slots["mg"].lerp_(gradient, 1 - hyper["rho"]).square()
    step = gradient / (spread + hyper["epsilon"]).sqrt_()
    weight.sub_(slots["momentum"].mul_(hyper["momentum"]).add_(step, alpha=rate))


def _adagrad(weight: Tensor, gradient: Tensor, slots: Slots, rate: float, hyper: Hyper) -> None:
    total = slots["accumulator"].addcmul_(gradient, gradient)
    weight.addcdiv_(gradient, total.sqrt(), value=-rate)


def _rmsprop_slots(hyper: Hyper) -> dict[str, float]:
    return {"rms": 1.0, "momentum": 0.0} | ({"mg": 0.0} if hyper["centered"] else {})


_RULES: Mapping[OptimizerName, Rule] = {
    "sgd": Rule(slots=lambda hyper: {}, update=_sgd),
    "momentum": Rule(slots=lambda hyper: {"momentum": 0.0}, update=_momentum),
    "adam": Rule(slots=lambda hyper: {"m": 0.0, "v": 0.0}, update=_adam, powers=("beta1", "beta2")),
    "adamw": Rule(slots=lambda hyper: {"m": 0.0, "v": 0.0}, update=_adamw, powers=("beta1", "beta2"), held=np.float64),
    "rmsprop": Rule(slots=_rmsprop_slots, update=_rmsprop),
    "adagrad": Rule(slots=lambda hyper: {"accumulator": hyper["initial_accumulator_value"]}, update=_adagrad),
}
