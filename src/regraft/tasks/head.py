"""The part of a network that is trained, on a device: from its features, or its input, to the logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from regraft.features.trimming import Trimming
from regraft.network import GraphNetwork
from regraft.network.flow import convolves_first
from regraft.tasks import classify
from regraft.tasks.crf import crf_of
from regraft.tasks.long_texts import OverWindows, shares_of
from regraft.tasks.rows import batches
from regraft.tasks.tagging import answered, counted
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Measured

_PICTURES = 4  # axes


class Head:
    """What is between some tensors of a network and its logits.

    Its weights are the network's own (`network.weights`); a device other than the CPU takes them along.
    """

    def __init__(
        self,
        network: GraphNetwork,
        inputs: tuple[str, ...],
        logits: str,
        device: torch.device,
        loss: Callable[[Tensor, Tensor], Tensor] = classify.loss,
    ) -> None:
        """Make it for an output `logits`; `loss` is of that and of the last tensor of a batch: its labels, mostly.

        A crf has a loss of its own.
        """
        self._network = network
        self._device = device
        self._loss = loss
        self._crf = crf_of(network, logits)
        self._training = network.module([logits], inputs, training=True, updates=True).to(device)
        self._evaluation = network.module([logits], inputs).to(device)
        self._ends = (inputs, logits)
        self._trimmed = Trimming(network, inputs)
        self._pictures = [convolves_first(network.graph, network.resolve(name)) for name in inputs]
        self._updated: tuple[str, ...] = tuple(self._training.updated)  # pyright: ignore[reportArgumentType]

    def learner(self, rates: Mapping[str, float] = MappingProxyType({})) -> Learner:
        """What the loop trains.

        Args:
            rates: what the learning rate is multiplied with for some weights (`layer_rates`).
        """
        weights = self._network.weights
        used = {id(parameter) for parameter in self._training.parameters()}
        trained = (name for name, weight in weights.items() if weight.requires_grad and id(weight) in used)
        return Learner(weights=weights, trained=tuple(trained), followed=self._updated, step=self._step, rates=rates)

    def logits(self, rows: Rows, batch: int) -> tuple[Tensor, Tensor]:
        """Logits (n k) and labels (n), (n k) of all examples, or of all their words, in evaluation, on the CPU.

        Those of a crf are what it gives for whole sentences.
        """
        shares = shares_of(rows)
        with torch.no_grad(), drawing_on(self._device):
            if shares is None:
                return self._computed(lambda *inputs: self._evaluation(*inputs)[0], rows, batch)
            vectors, labels = self._computed(self._windows.vectors, rows, batch)
            return self._windows.answers(vectors, shares).cpu(), labels[torch.from_numpy(shares.firsts)]

    @cached_property
    def _windows(self) -> OverWindows:
        return OverWindows(self._network, *self._ends, self._device)

    def _computed(self, compute: Callable[..., Tensor], rows: Rows, batch: int) -> tuple[Tensor, Tensor]:
        """What is computed of all rows, or of all their words, and their labels."""
        found: list[tuple[Tensor, Tensor]] = []
        for numbers in batches(len(rows), batch):
            *inputs, labels = self._trimmed(rows.take(numbers))
            found.append(self._told(*answered(compute(*self._fed(inputs)), labels), counted(labels)))
        return torch.cat([values for values, _ in found]), torch.cat([labels for _, labels in found])

    def measured(self, rows: Rows, batch: int) -> Measured:
        """A look at validation, where examples have classes."""
        return classify.measured(*self.logits(rows, batch))

    def values(self) -> dict[str, np.ndarray]:
        """The weights that training may have changed."""
        return {name: array(weight) for name, weight in self.learner().changing.items()}

    def _step(self, batch: Batch) -> Step:
        *inputs, labels = self._trimmed(batch)
        with drawing_on(self._device):
            logits, *updates = self._training(*self._fed(inputs))
        return Step(
            loss=self._lost(*answered(logits, labels.to(self._device)), counted(labels)),
            updates={name: value.detach() for name, value in zip(self._updated, updates, strict=True)},
        )

    def _told(self, logits: Tensor, labels: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What was answered and what is true, on the CPU."""
        return (self._crf.best(logits, counts) if self._crf else logits).cpu(), labels.cpu()

    def _lost(self, logits: Tensor, labels: Tensor, counts: Sequence[int]) -> Tensor:
        return self._crf.loss(logits, labels, counts) if self._crf else self._loss(logits, labels)

    def _fed(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Inputs on the device. A CPU convolves pictures in half the time if their channels lie last in memory."""
        placed = [tensor.to(self._device) for tensor in inputs]
        if self._device.type != "cpu":
            return placed
        return [
            tensor.contiguous(memory_format=torch.channels_last) if pictures and tensor.ndim == _PICTURES else tensor
            for tensor, pictures in zip(placed, self._pictures, strict=True)
        ]


def own_copy(network: GraphNetwork) -> GraphNetwork:
    """The network with weights of its own, to be trained or moved: those of the one given stay as they are."""
    return network.assign({})


def trunk(network: GraphNetwork, tensors: tuple[str, ...], given: str, device: torch.device) -> nn.Module:
    """The frozen part, always in evaluation: from the input to the features."""
    return own_copy(network).module(list(tensors), [given]).to(device).eval()


def array(tensor: Tensor) -> np.ndarray:
    """A copy of a tensor's numbers."""
    return tensor.detach().cpu().numpy().copy()


def drawing_on(device: torch.device) -> AbstractContextManager[object]:
    """Draw random numbers on a GPU where the graph runs there; on the CPU the context would only cost time."""
    return nullcontext() if device.type == "cpu" else device
