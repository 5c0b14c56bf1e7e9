"""Small modules: each tries a family of operations, or something torch.export writes in its own way."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Calls(nn.Module):
    """A module around one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Small(nn.Module):
    """A picture network with batch norm, dropout, a residual and operations that write in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleList([Block(8), Block(8)])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.5, inplace=True)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(self.drop(self.pool(x).flatten(1)))


class Block(nn.Module):
    """A residual block that adds in place and calls one activation twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.act(out)


class Attention(nn.Module):
    """Attention over the places of a picture that drops weights in training."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.attn_drop = nn.Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = self.qkv(x).reshape(batch, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        rate = self.attn_drop.p if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=rate)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Tied(nn.Module):
    """One matrix read under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.second.weight = self.first.weight
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.gelu(self.first(x)))


class Writes(nn.Module):
    """Writes into a slice and into a place of a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        x = x * 2
        x[:, 1:3] = 7.0
        x[:, 0] += x[:, 3]
        return x + 1


class Shows(nn.Module):
    """Writes into a tensor that another one shows."""

    def forward(self, x: Tensor) -> Tensor:
        x = x * 2
        turned = x.transpose(0, 1)
        x.add_(1)
        return turned.sum(0)


PICTURE, ROWS = (3, 12, 10), (6, 8)


def call(function: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    return lambda: Calls(function)


# A name -> what makes the module, and the shape of its input without the batch.
FAMILIES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "activations": (
        lambda: nn.Sequential(nn.ReLU6(), nn.Hardswish(), nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.ELU(), nn.Mish()),
        ROWS,
    ),
    "more activations": (
        lambda: nn.Sequential(nn.PReLU(), nn.Hardsigmoid(), nn.Softplus(), nn.LogSigmoid(), nn.SELU(), nn.Tanh()),
        ROWS,
    ),
    "softmax": (call(lambda x: F.softmax(x, -1) + F.log_softmax(x, 1) + F.softsign(x)), ROWS),
    "convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2, padding="valid"),
            nn.Conv2d(6, 6, 3, padding="same", groups=6),
            nn.ConvTranspose2d(6, 4, 2, stride=2, output_padding=1),
            nn.Conv2d(4, 4, 3, dilation=2, padding_mode="reflect", padding=2),
        ),
        PICTURE,
    ),
    "convolutions in one dimension": (lambda: nn.Sequential(nn.Conv1d(6, 4, 3), nn.ConvTranspose1d(4, 2, 3)), ROWS),
    "normalisations": (
        lambda: nn.Sequential(nn.GroupNorm(1, 3), nn.InstanceNorm2d(3, affine=True), nn.LocalResponseNorm(2)),
        PICTURE,
    ),
    "layer norm": (lambda: nn.Sequential(nn.LayerNorm(8), nn.RMSNorm(8), nn.BatchNorm1d(6)), ROWS),
    "pooling": (
        lambda: nn.Sequential(
            nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2, 1, count_include_pad=False), nn.AdaptiveMaxPool2d(2)
        ),
        PICTURE,
    ),
    "shapes": (
        call(
            lambda x: x.permute(0, 2, 3, 1).flatten(2).unsqueeze(1).expand(-1, 2, -1, -1).transpose(1, 2).contiguous()
        ),
        PICTURE,
    ),
    "sizes of the batch": (
        call(lambda x: torch.zeros(x.shape[0], 2, 8).add(x[:, :2]).reshape(x.shape[0] * 2, -1)),
        ROWS,
    ),
    "joining and cutting": (
        call(lambda x: torch.cat([torch.stack(x.chunk(2, 1), 1).sum(1), *x.split([1, 5], 1)], 1).roll(2, 1)),
        ROWS,
    ),
    "places": (call(lambda x: x[:, [2, 0, 1]][..., ::2].masked_fill(x[:, :3, ::2] > 0, -math.inf).exp()), ROWS),
    "reductions": (
        call(lambda x: x.mean(1) + x.std(1) + x.amax(1) + x.norm(dim=1) + x.logsumexp(1) + x.cumsum(1)[:, 0]),
        ROWS,
    ),
    "the largest": (
        call(lambda x: x.topk(3, -1).values + x.max(-1, keepdim=True).values + x.argmax(-1, keepdim=True)),
        ROWS,
    ),
    "products": (call(lambda x: torch.einsum("bij,bkj->bik", x, x) @ torch.bmm(x, x.transpose(1, 2))), ROWS),
    "resizing": (
        call(lambda x: F.interpolate(x, scale_factor=2) + F.interpolate(x, size=(24, 20), mode="bilinear")),
        PICTURE,
    ),
    "pixels": (lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.PixelShuffle(2), nn.ChannelShuffle(3)), PICTURE),
    "padding": (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.ReplicationPad2d(1)), PICTURE),
    "attention": (lambda: nn.Sequential(nn.Linear(8, 8), Attention()), ROWS),
    "attention of torch": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), ROWS),
    "embedding": (call(lambda x: F.one_hot(x.abs().to(torch.int64) % 4, 4).float()), ROWS),
    "without gradients": (call(lambda x: x - _centre(x)), ROWS),
    "writing": (Writes, ROWS),
    "constants": (call(lambda x: x * torch.tensor([1.0, 2.0] * 4) + torch.arange(8)), ROWS),
    "a network": (Small, PICTURE),
}


@torch.no_grad()
def _centre(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def settled(module: nn.Module) -> nn.Module:
    """In evaluation, with moving averages that are not 0 and 1."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 1.5)
    return module.eval()
