from __future__ import annotations

import json
import math

import pytest

from regraft.errors import BadArgument
from regraft.train.settings import Settings


def test_all_problems_at_once() -> None:
    with pytest.raises(BadArgument) as caught:
        Settings(optimizer="adam", lr=0.0, epochs=0, clip_norm=-1.0, hyper={"rho": 0.9}, device="gpu")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "these training settings cannot be used\n"
        "  got: adam has no 'rho', it takes beta1, beta2, epsilon; lr must be above 0, not 0.0; "
        "epochs must be at least 1, not 0; clip_norm must be above 0, not -1.0; "
        "device must be one of auto, cpu, cuda, not 'gpu'"
    )


def test_an_unknown_optimizer() -> None:
    with pytest.raises(BadArgument) as caught:
        Settings(optimizer="adams")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "these training settings cannot be used\n"
        "  got: optimizer 'adams' is none of sgd, momentum, adam, adamw, rmsprop, adagrad, did you mean adam?"
    )


@pytest.mark.parametrize("clip", [None, (-1.0, 1.0), (-math.inf, 2.0)])
def test_settings_survive_json(clip: tuple[float, float] | None) -> None:
    settings = Settings(optimizer="rmsprop", hyper={"rho": 0.8}, clip_value=clip, ema=0.99, restarts=(2, 5))
    assert Settings.from_json(json.loads(json.dumps(settings.as_json(), allow_nan=False))) == settings


def test_an_unknown_word() -> None:
    with pytest.raises(BadArgument) as caught:
        Settings.from_json({"epoch": 3})
    assert str(caught.value) == (
        "there is no training setting epoch\n"
        "  expected: optimizer, lr, hyper, epochs, batch, seed, schedule, restarts, layer_decay, keep, look_first, "
        "patience, l2, clip_value, clip_norm, ema, centred, features, device\n"
        "  nearest: epochs"
    )


def test_bounds_in_the_wrong_order() -> None:
    with pytest.raises(BadArgument) as caught:
        Settings(clip_value=(1.0, -1.0))
    assert str(caught.value) == (
        "these training settings cannot be used\n  got: clip_value must be two bounds, the lower first, not (1.0, -1.0)"
    )


def test_values_of_another_kind() -> None:
    with pytest.raises(BadArgument) as caught:
        Settings.from_json(
            {"epochs": 2.5, "lr": "x", "patience": "a", "hyper": 3, "clip_value": (1, 2, 3), "seed": True}
        )
    assert str(caught.value) == (
        "these training settings cannot be used\n"
        "  got: epochs must be a whole number, not 2.5; seed must be a whole number, not True; "
        "patience must be a whole number, not 'a'; lr must be a number, not 'x'; "
        "clip_value must be two bounds, the lower first, not (1, 2, 3); hyper must be numbers by name, not 3"
    )


def test_a_layer_decay_that_would_raise_the_rate() -> None:
    for wrong in (0.0, 1.5):
        with pytest.raises(BadArgument) as caught:
            Settings(layer_decay=wrong)
        assert str(caught.value) == (
            f"these training settings cannot be used\n  got: layer_decay must lie above 0 and be at most 1, not {wrong}"
        )


@pytest.mark.parametrize("name", ["lr", "epochs", "batch", "seed", "l2", "hyper", "optimizer"])
def test_what_has_a_value_by_itself_cannot_be_nothing(name: str) -> None:
    with pytest.raises(BadArgument, match=f"{name} must be .*not None|optimizer None is none of"):
        Settings.from_json({name: None})
