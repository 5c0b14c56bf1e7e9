"""What an exported file says beside its graph, for which its format has no word.

How pictures are fed to its inputs, and which of its numbers are trained.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from regraft.errors import UnreadableFile
from regraft.network.graph import InputSpec

KEY, TRAINED = "regraft.inputs", "regraft.trained"  # where the notes stand in a file
_WORDS = {
    "channels": ("rgb", "bgr", "grey"),
    "resize": ("antialias", "stretched-bicubic", "tf1", "bilinear", "bicubic"),
}
_NUMBERS = {"range": (2,), "mean": (0, 1, 3), "std": (0, 1, 3)}  # how many there may be


def note_of(specs: Iterable[InputSpec]) -> str:
    """What is known of the inputs, as JSON: {name: {channels, range, mean, std, crop, resize}}."""
    kept = (*_WORDS, *_NUMBERS, "crop")
    known = {spec.name: asdict(spec) for spec in specs if spec.range is not None}
    return json.dumps({name: {word: said[word] for word in kept} for name, said in known.items()})


def with_note(specs: Sequence[InputSpec], note: str, where: str) -> list[InputSpec]:
    """The inputs with what a file's note says of them.

    Raises:
        UnreadableFile: it is no such note.
    """
    try:
        known = {name: _checked(said) for name, said in json.loads(note).items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableFile(
            "the file's note of how pictures are fed is damaged", where=where, got=str(error)[:200]
        ) from error
    return [replace(spec, **known[spec.name], origin="file") if spec.name in known else spec for spec in specs]


def trained_of(note: str, where: str) -> frozenset[str]:
    """The names of what is trained, as a file notes them: a list in JSON.

    Raises:
        UnreadableFile: it is no such list.
    """
    try:
        names = json.loads(note)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnreadableFile("the file's note of what is trained is damaged", where=where, got=note[:100])
    return frozenset(names)


def _checked(said: dict[str, Any]) -> dict[str, Any]:
    """The words of one input.

    Raises:
        ValueError: one is not what an InputSpec holds.
    """
    for word, choices in _WORDS.items():
        if said[word] not in (choices if word == "resize" else (*choices, None)):
            raise ValueError(f"{word} {said[word]!r}")
    for word, counts in _NUMBERS.items():
        if len(said[word]) not in counts or not all(_is_number(value) for value in said[word]):
            raise ValueError(f"{word} {said[word]!r}")
    if not _is_number(said["crop"]) or not 0 < said["crop"] <= 1 or 0 in said["std"]:
        raise ValueError(f"crop {said['crop']!r}, std {said['std']!r}")
    return {word: tuple(said[word]) if word in _NUMBERS else said[word] for word in (*_WORDS, *_NUMBERS, "crop")}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
