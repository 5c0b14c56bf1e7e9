"""Tags of the words of sentences: one row a sentence, as many tags as it has words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Tags:
    """The tags of all words, sentence by sentence.

    Attributes:
        flat: (w) int64, positions in the classes.
        ends: (n) int64, the place in `flat` behind each sentence's last word.
    """

    flat: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, sentences: np.ndarray) -> Tags:
        """Those of some sentences, in that order."""
        places, ends = spread(self.ends, sentences)
        return Tags(flat=self.flat[places], ends=ends)

    @property
    def counts(self) -> np.ndarray:
        """(n) how many words each sentence has."""
        return np.diff(self.ends, prepend=0)

    def rows(self) -> Sequence[np.ndarray]:
        """The tags of each sentence."""
        return np.split(self.flat, self.ends[:-1])


def spread(ends: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where all that some rows hold lies in a flat list, and the ends of these rows in what is taken from there.

    Args:
        ends: (n) the place behind the last of each row.
        rows: (m) which of them, in any order.
    """
    counts = np.diff(ends, prepend=0)[rows]
    found = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(ends[rows] - found, counts), found
