"""The proposal itself: all layouts a file may have are tried, and what does not decide between them is not guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regraft.errors import BadArgument
from regraft.network.axes import turned
from regraft.network.matching import samples
from regraft.network.matching.layouts import LAYOUTS, Layout, turn
from regraft.network.matching.pairing import Pairing, pair
from regraft.network.matching.slots import Slot, allows, is_counter, slots_of_module, slots_of_network, word_of

if TYPE_CHECKING:
    from torch import nn

    from regraft.network.network import GraphNetwork

Confidence = Literal["certain", "high", "fair"]
_SURE: Mapping[str, Confidence] = {"name": "high", "only fit": "high", "order": "fair"}
_NAMED = 3  # names in a note
_KERNELS = {"conv", "depthwise", "transposed"}
# The layouts of those whose word for weights it is.
_OF_WORDS = {
    "weight": ("o i h w", "o i"),
    "kernel": ("h w i o", "i o"),
    "weights": ("h w i o", "i o"),
    "W": ("o i h w", "i o"),
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A weight of the file and the place it goes to.

    Attributes:
        turn: how its axes go (see `regraft.network.axes`); "" as they are.
        why: "name", "order" (it stands where the other does), "only fit", "same numbers", "sample" or "shipped map".
    """

    source: str
    shape: tuple[int, ...]
    target: str
    target_shape: tuple[int, ...]
    turn: str
    confidence: Confidence
    why: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """A proposal.

    Attributes:
        undecided: weights that fit several places, with these; nothing is guessed.
        unused: weights of the file that fit no place.
        untouched: places that nothing goes to.
        notes: what was decided for the whole file, and by what.
        values: of the file, by name.
        missing: how many numbers the places that nothing goes to have.
        difference: how far the model's outputs are from the sample's, if there was one.
    """

    pairs: tuple[Pair, ...]
    undecided: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    untouched: tuple[str, ...]
    notes: tuple[str, ...]
    values: Mapping[str, np.ndarray] = field(repr=False)
    missing: int
    difference: float | None = None

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The paired weights under the model's names and in its layout: for `network.assign`."""
        return {pair.target: _turned(self.values[pair.source], pair.turn) for pair in self.pairs}

    @property
    def percent(self) -> float:
        """How much of the model's places, counted in numbers, is filled."""
        filled = sum(prod(pair.target_shape) for pair in self.pairs)
        return 100 * filled / max(1, filled + self.missing)

    @property
    def summary(self) -> str:
        """How much of the model is filled, and what is left alone on both sides."""
        lines = [
            f"{len(self.pairs)}/{len(self.pairs) + len(self.untouched)} tensors, {self.percent:.1f} % of the parameters"
        ]
        lines += [f"  not in the file: {name}" for name in self.untouched]
        return "\n".join([*lines, *(f"  not in the model: {name}" for name in self.unused)])

    def rename(self) -> dict[str, Any]:
        """The pairs as `load_weights(rename=...)` takes them."""
        return {
            pair.source: {"to": pair.target, "turn": pair.turn} if pair.turn else pair.target for pair in self.pairs
        }


@dataclass(frozen=True)
class _Try:
    """One way to put the file into the model."""

    layout: Layout
    pairing: Pairing
    turns: Mapping[str, str]  # of the paired weights

    @property
    def same_as(self) -> object:
        """What makes two ways the same."""
        return tuple(sorted((s, t, self.turns[s]) for s, t in self.pairing.pairs.items()))


def match_network(values: Mapping[str, np.ndarray], network: GraphNetwork, sample: Path | None = None) -> Match:
    """How weights go into a network with a graph.

    Args:
        values: by name, in the order of their file.
        sample: an .npz file with inputs and the outputs that are expected (see `samples`).

    Raises:
        BadArgument: nothing fits, or no way gives the expected output.
    """
    network.require_graph()
    given = samples.read(sample) if sample else None
    run = (lambda weights: samples.network_error(network, weights, given)) if given else None
    return _match(values, slots_of_network(network), run)


def match_module(values: Mapping[str, np.ndarray], module: nn.Module, sample: Path | None = None) -> Match:
    """How weights go into a torch module, which stays as it is.

    Args:
        values, sample: as for `match_network`.

    Raises:
        BadArgument: nothing fits, or no way gives the expected output.
    """
    given = samples.read(sample) if sample else None
    run = (lambda weights: samples.module_error(module, weights, given)) if given else None
    return _match(values, slots_of_module(module), run)


_Error = Callable[[Mapping[str, np.ndarray]], float]


def _match(values: Mapping[str, np.ndarray], slots: Sequence[Slot], error: _Error | None) -> Match:
    values = {name: value for name, value in values.items() if not is_counter(name)}
    tries = _tries(values, slots)
    if not tries:
        raise BadArgument(
            "no weight of the file fits any place of the model",
            expected=", ".join(f"{slot.name} {slot.shape}" for slot in slots[:3]),
            got=", ".join(f"{name} {value.shape}" for name, value in list(values.items())[:3]),
        )
    by_name = {slot.name: slot for slot in slots}
    if error is not None:
        return _by_sample(values, by_name, tries, error)
    same = [_same_numbers(one, values, by_name) for one in tries]
    best = max(len(found) for found in same)
    tries = [one for one, found in zip(tries, same, strict=True) if len(found) == best]
    sure = {name: "same numbers" for found in same if len(found) == best for name in found} if best else {}
    return _by_convention(values, by_name, tries, sure)


