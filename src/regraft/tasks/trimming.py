"""Texts of a batch, cut off where the longest of them ends: what only fills up need not be computed."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from regraft.network import GraphNetwork
from regraft.network.graph import Ref
from regraft.train.learner import Batch

_SEQUENCE = 3  # axes of one


class Trimming:
    """How the batches of some inputs are cut: by the tokens among them, where all others are sequences as long."""

    def __init__(self, network: GraphNetwork, inputs: Sequence[str]) -> None:
        masks = [
            node for node in network.graph.nodes if node.function == "token_mask" and node.args[0] in map(Ref, inputs)
        ]
        tokens = next(masks[0].refs()) if masks else None
        fitting = tokens is not None and all(_beside(network, name, tokens) for name in inputs if name != tokens)
        self._at = inputs.index(tokens) if fitting and tokens is not None else None
        self._filler = masks[0].kwargs["filler"] if masks else None

    def __call__(self, batch: Batch) -> Batch:
        """Tokens, sequences (b t d) and tags (b t), all as long as the longest text."""
        if self._at is None:
            return batch
        tokens = batch[self._at]
        whole = tokens.shape[1]
        texts = (tokens != self._filler).any(0).nonzero()
        used = int(texts.amax()) + 1 if len(texts) else 1
        return tuple(tensor[:, :used] if _is_sequence(tensor, whole) else tensor for tensor in batch)


def _beside(network: GraphNetwork, name: str, tokens: str) -> bool:
    """Whether a tensor is a sequence (b t d) with a place for each token (b t)."""
    shape, length = network.tensors[name].shape or (), (network.tensors[tokens].shape or (None, None))[1]
    return len(shape) == _SEQUENCE and shape[1] == length


def _is_sequence(tensor: Tensor, length: int) -> bool:
    axes = 2 if not tensor.is_floating_point() else _SEQUENCE
    return tensor.ndim == axes and tensor.shape[1] == length
