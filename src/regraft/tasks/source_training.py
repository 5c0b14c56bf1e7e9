"""The training part of a source's own graph as a learner: its loss, its learning rate, its slots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regraft.errors import BadArgument
from regraft.network import GraphNetwork, Training
from regraft.network.flow import ancestors
from regraft.tasks.head import array, drawing_on, own_copy
from regraft.tasks.rows import batches
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Trained

GLOBAL_STEP = "global_step"


class SourceTraining:
    """A network going on with its own training.

    Args:
        inputs: the tensors that are fed, in the order of the rows.
        own_rate: whether the learning rate is the source's, computed at each step.
    """

    def __init__(
        self,
        network: GraphNetwork,
        training: Training,
        inputs: Sequence[str],
        device: torch.device,
        *,
        own_rate: bool,
    ) -> None:
        self._source = network
        self._network = own_copy(network)
        self._how = training
        self.device = device
        self._own_rate = own_rate
        self._step_counter = self._counter(GLOBAL_STEP) if training.counters.get(GLOBAL_STEP) else None
        for name in training.parameters:
            self._network.weights[name].requires_grad_(True)
        wanted = [training.loss, *([training.learning_rate] if own_rate else [])]
        self._training = self._network.module(wanted, inputs, training=True, updates=True).to(device)
        self._updated: tuple[str, ...] = tuple(self._training.updated)  # pyright: ignore[reportArgumentType]
        self._measures = (training.loss, *training.metrics)
        self._evaluation = self._network.module(self._measures, inputs).to(device)

    def learner(self) -> Learner:
        """What the loop trains; the optimizer goes on from the slots the file holds, if it holds all of them."""
        slots = self._slots()
        powers = {name: float(self._source.values[key]) for name, key in self._powers().items() if slots}
        counter = (self._step_counter,) if self._step_counter else ()
        return Learner(
            weights=self._network.weights,
            trained=self._how.parameters,
            followed=(*self._updated, *counter),
            step=self._step,
            slots=slots,
            powers=powers,
        )

    def measured(self, rows: Rows, batch: int) -> dict[str, float]:
        """The loss and the source's own metrics, by tensor name, averaged over all rows in evaluation; {} of none."""
        totals = dict.fromkeys(self._measures if len(rows) else (), 0.0)
        with torch.no_grad(), drawing_on(self.device):
            for numbers in batches(len(rows), batch):
                values = self._evaluation(*self._moved(rows.take(numbers)))
                for name, value in zip(self._measures, values, strict=True):
                    totals[name] += float(value) * len(numbers) / len(rows)
        return totals

    def result(self, trained: Trained, steps: int) -> GraphNetwork:
        """The source with its weights, slots and counters as they are after so many steps."""
        values = {name: array(weight) for name, weight in self.learner().changing.items()}
        for parameter, own in self._how.slots.items():
            values |= {key: array(trained.slots[parameter][slot]) for slot, key in own.items()}
        for name, key in self._powers().items():
            values[key] = np.asarray(trained.powers[name], np.float32)
        key = self._how.counters.get(GLOBAL_STEP)
        if key and key not in values and key in self._source.values:
            before = self._source.values[key]
            values[key] = (before + steps).astype(before.dtype)
        return GraphNetwork(self._source.graph, {**self._source.values, **values}, format=self._source.format)

    @property
    def standing(self) -> str:
        """Where the optimizer goes on from, in words."""
        if not any(self._how.slots.values()):
            return self._how.optimizer
        stored = "from its stored slots" if self._slots() else "anew, since the file does not hold its slots"
        return f"{self._how.optimizer} {stored}"

    def _step(self, batch: Batch) -> Step:
        with drawing_on(self.device):
            loss, *rest = self._training(*self._moved(batch))
        lr = rest.pop(0) if self._own_rate else None
        updates: dict[str, Tensor] = dict(zip(self._updated, (value.detach() for value in rest), strict=True))
        if self._step_counter:
            updates[self._step_counter] = self._network.weights[self._step_counter] + 1
        return Step(loss=loss, updates=updates, lr=lr)

    def _moved(self, batch: Batch) -> list[Tensor]:
        return [tensor.to(self.device) for tensor in batch]

    def _counter(self, name: str) -> str | None:
        """The parameter that counts, where the graph reads it."""
        key = self._how.counters[name]
        return key if key in self._network.parameters else None

    def _powers(self) -> dict[str, str]:
        return {name: key for name, key in self._how.counters.items() if name != GLOBAL_STEP}

    def _slots(self) -> dict[str, dict[str, Tensor]]:
        """The stored slots; none where one is missing."""
        found: dict[str, dict[str, Tensor]] = {}
        for parameter, own in self._how.slots.items():
            if any(key not in self._source.values for key in (*own.values(), *self._powers().values())):
                return {}
            found[parameter] = {slot: torch.tensor(np.array(self._source.values[key])) for slot, key in own.items()}
        return found if any(found.values()) else {}


def require_training(network: GraphNetwork) -> Training:
    """How the source was trained.

    Raises:
        BadArgument: its graph does not hold it.
    """
    if network.graph.training is None:
        raise BadArgument(
            f"this {network.format} network does not say how it was trained",
            expected="a graph with a loss and one of GradientDescent, Momentum, Adam, RMSProp, Adagrad (a .meta file)",
            fix="leave out --like-source: the plan and the settings say how",
        )
    return network.graph.training


def rate_of(network: GraphNetwork, training: Training) -> float | None:
    """The source's learning rate as it stands; None where it has to be fed."""
    below = ancestors(network.nodes, [training.learning_rate])
    if any(name in network.inputs for name in below):
        return None
    return float(network.run({}, to=training.learning_rate))
