"""Networks of PyTorch exported as ONNX, with weights that hide nothing: no bias is 0, no variance 1."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn


class Tagger(nn.Module):
    """Words (b n) to classes (b 4), by an LSTM in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.words(x))[0].mean(1))


class Encoder(nn.Module):
    """Words (b n) to classes (b 4), by two layers of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.words(x)).mean(1))


def vivid(module: nn.Module) -> nn.Module:
    """The module with all its weights, and what batch norm keeps, drawn anew; none is like another."""
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.BatchNorm2d):
                one.running_mean.normal_(0, 0.3, generator=drawn)
                one.running_var.uniform_(0.5, 2, generator=drawn)
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=drawn) / 10)
    return module.eval()


def exported(module: nn.Module, x: torch.Tensor, path: Path, *, free: bool = True, folded: bool = True) -> Path:
    """The file of a module: input x, output y, their batch free or that of x; batch norm folded into convolutions."""
    mode = torch.onnx.TrainingMode
    options = {} if folded else {"do_constant_folding": False, "training": mode.PRESERVE}
    axes = {"x": {0: "b"}, "y": {0: "b"}} if free else {}
    with warnings.catch_warnings(action="ignore"):  # that the exporter is the old one, and of its own tracing
        torch.onnx.export(
            module, (x,), str(path), dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes, **options
        )
    return path
