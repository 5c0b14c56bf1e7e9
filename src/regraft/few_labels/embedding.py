"""Examples as points: what a network's trunk makes of each, computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from regraft.data import Examples, prepare, whole
from regraft.errors import BadArgument
from regraft.features import Place, cache_folder, choose, extract
from regraft.network import GraphNetwork, InputSpec
from regraft.network.surgery import untrained
from regraft.network.vectors import with_vectors
from regraft.run import Progress
from regraft.tasks.inputs import only_input, settled
from regraft.train.learner import device_of

_SIDE = 32  # of pictures whose pixels are compared


class Embedding:
    """The trunk of a network up to one tensor, as a function from examples to points (n d) float32.

    Pictures are averaged over their places and sequences over their steps, as a dense layer does.
    """

    def __init__(
        self, network: GraphNetwork, examples: Examples, at: str | None, input: str | None, progress: Progress
    ) -> None:
        """Settle how examples are fed, on those given.

        Raises:
            UnknownName: there is no tensor `at`.
            BadArgument: no vector can be made of it, or the examples do not fit the input.
        """
        self.at = network.resolve(at) if at else network.bottleneck()
        spec = settled(network, only_input(network, [self.at]), whole(examples), input, progress)
        self.spec: InputSpec = spec
        self._network, vectors = with_vectors(network.with_input(spec), [self.at])
        if self.at not in vectors:
            raise BadArgument(
                f"no vector can be made of {self.at}",
                expected="a tensor (b d), (b t d) or (b h w c)",
                fix="name another: --at NAME",
            )
        self._vector = vectors[self.at].name
        self._progress = progress

    def points(self, sets: Sequence[Examples], *, fresh: int | None = None) -> list[np.ndarray]:
        """The points of several sets of examples, run by the engine that is soonest done with all.

        Args:
            fresh: the seed of fresh weights; None: the network's own.
        """
        surveyed = self._network if fresh is None else untrained(self._network, fresh)
        device = str(device_of("auto"))
        count = sum(map(len, sets))
        engine, _ = choose(surveyed, [self._vector], self.spec, sets[0], device, count)
        place = Place(root=cache_folder(), device=device)
        return [
            extract(surveyed, [self._vector], one, self.spec, place, self._progress, engine).rows(
                self._vector, np.arange(len(one))
            )
            for one in sets
        ]


def pixels(examples: Examples, spec: InputSpec) -> np.ndarray:
    """The examples as they are fed, (n d): pictures made smaller, rows of an array as they are."""
    if spec.layout in ("NHWC", "NCHW"):
        spatial = (1, 2) if spec.layout == "NHWC" else (2, 3)
        sizes = [_SIDE if axis in spatial else size for axis, size in enumerate(spec.shape)]
        spec = replace(spec, shape=tuple(sizes))
    rows = [prepare(examples, range(k, min(k + 256, len(examples))), spec) for k in range(0, len(examples), 256)]
    return np.concatenate(rows).reshape(len(examples), -1)
