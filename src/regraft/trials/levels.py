"""The cuts a search compares: how many layers are reused at each, and the vector a head reads there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.network.flow import ancestors
from regraft.network.vectors import with_vectors


@dataclass(frozen=True, kw_only=True)
class Level:
    """One cut.

    Attributes:
        cut: the tensor.
        layers: layers with weights that are reused when the network is cut here.
        vector: the tensor (b d), or (b t d) of words, of the surveyed network that a dense head on this cut reads.
        width: its d.
        flops: what computing it takes for one example.
    """

    cut: str
    layers: int
    vector: str
    width: int
    flops: int


def survey(
    network: GraphNetwork, also: Sequence[str] = (), *, each_place: bool = False
) -> tuple[GraphNetwork, tuple[Level, ...]]:
    """The network with the vectors of its cuts as outputs, and its cuts from input to output: one a block.

    The bottleneck is always the last of them: where only pooling and the like lies between it and the end of
    the last block, it stands for that.

    Args:
        also: further cuts, of which those below the bottleneck are taken.
        each_place: whether words get answers: the highest sequence stands for the bottleneck then, and only cuts
            count that have a place for each of the input's.

    Raises:
        BadArgument: there is no cut that a head can stand on.
    """
    bottleneck = network.cut(network.last_sequence() if each_place else network.bottleneck())
    inside = ancestors(network.nodes, [bottleneck.tensor])
    blocks = [cut.tensor for cut in network.cuts() if cut.layers < bottleneck.layers]
    tensors = {*blocks, *(name for name in also if name in inside)} - {bottleneck.tensor}
    if each_place:
        tensors = {name for name in tensors if network.tensors[name].has_places(network.inputs)}
    below = map(network.cut, sorted(tensors, key=lambda name: len(ancestors(network.nodes, [name]))))
    cuts = (*below, bottleneck)
    with_outputs, vectors = with_vectors(network, [cut.tensor for cut in cuts], each_place=each_place)
    if not vectors:
        raise BadArgument(
            "this network has no cut that a head can stand on",
            expected="a tensor (b d), (b t d) or (b h w c) through which all data flow",
            fix="name one: `regraft fit --at TENSOR`",
        )
    found = tuple(
        Level(
            cut=cut.tensor,
            layers=cut.layers,
            vector=vectors[cut.tensor].name,
            width=vectors[cut.tensor].width,
            flops=cut.flops,
        )
        for cut in cuts
        if cut.tensor in vectors
    )
    return with_outputs, found
