"""Vectors of words as text, as GloVe, word2vec and fastText write them: a word and its numbers a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.formats.vectors.sniffing import opens as opens

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """The network of a file of vectors: `words` are those of a text's words, `sentence` is their mean.

    Raises:
        RegraftError: a line is of another length, no number stands where one should, or there are too many words.
    """
    from regraft.formats.vectors.reading import read_network

    network = read_network(path)
    return network if to is None else network.towards(*to)


def read_weights(path: Path) -> Weights:
    """The table of vectors, row 0 being zeros; raises what `read` does."""
    from regraft.network.weights import Weights

    return Weights(values=read(path).values, layout=None)