def _tries(values: Mapping[str, np.ndarray], slots: Sequence[Slot]) -> list[_Try]:
    """The ways that fill most places, the likeliest first; no two of them are the same."""
    found: dict[object, _Try] = {}
    pairings: dict[object, Pairing] = {}
    by_name = {slot.name: slot for slot in slots}
    words = {name: word_of(name) for name in values}
    for layout in _that_matter(slots):
        ways = _ways({name: value.shape for name, value in values.items()}, words, slots, layout)
        key = frozenset(ways)
        if key not in pairings:  # pairing looks only at what fits, not at how
            pairings[key] = pair(list(values), list(by_name), lambda name, slot, key=key: (name, slot) in key)
        pairing = pairings[key]
        one = _Try(layout, pairing, {s: ways[s, t] for s, t in pairing.pairs.items()})
        found.setdefault(one.same_as, one)
    most = max((_filled(one, by_name) for one in found.values()), default=0)
    fitting = [one for one in found.values() if one.pairing.pairs or one.pairing.undecided]
    return [one for one in fitting if _filled(one, by_name) == most]


def _that_matter(slots: Sequence[Slot]) -> list[Layout]:
    """The layouts without those that differ in what the model does not have."""
    roles, rows = {slot.role for slot in slots}, any(slot.rows for slot in slots)
    seen: dict[object, Layout] = {}
    for layout in LAYOUTS:
        kernels = (layout.conv, layout.flipped) if roles & _KERNELS else ()
        key = (kernels, layout.dense if "dense" in roles else "", rows and layout.rows)
        seen.setdefault(key, layout)
    return list(seen.values())


def _ways(
    shapes: Mapping[str, tuple[int, ...]], words: Mapping[str, str | None], slots: Sequence[Slot], layout: Layout
) -> dict[tuple[str, str], str]:
    """The turn of each weight into each place it fits."""
    known: dict[object, str | None] = {}
    found: dict[tuple[str, str], str] = {}
    for slot in slots:
        kind = (slot.shape, slot.role, slot.axes, slot.sizes, slot.rows)
        for name, shape in shapes.items():
            if not allows(words[name], slot.role):
                continue
            key = (shape, kind)
            if key not in known:
                known[key] = turn(shape, slot, layout)
            if (way := known[key]) is not None:
                found[name, slot.name] = way
    return found


def _filled(one: _Try, slots: Mapping[str, Slot]) -> int:
    return sum(max(1, prod(slots[target].shape)) for target in one.pairing.pairs.values())


def _turned(value: np.ndarray, way: str) -> np.ndarray:
    return turned(value, way) if way else value


def _same_numbers(one: _Try, values: Mapping[str, np.ndarray], slots: Mapping[str, Slot]) -> list[str]:
    """The weights that are the model's own already, and no plain ones such as zeros."""
    found: list[str] = []
    for source, target in one.pairing.pairs.items():
        own, value = slots[target].value, values[source]
        if value.size > 1 and np.ptp(own) and np.allclose(_turned(value, one.turns[source]), own, 1e-5, 1e-6):
            found.append(source)
    return found


def _by_sample(
    values: Mapping[str, np.ndarray], slots: Mapping[str, Slot], tries: Sequence[_Try], error: _Error
) -> Match:
    """The way whose outputs are the sample's.

    Raises:
        BadArgument: none is, or several are that are not the same.
    """
    errors = [error(_weights(one, values)) for one in tries]
    good = [one for one, far in zip(tries, errors, strict=True) if far <= samples.TOLERANCE]
    if not good:
        raise BadArgument(
            "no way to put the file into the model gives the expected output",
            expected=f"a relative difference of at most {samples.TOLERANCE:g}",
            got=f"{min(errors):.3g} at best, of {len(errors)} ways tried",
            fix="look at the proposal without the sample, edit the map it writes, and load that",
        )
    chosen, far = good[0], errors[tries.index(good[0])]
    others = [other for other in errors if other > samples.TOLERANCE]
    notes = [f"the sample's output comes out with a relative difference of {far:.2g}"]
    if others:
        notes[0] += f"; the {len(others)} other ways tried differ by {min(others):.2g} and more"
    if len(good) > 1:
        notes.append(f"{len(good)} ways give the sample's output; the likeliest is taken")
    sure = dict.fromkeys(chosen.pairing.pairs, "sample") if len(good) == 1 else {}
    notes += _about(chosen, slots)
    return _result(chosen, values, slots, notes, sure=sure, difference=far)


