"""`--input`: what it may say, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regraft.data import as_flag, parse_input
from regraft.data.said import with_user
from regraft.errors import BadArgument, ShapeMismatch
from regraft.network import InputSpec

SPEC = InputSpec(name="x", shape=(None, 224, 224, 3), layout="NHWC")
TEXTS = "vocabulary, tokenizer, rules, lower, pad"
FLAT = InputSpec(name="x", shape=(None, 784), layout="flat")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("range=-1..1", {"range": (-1.0, 1.0)}),
        ("range=0..255,channels=bgr", {"range": (0.0, 255.0), "channels": "bgr"}),
        ("size=224", {"size": (224, 224)}),
        ("size=192x256", {"size": (192, 256)}),
        ("range=0..1, mean=0.4,0.5,0.6, std=.2", {"range": (0.0, 1.0), "mean": (0.4, 0.5, 0.6), "std": (0.2,)}),
        ("size=224,crop=0.875", {"size": (224, 224), "crop": 0.875}),
        ("length=200", {"length": 200}),
        ("vocabulary=a,b.txt,rules=keras,pad=post", {"vocabulary": "a,b.txt", "rules": "keras", "pad": "post"}),
        ("vocabulary=w.txt,lower=no", {"vocabulary": "w.txt", "lower": False}),
        ("mean=1e-1,channels=grey", {"mean": (0.1,), "channels": "grey"}),
    ],
)
def test_what_it_may_say(text: str, said: dict[str, Any]) -> None:
    assert parse_input(text) == said


@pytest.mark.parametrize(
    ("text", "expected", "got"),
    [
        ("", "KEY=VALUE, KEY one of range, channels, size, crop, mean, std, length, " + TEXTS, "''"),
        ("rgb", "KEY=VALUE, KEY one of range, channels, size, crop, mean, std, length, " + TEXTS, "'rgb'"),
        ("rang=0..1", "one of range, channels, size, crop, mean, std, length, " + TEXTS, "'rang'"),
        ("range=0-1", "range=LOW..HIGH, LOW below HIGH", "'0-1'"),
        ("range=1..0", "range=LOW..HIGH, LOW below HIGH", "'1..0'"),
        ("range=a..b", "range=LOW..HIGH, LOW below HIGH", "'a,b'"),
        ("range=0..1,2", "range=LOW..HIGH, LOW below HIGH", "'0..1,2'"),
        ("range=0..inf", "range=LOW..HIGH, LOW below HIGH", "'0,inf'"),
        ("channels=cmyk", "channels=rgb, bgr or grey", "'cmyk'"),
        ("size=0", "size=224 or size=HEIGHTxWIDTH", "'0'"),
        ("size=1x2x3", "size=224 or size=HEIGHTxWIDTH", "'1x2x3'"),
        ("size=99999999", "size=224 or size=HEIGHTxWIDTH", "'99999999'"),
        ("crop=0", "crop=SHARE, the middle part of each side that is used, as 0.875", "'0'"),
        ("crop=1.5", "crop=SHARE, the middle part of each side that is used, as 0.875", "'1.5'"),
        ("crop=1,1", "crop=SHARE, the middle part of each side that is used, as 0.875", "'1,1'"),
        ("mean=x", "mean=NUMBER, or one a channel", "'x'"),
        ("length=x", "length=160, the bytes or tokens of a text that are read", "'x'"),
        ("length=0", "length=160, the bytes or tokens of a text that are read", "'0'"),
        ("length=99999", "length=160, the bytes or tokens of a text that are read", "'99999'"),
        ("rules=nltk", "rules=keras, vectorization, spaces, characters", "'nltk'"),
        ("pad=left", "pad=pre, post", "'left'"),
        ("lower=1", "lower=yes, no", "'1'"),
        ("std=0", "std=POSITIVE NUMBER, or one a channel", "'0'"),
    ],
)
def test_what_cannot_be_understood(text: str, expected: str, got: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_input(text)
    nearest = "  nearest: range, mean\n" if text.startswith("rang=") else ""
    assert str(caught.value) == (
        f"--input cannot be understood\n  expected: {expected}\n  got: {got}\n{nearest}"
        "  to do: as in --input range=-1..1,channels=rgb,size=224"
    )


def test_the_input_takes_it_over() -> None:
    spec = with_user(SPEC, parse_input("range=0..1,mean=0.5,0.4,0.3,std=2,channels=bgr,size=224"))
    assert spec == replace(SPEC, range=(0.0, 1.0), mean=(0.5, 0.4, 0.3), std=(2.0,), channels="bgr", origin="user")
    assert parse_input(as_flag(spec)) == parse_input("range=0..1,mean=0.5,0.4,0.3,std=2,channels=bgr")
    assert with_user(SPEC, {"channels": "rgb"}).origin == "unknown"
    free = replace(SPEC, shape=(None, None, None, 3))
    assert with_user(free, {"size": (12, 8)}).shape == (None, 12, 8, 3)
    assert with_user(replace(free, shape=(None, 3, None, None), layout="NCHW"), {"size": (12, 8)}).shape == (
        None,
        3,
        12,
        8,
    )


def test_a_guess_can_be_overruled_but_not_the_file() -> None:
    guessed = replace(SPEC, range=(-1.0, 1.0), origin="guessed")
    assert with_user(guessed, {"range": (0.0, 1.0)}).range == (0.0, 1.0)
    known = replace(guessed, origin="file")
    assert with_user(known, {"range": (-1.0, 1.0)}).range == (-1.0, 1.0)
    with pytest.raises(BadArgument) as caught:
        with_user(known, {"range": (0.0, 1.0)})
    assert str(caught.value) == (
        "the file itself says how x is fed\n  expected: range=-1..1\n  got: range=0..1\n  to do: leave out --input"
    )


def test_mean_and_std_need_a_range() -> None:
    with pytest.raises(BadArgument) as caught:
        with_user(SPEC, {"mean": (0.5,)})
    assert str(caught.value) == (
        "mean and std need the range they apply to\n  to do: add it: --input range=0..1,mean=...,std=..."
    )


@pytest.mark.parametrize("said", ["channels=grey", "range=0..1,mean=1,2", "range=0..1,std=1,2,3,4"])
def test_what_does_not_go_with_the_channels(said: str) -> None:
    with pytest.raises(BadArgument) as caught:
        with_user(SPEC, parse_input(said))
    assert str(caught.value) == f"the input x has 3 channels\n  got: {said}"


def test_a_size_the_network_does_not_take() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        with_user(SPEC, {"size": (160, 160)})
    assert str(caught.value) == (
        "the network takes another size at x\n  expected: (None, 224, 224, 3)\n  got: (None, 160, 160, 3)"
    )
    with pytest.raises(BadArgument) as flat:
        with_user(FLAT, {"size": (28, 28)})
    assert str(flat.value) == "the input x is no picture: it has no size\n  got: size=28x28"
