"""The models of a zoo that fit some data, opened as far as they are needed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from regraft.data import Splits, prepare
from regraft.data.tokens import TEXT_LAYOUTS
from regraft.errors import BadArgument, BadData
from regraft.network import GraphNetwork, InputSpec
from regraft.run import Progress
from regraft.tasks.inputs import only_input, settled
from regraft.trials.levels import Level, survey
from regraft.zoo import Card, Zoo


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A model whose input fits the data.

    Attributes:
        network: with its input described.
        surveyed: the same with the vectors of its cuts as outputs.
        spec: how its input is fed.
        told: what the user said of that, where nothing else tells.
        levels: its cuts, from input to output.
        family: equal where models are fed alike and have the same first block.
    """

    card: Card
    network: GraphNetwork
    surveyed: GraphNetwork
    spec: InputSpec
    told: str | None
    levels: tuple[Level, ...]
    family: str


def opened(zoo: Zoo, card: Card, splits: Splits, input: str | None, progress: Progress) -> Candidate:
    """A model of the zoo, made ready to be probed; what is noted of its input is said.

    Args:
        input: how pictures are fed where neither the model nor its statistics tell.

    Raises:
        RegraftError: it cannot be opened or cut, or the data do not fit its input.
    """
    network, notes, examples = zoo.open(card.name), Progress(quiet=True), splits.train.examples
    if not all(np.isfinite(parameter.value).all() for parameter in network.parameters.values() if parameter.trainable):
        raise BadData("some of its weights are not finite", where=card.name)
    spec, told = _fed(network, splits, input, notes)
    if spec.layout in TEXT_LAYOUTS and examples.kind == "array":
        raise BadData("it reads texts, and these are numbers", where=examples.source)
    prepare(examples, splits.train.indices[:1], spec)
    network = network.with_input(spec)
    surveyed, levels = survey(network)
    for note in notes.said:
        progress.say(f"{card.name}: {note}")
    if zoo[card.name].content != card.content:  # what is found out must not be remembered of the one before
        raise BadData("another model has its name now", where=card.name, fix="rank again")
    blocks = [cut["block"] for cut in zoo.details(card.name).cuts]
    feeding = replace(spec, name="", origin="unknown").record()
    return Candidate(
        card=card,
        network=network,
        surveyed=surveyed,
        spec=spec,
        told=told,
        levels=levels,
        family=json.dumps([feeding, *(blocks[:1] or [card.content])]),
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