def _by_convention(
    values: Mapping[str, np.ndarray], slots: Mapping[str, Slot], tries: Sequence[_Try], sure: Mapping[str, str]
) -> Match:
    """The likeliest way, with what nothing decides said, and what would be guessed left out."""
    plain = [one for one in tries if not one.layout.swapped and not one.layout.flipped] or list(tries)
    plain = [one for one in plain if one.layout.usual] or plain
    chosen, notes = _chosen(plain, slots)
    pairs = chosen.pairing.pairs
    unclear = {
        source: (target,)
        for source, target in pairs.items()
        if chosen is plain[0] and not notes and any(one.turns.get(source) != chosen.turns[source] for one in plain)
    }
    if sure:
        notes.append(f"{len(sure)} weights have the same numbers as the model's own")
    if unclear:
        notes.append(f"{len(unclear)} weights fit in two layouts, and nothing tells which: --sample decides")
    else:
        notes += _about(chosen, slots)
    square = [s for s, t in pairs.items() if _is_square(slots[t]) and s not in unclear]
    if square and any(one.layout.swapped != chosen.layout.swapped for one in tries):
        named = ", ".join(square[:_NAMED]) + ", ..." * (len(square) > _NAMED)
        notes.append(
            f"{len(square)} kernels are square ({named}): whether the file has height and width swapped cannot be "
            "told from shapes; --sample decides"
        )
    if any(slots[t].rows for t in pairs.values()) and any(one.layout.rows != chosen.layout.rows for one in tries):
        notes.append(f"rows of dense layers after a picture are taken as ({chosen.layout.rows}); --sample decides")
    return _result(chosen, values, slots, notes, sure=sure, unclear=unclear)


def _chosen(plain: Sequence[_Try], slots: Mapping[str, Slot]) -> tuple[_Try, list[str]]:
    """The way whose layout is that of the framework whose word for weights the file uses, else the likeliest."""
    if len(plain) == 1:
        return plain[0], []
    pairs = plain[0].pairing.pairs
    words = {source.replace("/", ".").rpartition(".")[2] for source, t in pairs.items() if len(slots[t].shape) > 1}
    told = {_OF_WORDS.get(word) for word in words}
    kernels = any(slots[target].role in _KERNELS for target in pairs.values())
    for one in plain if len(told) == 1 else ():
        if (one.layout.conv if kernels else _any_conv(told), one.layout.dense) in told:
            return one, [f"two layouts fit; taken is that of files which say {', '.join(sorted(words))}"]
    return plain[0], []


def _any_conv(told: set[tuple[str, str] | None]) -> str | None:
    """The kernels' axes a word stands for, where the model has no kernels to compare them with."""
    return next((layout[0] for layout in told if layout), None)


def _is_square(slot: Slot) -> bool:
    if slot.role not in _KERNELS or "h" not in slot.axes:
        return False
    groups = slot.axes.replace("(c m)", "o").split()
    sides = [size for axis, size in zip(groups, slot.shape, strict=True) if axis in ("h", "w")]
    return sides[0] == sides[-1] > 1


def _about(one: _Try, slots: Mapping[str, Slot]) -> list[str]:
    """What the chosen layout means for people."""
    roles = {slots[target].role for target in one.pairing.pairs.values()}
    notes: list[str] = []
    if roles & _KERNELS:
        order = "width before height: SWAPPED" if one.layout.swapped else "height before width"
        order += ", from their ends: FLIPPED, as Theano's are" * one.layout.flipped
        notes.append(f"the file's kernels are ({one.layout.conv}), {order}")
    if "dense" in roles:
        notes.append(f"the file's dense layers are ({one.layout.dense})")
    return notes


def _weights(one: _Try, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {target: _turned(values[source], one.turns[source]) for source, target in one.pairing.pairs.items()}


def _result(
    one: _Try,
    values: Mapping[str, np.ndarray],
    slots: Mapping[str, Slot],
    notes: Sequence[str],
    *,
    sure: Mapping[str, str] | None = None,
    unclear: Mapping[str, tuple[str, ...]] | None = None,
    difference: float | None = None,
) -> Match:
    sure, unclear = sure or {}, unclear or {}
    undecided = {**one.pairing.undecided, **unclear}
    pairs = tuple(
        Pair(
            source=source,
            shape=values[source].shape,
            target=one.pairing.pairs[source],
            target_shape=slots[one.pairing.pairs[source]].shape,
            turn=one.turns[source],
            confidence="certain" if source in sure else _SURE[one.pairing.why[source]],
            why=sure.get(source, one.pairing.why[source]),
        )
        for source in values
        if source in one.pairing.pairs and source not in unclear
    )
    filled = {pair.target for pair in pairs}
    return Match(
        pairs=pairs,
        undecided=undecided,
        unused=tuple(s for s in values if s not in one.pairing.pairs and s not in undecided),
        untouched=tuple(name for name in slots if name not in filled),
        notes=tuple(notes),
        difference=difference,
        values=values,
        missing=sum(prod(slot.shape) for name, slot in slots.items() if name not in filled),
    )
