"""How to train: plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, Literal

from regraft.errors import BadArgument, nearest_names

OptimizerName = Literal["sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad"]

# What each optimizer takes beside the learning rate, with TensorFlow's defaults; AdamW's are torch's.
HYPER: Mapping[OptimizerName, Mapping[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9, "nesterov": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-10, "centered": 0.0},
    "adagrad": {"initial_accumulator_value": 0.1},
}
_CHOICES = {
    "schedule": ("constant", "cosine", "one-cycle"),
    "keep": ("best", "last"),
    "features": ("cached", "off"),
    "device": ("auto", "cpu", "cuda"),
}


def _is_whole(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def _is_yes_or_no(value: object) -> bool:
    return isinstance(value, bool)


def _is_bounds(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))


def _is_epochs(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_whole, value))


def _is_numbers(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_number, value.values()))


_KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("epochs", "batch", "seed", "patience"), (_is_whole, "a whole number")),
    **dict.fromkeys(("lr", "layer_decay", "l2", "clip_norm", "ema"), (_is_number, "a number")),
    **dict.fromkeys(("look_first", "centred"), (_is_yes_or_no, "true or false")),
    "clip_value": (_is_bounds, "two bounds, the lower first"),
    "restarts": (_is_epochs, "whole numbers"),
    "hyper": (_is_numbers, "numbers by name"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train.

    Raises:
        BadArgument: values that cannot be used; the message lists all of them.
    """

    optimizer: OptimizerName = "adam"
    lr: float = 1e-3
    hyper: Mapping[str, float] = field(default_factory=dict)  # momentum, nesterov, beta1, beta2, epsilon, rho, ...
    epochs: int = 20
    batch: int = 32
    seed: int = 0
    # Of the learning rate; cosine: down to 0 at the end; one-cycle: up to it in the first quarter, then down to 0.
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    restarts: tuple[int, ...] = ()  # epochs after which the schedule begins anew (Loshchilov and Hutter 2017)
    layer_decay: float | None = None  # the learning rate of each block is so many times that of the block above
    keep: Literal["best", "last"] = "best"  # the epoch, measured on validation, whose weights are kept
    look_first: bool = False  # the weights it begins with are measured too, as epoch 0, and may be the best
    patience: int | None = None  # stop after so many epochs without a better validation
    l2: float = 0.0  # weight of half the sum of squares of all kernels, added to the loss
    clip_value: tuple[float, float] | None = None  # each number of a gradient is clipped to these bounds
    clip_norm: float | None = None  # gradients are scaled down so that their joint norm is at most this
    ema: float | None = None  # decay of the shadow weights; None: there are none
    centred: bool = False  # a linear head learns from zero, on features of mean 0 and spread 1; folded back afterwards
    features: Literal["cached", "off"] = "cached"  # frozen outputs are computed once, or in every epoch
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise BadArgument("these training settings cannot be used", got="; ".join(problems))

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON holds them; `from_json` gives them back."""
        bounds = self.clip_value and [bound if isfinite(bound) else None for bound in self.clip_value]
        return {**asdict(self), "hyper": dict(self.hyper), "clip_value": bounds, "restarts": list(self.restarts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """The settings of a JSON document, or of words a user gave.

        Raises:
            BadArgument: a word is unknown, or a value cannot be used.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in data if name not in known]
        if unknown:
            raise BadArgument(
                f"there is no training setting {', '.join(unknown)}",
                expected=", ".join(known),
                nearest=[name for word in unknown for name in nearest_names(word, known, 1)],
            )
        given: dict[str, Any] = dict(data)
        if isinstance(given.get("restarts"), list):
            given["restarts"] = tuple(given["restarts"])
        clip = given.get("clip_value")
        if isinstance(clip, list | tuple) and len(clip) == 2:  # JSON has no infinity: there it is null
            low, high = clip
            given["clip_value"] = (-inf if low is None else low, inf if high is None else high)
        return cls(**given)


def seed_of(settings: Settings | Mapping[str, Any] | None) -> int:
    """The seed, where not all settings are chosen yet."""
    return settings.seed if isinstance(settings, Settings) else (settings or {}).get("seed", Settings.seed)


def _problems(settings: Settings) -> list[str]:
    return _misfits(settings) or _out_of_bounds(settings)


def _misfits(settings: Settings) -> list[str]:
    """Values of another kind than the setting's; nothing where a setting has a value by itself."""
    optional = {setting.name for setting in fields(Settings) if setting.default is None}
    return [
        f"{name} must be {kind}, not {value!r}"
        for name, (fits, kind) in _KINDS.items()
        if not ((value := getattr(settings, name)) is None and name in optional) and not fits(value)
    ]


def _out_of_bounds(settings: Settings) -> list[str]:
    known = HYPER.get(settings.optimizer)
    if known is None:
        close = nearest_names(str(settings.optimizer), HYPER)
        return [f"optimizer {settings.optimizer!r} is none of {', '.join(HYPER)}" + _did_you_mean(close)]
    strange = [
        f"{settings.optimizer} has no {name!r}" + (f", it takes {', '.join(known)}" if known else "")
        for name in settings.hyper
        if name not in known
    ]
    clip = settings.clip_value
    bounds = {
        "lr must be above 0": settings.lr > 0,
        "epochs must be at least 1": settings.epochs >= 1,
        "batch must be at least 1": settings.batch >= 1,
        "seed must be 0 or more": settings.seed >= 0,
        "patience must be at least 1": settings.patience is None or settings.patience >= 1,
        "clip_value must be two bounds, the lower first": clip is None or clip[0] < clip[1],
        "clip_norm must be above 0": settings.clip_norm is None or settings.clip_norm > 0,
        "ema must lie between 0 and 1": settings.ema is None or 0 < settings.ema < 1,
        "layer_decay must lie above 0 and be at most 1": settings.layer_decay is None or 0 < settings.layer_decay <= 1,
        "restarts must rise, and be less than the epochs": _rise(settings.restarts, settings.epochs),
        "l2 must be 0 or more": settings.l2 >= 0,
        "patience goes with keep best": settings.patience is None or settings.keep == "best",
        **{f"{name} must be one of {', '.join(c)}": getattr(settings, name) in c for name, c in _CHOICES.items()},
    }
    return strange + [
        f"{rule}, not {getattr(settings, rule.split()[0])!r}" for rule, kept in bounds.items() if not kept
    ]


def _rise(restarts: tuple[int, ...], epochs: int) -> bool:
    bounds = [0, *restarts, epochs]
    return not restarts or all(lower < upper for lower, upper in pairwise(bounds))


def _did_you_mean(close: tuple[str, ...]) -> str:
    return f", did you mean {close[0]}?" if close else ""
