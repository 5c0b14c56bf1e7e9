"""The models of a zoo that fit some data, opened as far as they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regraft.data import Splits, prepare
from regraft.data.tokens import TEXT_LAYOUTS
from regraft.errors import BadArgument, BadData
from regraft.network import Graph, GraphNetwork, InputSpec
from regraft.run import Progress
from regraft.tasks.inputs import only_input, settled
from regraft.trials.levels import Level, survey
from regraft.zoo import Card, Zoo


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A model whose input fits the data.

    Attributes:
        graph: as it was opened, whatever was trained of it.
        first: what tells its first block from others.
        network: with its input described.
        surveyed: the same with the vectors of its cuts as outputs.
        spec: how its input is fed.
        told: what the user said of that, where nothing else tells.
        levels: its cuts, from input to output.
    """

    card: Card
    graph: Graph
    first: str
    network: GraphNetwork
    surveyed: GraphNetwork
    spec: InputSpec
    told: str | None
    levels: tuple[Level, ...]

    @cached_property
    def family(self) -> str:
        """Equal where models are fed alike and have the same first block."""
        return json.dumps([replace(self.spec, name="", origin="unknown").record(), self.first])


def opened(
    zoo: Zoo, card: Card, splits: Splits, input: str | None, progress: Progress, others: Iterable[Candidate] = ()
) -> Candidate:
    """A model of the zoo, made ready to be probed; what is noted of its input is said.

    Args:
        input: how pictures are fed where neither the model nor its statistics tell.
        others: models of the zoo, for the same data. A sibling of one of them, of the same graph and with the same
            first block, is fed and cut as that one is.

    Raises:
        RegraftError: it cannot be opened or cut, or the data do not fit its input.
    """
    network, blocks = zoo.open(card.name), [cut["block"] for cut in zoo.details(card.name).cuts]
    if zoo[card.name].content != card.content:  # what is found out must not be remembered of the one before
        raise BadData("another model has its name now", where=card.name, fix="rank again")
    if not all(np.isfinite(parameter.value).all() for parameter in network.parameters.values() if parameter.trainable):
        raise BadData("some of its weights are not finite", where=card.name)
    first, graph = blocks[0] if blocks else card.content, _frozen(network.graph)
    for one in others:
        if (one.first, one.graph) == (first, graph):
            surveyed = one.surveyed.assign({name: each.value for name, each in network.parameters.items()})
            return replace(one, card=card, network=network.with_input(one.spec), surveyed=surveyed)
    return _surveyed(card, network, first, splits, input, progress)


def _frozen(graph: Graph) -> Graph:
    """A graph in which it is not told what was trained."""
    fixed = {"trainable": False}
    nodes = (replace(node, kwargs=fixed) if node.function == "parameter" else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def _surveyed(
    card: Card, network: GraphNetwork, first: str, splits: Splits, input: str | None, progress: Progress
) -> Candidate:
    """A model that has no sibling yet."""
    notes, examples = Progress(quiet=True), splits.train.examples
    spec, told = _fed(network, splits, input, notes)
    if spec.layout in TEXT_LAYOUTS and examples.kind == "array":
        raise BadData("it reads texts, and these are numbers", where=examples.source)
    prepare(examples, splits.train.indices[:1], spec)
    ready = network.with_input(spec)
    surveyed, levels = survey(ready)
    for note in notes.said:
        progress.say(f"{card.name}: {note}")
    return Candidate(
        card=card,
        graph=_frozen(network.graph),
        first=first,
        network=ready,
        surveyed=surveyed,
        spec=spec,
        told=told,
        levels=levels,
    )


def _fed(network: GraphNetwork, splits: Splits, input: str | None, notes: Progress) -> tuple[InputSpec, str | None]:
    """The input as the model says it is fed, or its statistics, else as the user says; and what they said, if so."""
    spec = only_input(network, [network.bottleneck()])
    try:
        return settled(network, spec, splits.train, None, notes, one_length=True), None
    except BadArgument:
        if input is None:
            raise
    notes.say(f"nothing in it tells how it is fed: {input}, as was said")
    return settled(network, spec, splits.train, input, notes, one_length=True), input
