"""One step: from a loss to changed weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from regraft.errors import BadArgument
from regraft.train.ema import put
from regraft.train.learner import Learner, Step
from regraft.train.optimizers import Optimizer, clipped
from regraft.train.settings import Settings


def take(step: Step, learner: Learner, optimizer: Optimizer, settings: Settings) -> None:
    """Change the learner's weights as the optimizer says, and what follows the training.

    Raises:
        BadArgument: no gradient reaches any weight.
    """
    gradients = _gradients(step.loss, optimizer.weights)
    if settings.l2:
        gradients = _decayed(gradients, optimizer.weights, settings.l2)
    optimizer.step(clipped(gradients, settings))
    put(learner.weights, {name: step.updates[name] for name in learner.followed})


def _gradients(loss: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = list[Tensor | None]()
    if loss.requires_grad:
        found += torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    gradients = {name: g for name, g in zip(weights, found, strict=False) if g is not None}
    if not gradients:
        raise BadArgument(
            "there is nothing to train: no gradient reaches any weight",
            got=f"{len(weights)} weights to train, the first is {next(iter(weights))}",
            fix="stop gradients higher up, or put a new layer on top",
        )
    return gradients


def _decayed(gradients: Mapping[str, Tensor], weights: Mapping[str, Tensor], l2: float) -> dict[str, Tensor]:
    """Gradients with those of the L2 penalty; biases and the like (one dimension) have none."""
    return {
        name: gradient.add(weights[name].detach(), alpha=l2) if gradient.ndim > 1 else gradient
        for name, gradient in gradients.items()
    }
