"""What the user says of an input: `--input range=-1..1,channels=rgb,size=224`, or `vocabulary=words.txt,length=50`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from regraft.data.tokens import TEXT_LAYOUTS, limits, of_length
from regraft.errors import BadArgument, ShapeMismatch, nearest_names
from regraft.network.graph import InputSpec
from regraft.network.vocabulary import RULES

_PICTURES = ("range", "channels", "size", "crop", "mean", "std")
TEXTS = ("vocabulary", "tokenizer", "rules", "lower", "pad")  # how texts become numbers, said before all else
_KEYS = (*_PICTURES, "length", *TEXTS)


def parse_input(text: str) -> dict[str, Any]:
    """What `--input range=-1..1,channels=rgb,size=224,mean=0.5,0.5,0.5,std=1` says.

    Returns:
        Some of range (low, high), channels, size (height, width), crop (a share), mean (c), std (c), the length of
        texts in bytes or tokens, and what says how they become tokens: a file, vocabulary or tokenizer, and of a
        vocabulary the name of its rules, lower (whether letters are made small) and pad (pre or post).

    Raises:
        BadArgument: it cannot be understood.
    """
    words: dict[str, list[str]] = {}
    for piece in text.split(","):
        key, equals, value = piece.partition("=")
        if equals:
            words[key.strip()] = [value.strip()]
        elif words:
            words[next(reversed(words))].append(piece.strip())
        else:
            raise _misspelt(piece, "KEY=VALUE, KEY one of " + ", ".join(_KEYS))
    unknown = [key for key in words if key not in _KEYS]
    if unknown:
        raise _misspelt(unknown[0], "one of " + ", ".join(_KEYS), nearest_names(unknown[0], _KEYS))
    return {key: _READERS[key](values) for key, values in words.items()}


def with_user(spec: InputSpec, given: Mapping[str, Any]) -> InputSpec:
    """The input with what the user says of it.

    Raises:
        BadArgument: the file says otherwise, or mean and std come without the range they are for.
        ShapeMismatch: the network takes another size.
    """
    if texts := [key for key in TEXTS if key in given]:
        raise BadArgument(
            f"how texts become numbers cannot be said of the input {spec.name}",
            expected="a network that was trained on the numbers of words or characters",
            got=", ".join(texts),
        )
    known = {key: given[key] for key in _PICTURES if key in given and key != "size"}
    if ("mean" in known or "std" in known) and "range" not in known and spec.range is None:
        raise BadArgument(
            "mean and std need the range they apply to", fix="add it: --input range=0..1,mean=...,std=..."
        )
    said = replace(spec, **known, origin="user" if {"range", "mean", "std"} & set(known) else spec.origin)
    _refuse_wrong_count(said)
    values = ("range", "mean", "std")  # the order of channels is a habit more often than a fact of the file
    if spec.origin == "file" and any(getattr(said, key) != getattr(spec, key) for key in values):
        raise BadArgument(
            f"the file itself says how {spec.name} is fed",
            expected=as_flag(spec),
            got=as_flag(said),
            fix="leave out --input",
        )
    said = _with_size(said, given["size"]) if "size" in given else said
    return _with_length(said, given["length"]) if "length" in given else said


def _refuse_wrong_count(spec: InputSpec) -> None:
    """Where the input says how many channels it has, everything said of channels must fit."""
    count = {"NCHW": spec.shape[1:2], "NHWC": spec.shape[-1:]}.get(spec.layout, (None,))[0]
    named = {"rgb": 3, "bgr": 3, "grey": 1, None: count}[spec.channels]
    if count is not None and (named != count or not {len(spec.mean), len(spec.std)} <= {0, 1, count}):
        raise BadArgument(f"the input {spec.name} has {count} channels", got=as_flag(spec))


def as_flag(spec: InputSpec) -> str:
    """What `--input` would say for this preparation."""
    words: list[str] = []
    if spec.range is not None:
        words.append(f"range={spec.range[0]:g}..{spec.range[1]:g}")
    if spec.channels is not None:
        words.append(f"channels={spec.channels}")
    if spec.crop != 1:
        words.append(f"crop={spec.crop:g}")
    words.extend(
        f"{key}=" + ",".join(f"{value:g}" for value in values)
        for key, values in (("mean", spec.mean), ("std", spec.std))
        if values
    )
    return ",".join(words)


def _with_size(spec: InputSpec, size: tuple[int, int]) -> InputSpec:
    at = {"NHWC": 1, "NCHW": 2}.get(spec.layout)
    if at is None:
        raise BadArgument(f"the input {spec.name} is no picture: it has no size", got=f"size={size[0]}x{size[1]}")
    shape = (*spec.shape[:at], *size, *spec.shape[at + 2 :])
    if any(old not in (None, new) for old, new in zip(spec.shape, shape, strict=True)):
        raise ShapeMismatch(f"the network takes another size at {spec.name}", expected=str(spec.shape), got=str(shape))
    return replace(spec, shape=shape)


def _with_length(spec: InputSpec, length: int) -> InputSpec:
    if spec.layout not in TEXT_LAYOUTS:
        raise BadArgument(f"the input {spec.name} takes no texts: it has no length", got=f"length={length}")
    least, most = limits(spec)
    if length < least or (most is not None and length > most):
        raise BadArgument(
            f"texts at {spec.name} cannot be {length} {spec.layout} long",
            expected=f"at least {least}" + (f", at most {most}" if most else ""),
        )
    if spec.shape[1] not in (None, length):
        raise ShapeMismatch(
            f"the network takes another length at {spec.name}", expected=str(spec.shape[1]), got=str(length)
        )
    return of_length(spec, length)


def _misspelt(got: str, expected: str, nearest: tuple[str, ...] = ()) -> BadArgument:
    return BadArgument(
        "--input cannot be understood",
        expected=expected,
        got=repr(got),
        nearest=nearest,
        fix="as in --input range=-1..1,channels=rgb,size=224",
    )


def _numbers(words: list[str], expected: str) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        raise _misspelt(",".join(words), expected) from None
    if not all(map(isfinite, values)):
        raise _misspelt(",".join(words), expected)
    return values


def _range(words: list[str]) -> tuple[float, float]:
    expected = "range=LOW..HIGH, LOW below HIGH"
    low, dots, high = words[0].partition("..")
    bounds = _numbers([low, high], expected) if dots and len(words) == 1 else ()
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise _misspelt(",".join(words), expected)
    return bounds


def _channels(words: list[str]) -> str:
    if words not in (["rgb"], ["bgr"], ["grey"]):
        raise _misspelt(",".join(words), "channels=rgb, bgr or grey")
    return words[0]


def _size(words: list[str]) -> tuple[int, int]:
    sides = words[0].lower().split("x")
    if (
        len(words) > 1
        or len(sides) > 2
        or not all(side.isascii() and side.isdigit() and 0 < int(side) < 2**16 for side in sides)
    ):
        raise _misspelt(",".join(words), "size=224 or size=HEIGHTxWIDTH")
    return int(sides[0]), int(sides[-1])


def _length(words: list[str]) -> int:
    if len(words) > 1 or not words[0].isascii() or not words[0].isdigit() or not 0 < int(words[0]) < 2**16:
        raise _misspelt(",".join(words), "length=160, the bytes or tokens of a text that are read")
    return int(words[0])


def _one_of(key: str, choices: Sequence[str]) -> Callable[[list[str]], str]:
    def read(words: list[str]) -> str:
        if len(words) != 1 or words[0] not in choices:
            raise _misspelt(",".join(words), f"{key}=" + ", ".join(choices), nearest_names(words[0], choices))
        return words[0]

    return read


def _crop(words: list[str]) -> float:
    expected = "crop=SHARE, the middle part of each side that is used, as 0.875"
    values = _numbers(words, expected)
    if len(values) != 1 or not 0 < values[0] <= 1:
        raise _misspelt(",".join(words), expected)
    return values[0]


def _std(words: list[str]) -> tuple[float, ...]:
    values = _numbers(words, "std=POSITIVE NUMBER, or one a channel")
    if min(values) <= 0:
        raise _misspelt(",".join(words), "std=POSITIVE NUMBER, or one a channel")
    return values


_READERS = {
    "range": _range,
    "channels": _channels,
    "size": _size,
    "crop": _crop,
    "mean": lambda words: _numbers(words, "mean=NUMBER, or one a channel"),
    "std": _std,
    "length": _length,
    "vocabulary": ",".join,
    "tokenizer": ",".join,
    "rules": _one_of("rules", tuple(RULES)),
    "lower": lambda words: _one_of("lower", ("yes", "no"))(words) == "yes",
    "pad": _one_of("pad", ("pre", "post")),
}
