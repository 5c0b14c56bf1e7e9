"""Texts of a batch, cut off where the longest of them ends: what only fills up need not be computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from regraft.features.engines import BATCH, Engine
from regraft.network import GraphNetwork
from regraft.network.graph import Ref
from regraft.network.proof import TOLERANCE, difference

if TYPE_CHECKING:
    from torch import Tensor

_SEQUENCE = 3  # axes of one
_SHOWN = 2  # texts that show whether what fills up counts


class Trimming:
    """How the batches of some inputs are cut: by the tokens among them, where all others are sequences as long.

    Attributes:
        filler: the token that fills texts up; None: nothing is cut.
    """

    def __init__(self, network: GraphNetwork, inputs: Sequence[str]) -> None:
        masks = [
            node for node in network.graph.nodes if node.function == "token_mask" and node.args[0] in map(Ref, inputs)
        ]
        tokens = next(masks[0].refs()) if masks else None
        fitting = tokens is not None and all(_beside(network, name, tokens) for name in inputs if name != tokens)
        self._at = inputs.index(tokens) if fitting and tokens is not None else 0
        self.filler: int | None = masks[0].kwargs["filler"] if fitting else None

    def __call__(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Tokens, sequences (b t d) and tags (b t), all as long as the longest text."""
        if self.filler is None:
            return batch
        tokens = batch[self._at]
        whole = tokens.shape[1]
        texts = (tokens != self.filler).any(0).nonzero()
        used = int(texts.amax()) + 1 if len(texts) else 1
        return tuple(tensor[:, :used] if _is_sequence(tensor, whole) else tensor for tensor in batch)


class Trimmed:
    """An engine that computes texts of about one length together, and each of them hardly further than it goes.

    Beyond the end of a text sequences are 0, and tokens are what fills up: nobody must read it. The first texts show
    whether what fills up counts; where it does, all are computed as they are.
    """

    def __init__(self, engine: Engine, filler: int) -> None:
        self.name = f"{engine.name}, within texts"  # as the features' key has it
        self._engine = engine
        self._filler = filler
        self._beyond = [filler if name == engine.trunk.spec.name else 0 for name in engine.trunk.tensors]
        self._counts: bool | None = None  # what fills up

    def __call__(self, tokens: np.ndarray) -> list[np.ndarray]:
        """The tensors (n t ...) for any number of texts (n t)."""
        length = tokens.shape[1]
        ends = length - (tokens != self._filler)[:, ::-1].argmax(1)
        ends[(tokens == self._filler).all(1)] = 1
        order = ends.argsort(kind="stable")
        if self._counts is None:
            self._counts = self._told(tokens[order[-_SHOWN:]])
        found = list[np.ndarray]()
        for rows in np.split(order, range(BATCH, len(order), BATCH)):
            used = length if self._counts else ends[rows].max()
            values = self._engine(np.ascontiguousarray(tokens[rows, :used]))
            found = found or [np.empty((len(tokens), length, *value.shape[2:]), value.dtype) for value in values]
            for whole, value in zip(found, values, strict=True):
                whole[rows, :used] = value
        outside = np.arange(length) >= ends[:, None]
        for whole, beyond in zip(found, self._beyond, strict=True):
            whole[outside] = beyond
        return found

    def _told(self, tokens: np.ndarray) -> bool:
        """Whether half of some texts gives something else where it is filled up."""
        half = max(1, tokens.shape[1] // 2)
        short = np.ascontiguousarray(tokens[:, :half])
        filled = tokens.copy()
        filled[:, half:] = self._filler
        both = zip(self._engine(filled), self._engine(short), strict=True)
        text = short != self._filler
        return any(difference(whole[:, :half][text], alone[text]) > TOLERANCE for whole, alone in both)


def _beside(network: GraphNetwork, name: str, tokens: str) -> bool:
    """Whether a tensor is a sequence (b t d) with a place for each token (b t)."""
    shape, length = network.tensors[name].shape or (), (network.tensors[tokens].shape or (None, None))[1]
    return len(shape) == _SEQUENCE and shape[1] == length


def _is_sequence(tensor: Tensor, length: int) -> bool:
    axes = _SEQUENCE if tensor.is_floating_point() else 2
    # One byte each: yes or no to each label of a text.
    return tensor.ndim == axes and tensor.shape[1] == length and tensor.element_size() > 1
