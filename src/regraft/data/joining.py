"""Several sets of texts or sentences as one, so that what is computed of them is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from regraft.data.examples import TEXT_KINDS, Examples, Part, Splits
from regraft.data.labels import number
from regraft.data.tags import Tags
from regraft.errors import BadArgument


class Joined:
    """The examples of several splits in one row, with all of their classes."""

    def __init__(self, splits: Iterable[Splits]) -> None:
        """Join them.

        Raises:
            BadArgument: some are texts and some are sentences, or they are neither.
        """
        parts = [part for own in splits for part in (own.train, own.validation, own.test)]
        different = {id(part.examples): part.examples for part in parts}
        sizes = [len(examples) for examples in different.values()]
        self._starts = dict(zip(different, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        self.examples = _joined(list(different.values()))

    def part(self, *of: Part) -> Part:
        """Some parts as one."""
        return Part(
            examples=self.examples,
            indices=np.concatenate([part.indices + self._starts[id(part.examples)] for part in of]),
        )


def _joined(given: Sequence[Examples]) -> Examples:
    kinds = {examples.kind for examples in given}
    if len(kinds) != 1 or not kinds <= {*TEXT_KINDS, "words"}:
        raise BadArgument(
            "these examples cannot be joined",
            expected="texts, pairs of texts, or sentences of words",
            got=" and ".join(sorted(kinds)),
        )
    classes = number([name for examples in given for name in examples.classes])[1]
    same = [examples.with_classes(classes) for examples in given]
    items: tuple[Any, ...] = tuple(chain.from_iterable(examples.items for examples in same))
    return Examples(
        source=", ".join(examples.source for examples in same),
        items=items,
        labels=np.concatenate([examples.labels for examples in same]),
        classes=classes,
        hashes=tuple(chain.from_iterable(examples.hashes for examples in same)),
        tags=_tags([examples.tags for examples in same]),
    )


def _tags(given: Sequence[Tags | None]) -> Tags | None:
    known = [tags for tags in given if tags is not None]
    if len(known) < len(given):
        return None
    ends = np.cumsum(np.concatenate([tags.counts for tags in known]))
    return Tags(flat=np.concatenate([tags.flat for tags in known]), ends=ends)
