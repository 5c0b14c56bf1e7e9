"""Comparisons and logic; the results are booleans."""

from __future__ import annotations

import torch

from regraft.network.functions.operands import binary, unary

FUNCTIONS = {
    "equal": binary(torch.eq),
    "not_equal": binary(torch.ne),
    "less": binary(torch.lt),
    "less_equal": binary(torch.le),
    "greater": binary(torch.gt),
    "greater_equal": binary(torch.ge),
    "logical_and": binary(torch.logical_and),
    "logical_or": binary(torch.logical_or),
    "logical_not": unary(torch.logical_not),
    "is_nan": unary(torch.isnan),
    "is_inf": unary(torch.isinf),
    "is_finite": unary(torch.isfinite),
}
