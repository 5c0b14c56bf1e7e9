"""Labelled examples as the loss of a source reads them: in its placeholders, labels in its own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from regraft.data import Part, Splits, prepare
from regraft.data.splits import FRACTIONS
from regraft.errors import BadArgument, BadData
from regraft.network import GraphNetwork, InputSpec, Ref, Training
from regraft.network.flow import ancestors
from regraft.tasks.inputs import needed
from regraft.train.learner import Batch, Rows


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What to train on, what to watch, and what to look at in the end."""

    train: Rows
    validation: Rows
    test: Rows


class LabelledRows:
    """Examples and labels for the placeholders `inputs`, in that order.

    Labels are class numbers where the placeholder holds one number an example, else one-hot rows.
    """

    def __init__(self, part: Part, examples: InputSpec, labels: InputSpec, inputs: Sequence[str]) -> None:
        self._part = part
        self._examples = examples
        self._labels = labels
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._part)

    def take(self, rows: np.ndarray) -> Batch:
        """One tensor for each placeholder."""
        values = {
            self._examples.name: prepare(self._part.examples, self._part.indices[rows], self._examples),
            self._labels.name: self._formed(self._part.labels[rows]),
        }
        return tuple(torch.from_numpy(values[name]) for name in self._inputs)

    def _formed(self, labels: np.ndarray) -> np.ndarray:
        dtype = np.dtype(self._labels.dtype)
        if len(self._labels.shape) == 1:
            return labels.astype(dtype)
        width = self._labels.shape[-1] or len(self._part.examples.classes)
        if width == 1:
            return labels[:, None].astype(dtype)
        return np.eye(width, dtype=dtype)[labels]


class FedRows:
    """Rows of arrays, one for each placeholder in their order."""

    def __init__(self, arrays: Sequence[np.ndarray], indices: np.ndarray) -> None:
        self._arrays = arrays
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, rows: np.ndarray) -> Batch:
        """One tensor for each placeholder."""
        chosen = self._indices[rows]
        return tuple(torch.from_numpy(array[chosen]) for array in self._arrays)


def fed_parts(given: Mapping[str, np.ndarray], network: GraphNetwork, inputs: Sequence[str], seed: int) -> Parts:
    """Train, validation and test rows of arrays that are fed by the names of their placeholders.

    Raises:
        BadArgument: one is missing or too many, or they have different lengths.
        UnknownName: there is no such tensor.
    """
    named = {network.resolve(name): np.asarray(values) for name, values in given.items()}
    counts = {len(values) for values in named.values()}
    if set(named) != set(inputs) or len(counts) != 1:
        raise BadArgument(
            "these arrays do not fit the inputs of the source's loss",
            expected="as many rows for each of " + ", ".join(inputs),
            got=", ".join(f"{name} {values.shape}" for name, values in named.items()) or "none",
        )
    arrays = [np.ascontiguousarray(named[name], network.inputs[name].dtype) for name in inputs]
    order = np.random.default_rng(seed).permutation(counts.pop())
    ends = np.round(np.cumsum(FRACTIONS) * len(order)).astype(int)
    train, validation, test = (FedRows(arrays, part) for part in np.split(order, ends[:2]))
    if not len(train) or not len(validation) or not len(test):
        raise BadData("too few rows to train, choose and test on", got=f"{len(order)} rows")
    return Parts(train=train, validation=validation, test=test)


def labelled_parts(splits: Splits, network: GraphNetwork, training: Training, inputs: Sequence[str]) -> Parts:
    """Train, validation and test rows of labelled examples."""
    examples, labels = (network.inputs[name] for name in label_inputs(network, training))
    parts = (splits.train, splits.validation, splits.test)
    train, validation, test = (LabelledRows(part, examples, labels, inputs) for part in parts)
    return Parts(train=train, validation=validation, test=test)


def label_inputs(network: GraphNetwork, training: Training) -> tuple[str, str]:
    """The placeholder of the examples, which the outputs need too, and that of the labels.

    Raises:
        BadArgument: the loss reads more, or something else.
    """
    wanted = needed(network, [training.loss, *training.metrics])
    examples = [name for name in needed(network, network.outputs) if name in wanted]
    labels = [name for name in wanted if name not in examples]
    if len(examples) != 1 or len(labels) != 1:
        raise BadArgument(
            "labelled examples do not fill the inputs of the source's loss",
            expected="one for the examples and one for the labels",
            got=", ".join(wanted),
            fix="give an array for each of them: fit_like_source(network, {name: array, ...})",
        )
    return examples[0], labels[0]


def numbered(splits: Splits, network: GraphNetwork, training: Training) -> Splits:
    """The data with their classes in the order of the source's.

    Classes called 0, 1, 2, ... are the source's classes of these numbers, and some may be missing. Classes of other
    names are taken in their order, and there have to be as many as the source tells apart.

    Raises:
        BadData: there are more or fewer.
    """
    labels = network.inputs[label_inputs(network, training)[1]]
    width = labels.shape[-1] if len(labels.shape) > 1 and labels.shape[-1] != 1 else _logits_width(network, training)
    if width is None:
        return splits
    numbers = tuple(map(str, range(width)))
    if set(splits.classes) <= set(numbers):
        return splits.with_classes(numbers)
    if len(splits.classes) != width:
        raise BadData(
            f"the data have {len(splits.classes)} classes, the source tells {width} apart",
            expected=f"{width} classes, in the source's order, or some of its numbers 0 to {width - 1}",
            got=", ".join(splits.classes),
            fix="leave out --like-source: then a new output layer fits the data",
        )
    return splits


def _logits_width(network: GraphNetwork, training: Training) -> int | None:
    for name in ancestors(network.nodes, [training.loss]):
        node = network.nodes[name]
        if node.function == "sparse_softmax_cross_entropy_with_logits" and isinstance(node.args[0], Ref):
            shape = network.tensors[node.args[0].name].shape
            return shape[-1] if shape else None
    return None
