"""Examples as points: what a network's trunk makes of each, computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from regraft.data import Examples, prepare, whole
from regraft.errors import BadArgument
from regraft.features import Engine, Place, Trunk, cache_folder, choose, extract, make_engine
from regraft.network import GraphNetwork, InputSpec
from regraft.network.fresh import untrained
from regraft.network.vectors import with_vectors
from regraft.run import Progress
from regraft.tasks.inputs import only_input, settled
from regraft.train.learner import device_of

_WORDS = 2000  # the most frequent ones that are counted
_SIDE = 32  # of pictures whose pixels are compared


class Embedding:
    """The trunk of a network up to one tensor, as a function from examples to points (n d) float32.

    Pictures are averaged over their places and sequences over their steps, as a dense layer does.
    """

    def __init__(
        self, network: GraphNetwork, sets: Sequence[Examples], at: str | None, input: str | None, progress: Progress
    ) -> None:
        """Settle how the first of some sets of examples is fed, and which engine is soonest done with all of them.

        Raises:
            UnknownName: there is no tensor `at`.
            BadArgument: no vector can be made of it, or the examples do not fit the input.
        """
        self.at = network.resolve(at) if at else network.bottleneck()
        self.spec = settled(network, only_input(network, [self.at]), whole(sets[0]), input, progress)
        self._network, vectors = with_vectors(network.with_input(self.spec), [self.at])
        if self.at not in vectors:
            raise BadArgument(
                f"no vector can be made of {self.at}",
                expected="a tensor (b d), (b t d) or (b h w c)",
                fix="name another: --at NAME",
            )
        self._vector, self._progress = vectors[self.at].name, progress
        self._place = Place(root=cache_folder(), device=str(device_of("auto")))
        trunk = Trunk(self._network, [self._vector], self.spec)
        self._engine, _ = choose(trunk, sets[0], self._place.device, sum(map(len, sets)))

    def points(self, examples: Examples) -> np.ndarray:
        """The points of examples."""
        return self._extracted(self._network, examples, self._engine)

    def untrained(self, examples: Examples, seed: int) -> np.ndarray:
        """Their points by the same trunk with fresh weights."""
        network = untrained(self._network, seed)
        trunk = self._engine.trunk.renewed(network, [self._vector])
        return self._extracted(network, examples, make_engine(self._engine.kind, trunk, self._place.device))

    def _extracted(self, network: GraphNetwork, examples: Examples, engine: Engine) -> np.ndarray:
        found = extract(network, [self._vector], examples, self.spec, self._place, self._progress, engine)
        return found.rows(self._vector, np.arange(len(examples)))


def pixels(examples: Examples, spec: InputSpec) -> np.ndarray:
    """The examples as they are fed, (n d): pictures made smaller, rows of an array as they are."""
    if spec.layout in ("NHWC", "NCHW"):
        spatial = (1, 2) if spec.layout == "NHWC" else (2, 3)
        sizes = [_SIDE if axis in spatial else size for axis, size in enumerate(spec.shape)]
        spec = replace(spec, shape=tuple(sizes))
    rows = [prepare(examples, range(k, min(k + 256, len(examples))), spec) for k in range(0, len(examples), 256)]
    return np.concatenate(rows).reshape(len(examples), -1)


def words(examples: Examples) -> np.ndarray:
    """Texts or pairs as their words, (n d): how often each stands there, the rare ones being weightier (TF-IDF)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    counted = TfidfVectorizer(max_features=_WORDS, token_pattern=r"\S+").fit_transform(
        map(str, examples.texts_or_pairs)
    )
    return np.asarray(counted.todense(), np.float32)
