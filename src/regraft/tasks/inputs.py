"""How examples are prepared for a network's input, settled and said."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.data import Part
from regraft.data.examples import TEXT_KINDS
from regraft.data.preparation import change_of_shape
from regraft.data.ranges import SAMPLE, UNLIKE, gap, settle
from regraft.data.said import as_flag, parse_input
from regraft.data.tokens import LOOKED, TEXT_LAYOUTS, of_length, usual_length, with_windows
from regraft.errors import BadArgument
from regraft.network import GraphNetwork, InputSpec
from regraft.network.flow import ancestors
from regraft.run import Progress


def needed(network: GraphNetwork, tensors: Sequence[str]) -> list[str]:
    """The inputs some tensors are computed from."""
    below = ancestors(network.nodes, tensors)
    return [name for name in network.inputs if name in below]


def only_input(network: GraphNetwork, tensors: Sequence[str]) -> InputSpec:
    """The one input that some tensors are computed from.

    Raises:
        BadArgument: there are several, or none.
    """
    names = needed(network, tensors)
    if len(names) != 1:
        raise BadArgument(
            f"{', '.join(tensors)} needs {len(names)} inputs",
            expected="one",
            got=", ".join(names) or "none",
            fix="name a tensor that needs one only: --at NAME for a trunk, --to NAME for an output",
        )
    return network.inputs[names[0]]


def of_one_length(spec: InputSpec, part: Part) -> InputSpec:
    """The input with a length of texts where it has none: what is stored of their words has to be of one shape."""
    if spec.layout not in TEXT_LAYOUTS or spec.shape[1] is not None or part.examples.kind not in TEXT_KINDS:
        return spec
    looked = [part.examples.texts_or_pairs[int(index)] for index in part.indices[:LOOKED]]
    return of_length(spec, usual_length(looked, spec))


def settled(
    network: GraphNetwork,
    spec: InputSpec,
    part: Part,
    input: str | None,
    progress: Progress,
    *,
    one_length: bool = False,
) -> InputSpec:
    """The input with its range: from the file, from the user as `--input` says it, or guessed, which is said.

    It is said as well where rows of an array have to be resized, and what is done with texts that are longer than the
    input. A warning is given where the examples look unlike what the network was trained on.

    Args:
        one_length: whether texts shall all have one length.

    Raises:
        BadArgument: the range is unknown and the network holds no evidence, or `input` contradicts the file.
    """
    spec, guess = settle(network, spec, part, parse_input(input) if input else None)
    if guess:
        progress.say(f"input {spec.name}: {as_flag(spec)}, guessed from the network's own statistics")
    if part.examples.kind in TEXT_KINDS:
        spec = with_windows(spec)
    free, spec = spec, of_one_length(spec, part) if one_length else spec
    change = change_of_shape(part.examples, spec)
    if not change and spec != free:
        change = f"texts are read as {spec.shape[1]} {spec.layout}"
    if change:
        progress.say(f"note: {change}")
    difference = guess.gaps[0][1] if guess else gap(network, spec, part)
    if difference is not None and difference > UNLIKE and len(part) >= SAMPLE:  # a few examples tell too little
        progress.say(f"warning: the data look unlike what the network was trained on (gap {difference:.1f})")
    return spec
