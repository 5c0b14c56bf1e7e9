"""How pictures are prepared for a network: the file says it, or the user, or the network's own statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from regraft.data.examples import Part
from regraft.data.fitting import scaled
from regraft.data.preparation import arrange, needs_range, prepare
from regraft.data.said import as_flag, with_user
from regraft.data.statistics import first_statistics
from regraft.errors import BadArgument
from regraft.network.graph import InputSpec
from regraft.network.network import GraphNetwork

# How many examples the statistics are measured on.
SAMPLE = 64
# A gap from which on the data look unlike what the network was trained on, and one that is no evidence at all.
UNLIKE, NO_EVIDENCE = 1.0, 2.5
# The order of channels hardly shows: BGR, the rare one, has to be better by this factor.
_DOUBT = 1.05

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB, on 0..1


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A range found by the network's statistics: `gaps` has the ways tried, as they would be typed, best first."""

    spec: InputSpec
    gaps: tuple[tuple[str, float], ...]


def settle(
    network: GraphNetwork, spec: InputSpec, part: Part, given: Mapping[str, Any] | None = None
) -> tuple[InputSpec, Guess | None]:
    """How examples are prepared for an input: by the file, else by the user, else by a guess.

    Examples that are no pixels (arrays of other types than uint8) are fed as they are and need no range.

    Args:
        network: what they are for.
        spec: its input.
        part: 64 of its examples are looked at for a guess; never a test part, a guess is a choice.
        given: what the user says, from `said.parse_input`.

    Returns:
        The completed description of the input, and the guess, if it came to that.

    Raises:
        BadArgument: the range is unknown and the network holds no evidence; the message lists the choices.
            Or the user contradicts the file.
    """
    spec = with_user(spec, given) if given else spec
    if spec.range is not None or not needs_range(part.examples, spec):
        return spec, None
    found = guess(network, spec, part)
    return found.spec, found


def guess(network: GraphNetwork, spec: InputSpec, part: Part) -> Guess:
    """The usual way of preparing pictures that fits the first batch norm's stored statistics best.

    Raises:
        BadArgument: there is no batch norm, or nothing fits it.
    """
    statistics = first_statistics(network, spec.name)
    ways = list(_ways(spec))
    if statistics is None:
        raise _unknown(spec, ways, "nothing in the network tells it: it has no batch norm with stored statistics")
    sample = _sample(part)
    pixels = {
        order: arrange(part.examples, sample, replace(spec, channels=order)) for order in {w.channels for w in ways}
    }
    gaps: dict[InputSpec, float] = {}
    for way in ways:
        values = network.run({spec.name: scaled(pixels[way.channels], way)}, to=statistics.tensor)
        gaps[way] = statistics.gap(values)
    ranked = sorted(ways, key=lambda way: gaps[way] * (_DOUBT if way.channels == "bgr" else 1))
    best = ranked[0]
    if not gaps[best] <= NO_EVIDENCE:
        raise _unknown(spec, ranked, f"even the best fits the network's statistics badly (gap {gaps[best]:.1f})")
    return Guess(spec=best, gaps=tuple((as_flag(way), gaps[way]) for way in ranked))


def gap(network: GraphNetwork, spec: InputSpec, part: Part) -> float | None:
    """How unlike the network's training data the examples look as `spec` prepares them; None if it cannot tell.

    Above `UNLIKE`, a warning is in place: the range may be wrong, or the data of another kind.
    """
    statistics = first_statistics(network, spec.name)
    if statistics is None:
        return None
    values = prepare(part.examples, _sample(part), spec)
    return statistics.gap(network.run({spec.name: values}, to=statistics.tensor))


def _sample(part: Part) -> np.ndarray:
    """Evenly spread, so that each class has its share."""
    return part.indices[np.unique(np.linspace(0, len(part) - 1, SAMPLE).astype(np.int64))]


def _ways(spec: InputSpec) -> Iterator[InputSpec]:
    """The usual ways of preparing pictures that do not contradict what is known of the input."""
    for channels in _orders(spec):
        for low, high in ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-0.5, 0.5)):
            yield replace(spec, range=(low, high), channels=channels, mean=(), std=(), origin="guessed")
        if channels != "grey":
            mean, std = (_MEAN, _STD) if channels == "rgb" else (_MEAN[::-1], _STD[::-1])
            shades = tuple(round(value * 255, 3) for value in mean)
            yield replace(spec, range=(0.0, 1.0), channels=channels, mean=mean, std=std, origin="guessed")
            yield replace(spec, range=(0.0, 255.0), channels=channels, mean=shades, std=(), origin="guessed")


def _orders(spec: InputSpec) -> tuple[Literal["rgb", "bgr", "grey"], ...]:
    if spec.channels is not None:
        return (spec.channels,)
    count = spec.shape[1] if spec.layout == "NCHW" else spec.shape[-1]
    return ("rgb", "bgr") if spec.layout in ("NHWC", "NCHW") and count == 3 else ("grey",)


def _unknown(spec: InputSpec, ways: list[InputSpec], why: str) -> BadArgument:
    return BadArgument(
        f"the range of the input {spec.name} is not known",
        got=why,
        expected="one of " + " | ".join(as_flag(way) for way in ways),
        fix=f"say how the network was fed: --input {as_flag(ways[0])}",
    )
