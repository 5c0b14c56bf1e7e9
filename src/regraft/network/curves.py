"""The names of activation functions: torch-free, for readers of files. `functions/curves.py` computes them."""

from __future__ import annotations

CURVE_NAMES = frozenset(
    {
        "linear", "relu", "relu6", "elu", "selu", "celu", "softplus", "softsign", "sigmoid", "tanh", "softmax",
        "log_softmax", "log_sigmoid", "exponential", "gelu", "gelu_tanh", "silu", "mish", "leaky_relu", "hard_sigmoid",
        "hard_sigmoid_steep", "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "glu",
        "squareplus", "sparse_plus", "sparse_sigmoid",
    }
)  # fmt: skip
