"""Which weight of a file goes to which place of a model: by name, by order, or because nothing else fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from regraft.network.matching.slots import WORDS, split

# Words around the names of layers that say nothing.
_EMPTY = {"", "features", "model", "module", "net", "network", "params", "layers"}

Fits = Callable[[str, str], bool]  # whether a weight of the file fits a place


@dataclass
class Pairing:
    """What goes together, and why.

    Attributes:
        pairs: weight of the file -> place of the model.
        why: "name", "order" or "only fit", for each weight.
        undecided: weights that fit several places, and these.
    """

    pairs: dict[str, str] = field(default_factory=dict[str, str])
    why: dict[str, str] = field(default_factory=dict[str, str])
    undecided: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def add(self, pairs: Mapping[str, str], why: str) -> bool:
        """Put more pairs to these; whether there were any."""
        self.pairs |= pairs
        self.why |= dict.fromkeys(pairs, why)
        return bool(pairs)


def pair(sources: Sequence[str], slots: Sequence[str], fits: Fits) -> Pairing:
    """The pairs of which there is only one way; the rest is left undecided.

    Args:
        sources, slots: names, each in the order of their file.
    """
    found = Pairing()
    named = _unique(sources, slots, lambda source, slot: _scope(source) == _scope(slot) and fits(source, slot))
    if len(named) in (len(sources), len(slots)):
        found.add(named, "name")
        return found
    if len(sources) == len(slots) and all(map(fits, sources, slots)):
        return _in_order(sources, slots, named)
    found.add(named, "name")
    while _further(found, sources, slots, fits):
        pass
    left = [slot for slot in slots if slot not in set(found.pairs.values())]
    for source in sources:
        places = tuple(slot for slot in left if source not in found.pairs and fits(source, slot))
        if places:
            found.undecided[source] = places
    return found


def _in_order(sources: Sequence[str], slots: Sequence[str], named: Mapping[str, str]) -> Pairing:
    """Both lists fit from the first to the last; what names say against it is left undecided."""
    found = Pairing()
    words = {_word(source) for source in sources} & {_word(slot) for slot in slots}
    for source, slot in zip(sources, slots, strict=True):
        against = named.get(source, slot) != slot or slot in {s for n, s in named.items() if n != source}
        # "query" beside "key", where both sides know both words
        against |= _word(source) != _word(slot) and {_word(source), _word(slot)} <= words
        if against:
            found.undecided[source] = tuple(dict.fromkeys((slot, named.get(source, slot))))
        else:
            found.add({source: slot}, "name" if source in named else "order")
    return found


def _further(found: Pairing, sources: Sequence[str], slots: Sequence[str], fits: Fits) -> bool:
    """Pairs that follow from the ones there are: by the end of a name, by their neighbours, because only one fits."""
    taken = set(found.pairs.values())
    left = [source for source in sources if source not in found.pairs]
    free = [slot for slot in slots if slot not in taken]
    ending = _unique(left, free, lambda source, slot: _ends(_scope(source), _scope(slot)) and fits(source, slot))
    return (
        found.add(ending, "name")
        or found.add(_between(found.pairs, sources, slots, fits), "order")
        or found.add(_unique(left, free, fits), "only fit")
    )


def _unique(sources: Iterable[str], slots: Iterable[str], fits: Fits) -> dict[str, str]:
    """The pairs in which each side fits nothing but the other."""
    slots = list(slots)
    options = {source: [slot for slot in slots if fits(source, slot)] for source in sources}
    count: dict[str, int] = {}
    for places in options.values():
        for slot in places:
            count[slot] = count.get(slot, 0) + 1
    return {source: places[0] for source, places in options.items() if len(places) == 1 and count[places[0]] == 1}


def _between(pairs: Mapping[str, str], sources: Sequence[str], slots: Sequence[str], fits: Fits) -> dict[str, str]:
    """What stands between the same two neighbours on both sides, as many on one side as on the other."""
    place = {slot: number for number, slot in enumerate(slots)}
    marks = [(-1, -1), *((n, place[pairs[s]]) for n, s in enumerate(sources) if s in pairs), (len(sources), len(slots))]
    found: dict[str, str] = {}
    taken = set(pairs.values())
    for (low, low_slot), (high, high_slot) in pairwise(marks):
        inner = sources[low + 1 : high]
        places = [slot for slot in slots[low_slot + 1 : max(high_slot, 0)] if slot not in taken]
        if inner and len(inner) == len(places) and all(map(fits, inner, places)):
            found |= dict(zip(inner, places, strict=True))
    return found


@cache
def _scope(name: str) -> tuple[str, ...]:
    """The layer of a weight: "features.conv4-1.weight" -> (conv4, 1)."""
    *scope, last = split(name)
    words = scope if last.lower() in WORDS else [*scope, last]
    return tuple(part for word in words for part in re.split(r"[-_]+", word.lower()) if part not in _EMPTY)


def _ends(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one layer's name is the end of the other's."""
    short = min(len(one), len(other))
    return short > 0 and one[-short:] == other[-short:] and not all(part.isdigit() for part in one[-short:])


def _word(name: str) -> str:
    """The last word of a layer's name that is no number, without its number: "blocks.3.bn2.weight" -> bn."""
    words = [re.sub(r"\d+$", "", part) for part in _scope(name)]
    return next((word for word in reversed(words) if word), "")
