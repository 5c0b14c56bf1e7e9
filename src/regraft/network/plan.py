"""What to reuse of a network, what to freeze, and what to put on top: plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from regraft.errors import BadArgument, MissingFile, UnreadableFile, nearest_names

Kind = Literal["dense", "conv", "max_pool", "global_max_pool", "flatten", "embedding", "dropout", "batch_norm", "crf"]
Activation = Literal["relu", "elu", "sigmoid", "tanh"]

_EVERYTHING = ".*"


@dataclass(frozen=True, kw_only=True)
class New:
    """A layer put on top of the trunk; making one raises BadArgument where a field holds what it cannot.

    kind: "dense" and "conv" have `width` units or filters (a dense layer without a width is the output
    layer: one unit a class); "conv" has a `kernel`, square on a picture; "max_pool" halves a picture's sides or a
    sequence; "global_max_pool" keeps the greatest of all places; "flatten" puts their numbers into one vector, where
    a dense layer would average over them; "embedding" has a vector of `width` numbers for each byte of a text;
    "dropout" drops `rate` of its inputs in training; "crf" is an output layer for the words of sentences, and the
    last: a dense one whose tags are rated by those beside them too.
    """

    kind: Kind
    name: str | None = None
    width: int | None = None
    activation: Activation | None = None
    kernel: int = 3
    rate: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no layer can be built of, whoever wrote it: a program, a file or a flag."""
        for word, value in vars(self).items():
            _require_fitting(word, value, where=None)

    @property
    def is_output(self) -> bool:
        """Whether it has one unit a class."""
        return self.kind in ("dense", "crf") and self.width is None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which part of a source is reused and how.

    Patterns are matched as `tf.get_collection(key, scope)` does: `re.match` on the parameter's name,
    with and without its ":0". Beside `freeze_below` or `freeze_above`, which would add nothing to it, the
    `freeze` of everything becomes None.
    """

    at: str | None = None  # the tensor where the trunk ends; None: the bottleneck
    reuse: str = _EVERYTHING  # parameters that keep the source's values; all others start fresh
    rename: Mapping[str, str] = field(default_factory=dict)  # old name (a full-match regex) -> new name
    freeze: str | None = _EVERYTHING  # reused parameters that stay as they are; None: none of them
    freeze_below: str | None = None  # so do those that this tensor is computed from
    freeze_above: str | None = None  # so do those that it is not computed from
    freeze_statistics: bool = False  # so do the moving averages of batch norms, which then use them in training too
    stop_gradient: tuple[str, ...] = ()  # tensors through which no gradient flows
    new: tuple[New, ...] | None = None  # None: one output layer; (): the trunk's end is the output

    def __post_init__(self) -> None:
        """Let a tensor that says what is frozen take the place of the default."""
        if self.freeze == _EVERYTHING and (self.freeze_below is not None or self.freeze_above is not None):
            object.__setattr__(self, "freeze", None)


def with_output(new: Sequence[New] | None) -> list[New]:
    """The layers to add, with the output layer where the plan leaves it out.

    Raises:
        BadArgument: there is a layer on a crf.
    """
    if new is None:
        return [New(kind="dense")]
    layers = list(new) if any(layer.is_output for layer in new) or not new else [*new, New(kind="dense")]
    kinds = [layer.kind for layer in layers]
    if "crf" in kinds[:-1]:
        raise BadArgument("a crf is the last layer", got=", ".join(kinds), fix="put it behind all others")
    return layers


def read_plan(path: Path) -> Plan:
    """The plan in a YAML or JSON file.

    Raises:
        MissingFile: there is no such file.
        UnreadableFile: it is neither YAML nor JSON.
        BadArgument: it holds something that is no plan.
    """
    import yaml

    if not path.is_file():
        raise MissingFile("there is no such plan", where=str(path))
    try:
        data = yaml.safe_load(path.read_bytes())  # JSON is YAML too
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableFile("the plan is neither YAML nor JSON", where=str(path), got=str(error)) from error
    return plan_from_data(data, where=str(path))


def plan_from_data(data: Any, where: str = "plan") -> Plan:
    """A plan from what YAML or JSON gives: {at, reuse, rename, freeze, ..., new: [{kind, name, ...}]}.

    Raises:
        BadArgument: a word is unknown or a value of the wrong kind.
    """
    given = _checked(Plan, data, where)
    if given.get("new") is not None:
        layers = enumerate(given["new"], 1)
        given["new"] = tuple(New(**_checked(New, layer, f"{where}, new layer {k}")) for k, layer in layers)
    if "stop_gradient" in given:
        given["stop_gradient"] = tuple(given["stop_gradient"])
    return Plan(**given)


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """The plan as YAML and JSON hold it; `plan_from_data` gives it back."""
    data = dataclasses.asdict(plan)
    data["stop_gradient"] = list(plan.stop_gradient)
    data["new"] = None if plan.new is None else [dataclasses.asdict(layer) for layer in plan.new]
    return data


# What a word of a plan may hold; numbers given for a real one may be whole.
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "at": ((str, type(None)), "a tensor's name"),
    "reuse": ((str,), "a pattern"),
    "rename": ((dict,), "old names and new names: {old: new}"),
    "freeze": ((str, type(None)), "a pattern, or null for nothing"),
    **dict.fromkeys(("freeze_below", "freeze_above"), ((str, type(None)), "a tensor's name")),
    "freeze_statistics": ((bool,), "true or false"),
    "stop_gradient": ((list, tuple), "a list of tensor names"),
    "new": ((list, tuple, type(None)), "a list of layers"),
    "kind": ((str,), "dense, conv, max_pool, global_max_pool, flatten, embedding, dropout, batch_norm or crf"),
    "name": ((str, type(None)), "a name"),
    "width": ((int, type(None)), "a number of units, at least 1"),
    "activation": ((str, type(None)), "relu, elu, sigmoid or tanh"),
    "kernel": ((int,), "a number of places, at least 1"),
    "rate": ((float, int), "a share from 0 to below 1"),
}
_CHOICES = {"kind": get_args(Kind), "activation": (*get_args(Activation), None)}
_BOUNDS = {"width": (1, inf), "kernel": (1, inf), "rate": (0, 1)}  # the least, and what it stays below


def _require_fitting(word: str, value: Any, where: str | None) -> None:
    """Raise BadArgument unless a word of a plan may hold this value."""
    types, expected = _KINDS[word]
    fits = (
        isinstance(value, types)
        and (bool in types or not isinstance(value, bool))
        and value in _CHOICES.get(word, [value])
    )
    if fits and word in ("rename", "stop_gradient"):
        fits = all(isinstance(item, str) for item in _items(value))
    if fits and value is not None and word in _BOUNDS:
        least, below = _BOUNDS[word]
        fits = least <= value < below
    if not fits:
        raise BadArgument(f"{word} cannot be {value!r}", where=where, expected=expected)


def _items(value: Any) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else list(value)


def _checked(record: type[Plan] | type[New], data: Any, where: str) -> dict[str, Any]:
    """The words of a plan or of a layer, each known and holding what it should."""
    known = [field.name for field in dataclasses.fields(record)]
    if not isinstance(data, dict):
        raise BadArgument(
            "this is no plan", where=where, expected="words and values: " + ", ".join(known), got=repr(data)
        )
    unknown = sorted(str(word) for word in data if word not in known)
    if unknown:
        nearest = [name for word in unknown for name in nearest_names(word, known, 1)]
        raise BadArgument(
            f"a plan has no {', '.join(unknown)}", where=where, expected=", ".join(known), nearest=nearest
        )
    for word, value in data.items():
        _require_fitting(word, value, where)
    if record is New and "kind" not in data:
        raise BadArgument("a new layer has no kind", where=where, expected=_KINDS["kind"][1])
    return dict(data)
