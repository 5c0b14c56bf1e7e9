"""Losses. A cross entropy comes with its gradient in the logits as second output, as in TensorFlow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from regraft.network.functions.operands import together


def softmax_cross_entropy_with_logits(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cross entropy of labels (b classes), which sum to 1, and logits (b classes): (b) and (b classes)."""
    features, labels = torch.broadcast_tensors(*together(features, labels))
    return _CrossEntropy.apply(features, labels)  # type: ignore[no-any-return]


def sparse_softmax_cross_entropy_with_logits(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cross entropy of class numbers (b) and logits (b classes): (b) and (b classes)."""
    features, labels = together(features, labels)
    logarithms = torch.log_softmax(features, -1)
    chosen = labels.long().unsqueeze(-1)
    hot = torch.zeros_like(logarithms).scatter(-1, chosen, 1)
    return -logarithms.gather(-1, chosen).squeeze(-1), logarithms.exp() - hot


class _CrossEntropy(Function):
    """Cross entropy whose gradient in the logits is softmax - labels also where the labels do not sum to 1."""

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        features, labels = args
        logarithms = torch.log_softmax(features, -1)
        gradient = logarithms.exp() - labels
        ctx.save_for_backward(gradient, logarithms)
        ctx.mark_non_differentiable(gradient)
        return -(labels * logarithms).sum(-1), gradient

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor, Tensor]:
        gradient, logarithms = ctx.saved_tensors
        weights = grad_outputs[0].unsqueeze(-1)
        return weights * gradient, -weights * logarithms


def l2_loss(t: Tensor) -> Tensor:
    """Half the sum of squares."""
    return t.square().sum() / 2


FUNCTIONS = {
    "softmax_cross_entropy_with_logits": softmax_cross_entropy_with_logits,
    "sparse_softmax_cross_entropy_with_logits": sparse_softmax_cross_entropy_with_logits,
    "l2_loss": l2_loss,
}
