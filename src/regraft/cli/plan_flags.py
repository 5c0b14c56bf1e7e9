"""The plan as flags: `--new dense:50:relu:hidden5`, `--rename OLD=NEW`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regraft.errors import BadArgument, nearest_names

if TYPE_CHECKING:
    from regraft.network.plan import New, Plan

# The fields of a new layer after its kind, in the order they are written.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "dense": ("width", "activation", "name"),
    "conv": ("width", "kernel", "activation", "name"),
    "max_pool": ("name",),
    "global_max_pool": ("name",),
    "flatten": ("name",),
    "embedding": ("width", "name"),
    "dropout": ("rate", "name"),
    "batch_norm": ("name",),
    "crf": ("name",),
}
_TYPES: Mapping[str, Callable[[str], object]] = {"width": int, "kernel": int, "rate": float}
_ACTIVATIONS = ("relu", "elu", "sigmoid", "tanh")

NAMES = (
    "plan",
    "at",
    "reuse",
    "rename",
    "freeze",
    "freeze_below",
    "freeze_above",
    "freeze_statistics",
    "stop_gradient",
    "new",
)
NOTHING = "none"  # `--freeze none`


def new_layer(text: str) -> New:
    """A layer from "kind:field:..."; fields left out or empty keep their defaults ("dense::relu:hidden5").

    Raises:
        BadArgument: it is not of that form.
    """
    from regraft.network.plan import New

    kind, *words = text.split(":")
    if kind not in _FIELDS:
        raise _refused(text, f"the kind {kind!r}", "one of " + ", ".join(_FIELDS), nearest_names(kind, _FIELDS))
    fields = _FIELDS[kind]
    if len(words) > len(fields):
        raise _refused(text, f"{len(words)} fields after the kind", _form(kind))
    given = {field: _value(text, kind, field, word) for field, word in zip(fields, words, strict=False) if word}
    try:
        return New(kind=kind, **given)  # pyright: ignore[reportArgumentType] -- the kind is one of _FIELDS
    except BadArgument as error:
        raise BadArgument(f"--new {text!r}: {error.what}", expected=f"{error.expected}, in {_form(kind)}") from None


def renames(pairs: Sequence[str]) -> dict[str, str]:
    """Old names (full-match patterns) and new ones from "OLD=NEW"; the first "=" divides.

    Raises:
        BadArgument: one has no "=", or an old name stands twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise BadArgument(f"--rename {pair!r} cannot be read", expected="OLD=NEW, as in 'dense_1/(.*)=hidden1/\\1'")
        if old in found:
            raise BadArgument(f"--rename gives {old!r} two new names", got=f"{found[old]} and {new}")
        found[old] = new
    return found


def switch_values(pairs: Sequence[str]) -> dict[str, bool | float]:
    """Names of switches and their values in training from "NAME=VALUE": true, false or a number.

    Raises:
        BadArgument: one is not of that form.
    """
    found: dict[str, bool | float] = {}
    for pair in pairs:
        name, _, value = pair.rpartition("=")
        try:
            found[name] = value.lower() == "true" if value.lower() in ("true", "false") else float(value)
        except ValueError:
            name = ""
        if not name:
            raise BadArgument(f"--switch {pair!r} cannot be read", expected="NAME=VALUE, as in keep_prob=0.5")
    return found


def frozen(pattern: str) -> str | None:
    """The pattern of what is frozen; None for "none"."""
    return None if pattern == NOTHING else pattern


def combined(flags: Mapping[str, Any]) -> Plan:
    """The plan of the file under "plan", if one is given, with what the other flags say of it.

    Raises:
        RegraftError: the file or a flag cannot be read.
    """
    from regraft.network.plan import Plan, read_plan

    readers: Mapping[str, Callable[[Any], object]] = {
        "at": str,
        "reuse": str,
        "rename": renames,
        "freeze": frozen,
        "freeze_below": str,
        "freeze_above": str,
        "freeze_statistics": bool,
        "stop_gradient": tuple,
        "new": lambda layers: tuple(map(new_layer, layers)),
    }
    plan = read_plan(flags["plan"]) if "plan" in flags else Plan()
    return replace(plan, **{name: read(flags[name]) for name, read in readers.items() if name in flags})


def _value(text: str, kind: str, field: str, word: str) -> Any:
    if field == "activation" and word not in _ACTIVATIONS:
        expected = f"one of {', '.join(_ACTIVATIONS)}, in {_form(kind)}"
        raise _refused(text, f"the activation {word!r}", expected, nearest_names(word, _ACTIVATIONS))
    try:
        return _TYPES.get(field, str)(word)
    except ValueError:
        raise _refused(text, f"the {field} {word!r}", f"a number, in {_form(kind)}") from None


def _form(kind: str) -> str:
    return ":".join([kind, *(field.upper() for field in _FIELDS[kind])])


def _refused(text: str, got: str, expected: str, nearest: Sequence[str] = ()) -> BadArgument:
    return BadArgument(f"--new {text!r} cannot be read", expected=expected, got=got, nearest=nearest)
