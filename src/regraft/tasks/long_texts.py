"""Texts longer than a network reads: it reads them in windows, and they meet where a text is one vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regraft.data.tags import spread
from regraft.data.windows import Shares
from regraft.network import GraphNetwork
from regraft.network.graph import VECTOR
from regraft.train.learner import Batch, Rows


def vector_below(network: GraphNetwork, output: str) -> str:
    """The tensor at which the windows of a text are averaged for an output: its vector, or the output itself."""
    (found,) = network.collections.get(VECTOR + output, (output,))
    return found if found in network.nodes else output


def shares_of(rows: Rows) -> Shares | None:
    """Which rows are windows of one text, and how much each counts; None where each is an example by itself."""
    return getattr(rows, "shares", None)


class OverWindows:
    """A part of a network in evaluation, from the windows of texts to one answer for each text."""

    def __init__(self, network: GraphNetwork, inputs: Sequence[str], output: str, device: torch.device) -> None:
        vector = vector_below(network, output)
        self._below = network.module([vector], inputs).to(device)
        self._above = network.module([output], [vector]).to(device)
        self._device = device

    def vectors(self, *inputs: Tensor) -> Tensor:
        """What windows give where texts are vectors (w ...)."""
        return self._below(*inputs)[0]

    def answers(self, vectors: Tensor, shares: Shares) -> Tensor:
        """The output (n ...) for the texts whose windows gave these vectors (w ...)."""
        whole = torch.from_numpy(shares.mean(vectors.cpu().numpy()))
        return self._above(whole.to(self._device))[0]


class MeanRows:
    """Texts, each the mean of those among some rows that are its windows."""

    def __init__(self, rows: Rows, shares: Shares) -> None:
        self._rows = rows
        self._shares = shares

    def __len__(self) -> int:
        return len(self._shares.ends)

    def take(self, rows: np.ndarray) -> Batch:
        """Each feature tensor (b ...), and the labels."""
        places, ends = spread(self._shares.ends, rows)
        own = Shares(sizes=self._shares.sizes[places], ends=ends)
        *features, labels = self._rows.take(places)
        means = [torch.from_numpy(own.mean(tensor.cpu().numpy())) for tensor in features]
        return *means, labels[torch.from_numpy(own.firsts)]
