"""Schemes: a plan and the settings of its training, from a file or proposed by a recipe."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from regraft.errors import BadArgument, MissingFile, RegraftError, UnreadableFile, nearest_names
from regraft.network import Plan
from regraft.network.plan import plan_from_data, plan_to_data
from regraft.train.settings import Settings

Stage = Literal["probe", "heads", "thaw"]


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """What is tried: a plan, and what differs from the settings that `fit` would take for it."""

    name: str
    plan: Plan
    settings: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The scheme as a file of schemes holds it."""
        return {"name": self.name, "plan": plan_to_data(self.plan), "settings": dict(self.settings)}


def as_schemes(given: str | PathLike[str] | Sequence[Mapping[str, Any]]) -> tuple[Scheme, ...]:
    """The schemes of a file, or of a list as such a file holds it."""
    return read_schemes(Path(given)) if isinstance(given, str | PathLike) else schemes_from_data(given)


def read_schemes(path: Path) -> tuple[Scheme, ...]:
    """The schemes in a YAML or JSON file: a list of {name, plan: {...}, settings: {...}}.

    Raises:
        MissingFile: there is no such file.
        UnreadableFile: it is neither YAML nor JSON.
        BadArgument: an entry is no scheme; the message says which.
    """
    import yaml

    if not path.is_file():
        raise MissingFile("there is no such file of schemes", where=str(path))
    try:
        data = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableFile("the schemes are neither YAML nor JSON", where=str(path), got=str(error)) from error
    return schemes_from_data(data, where=str(path))


def schemes_from_data(data: Any, where: str = "schemes") -> tuple[Scheme, ...]:
    """Schemes from what YAML or JSON gives.

    Raises:
        BadArgument: an entry is no scheme, or two have the same name.
    """
    if not isinstance(data, Sequence) or isinstance(data, str) or not data:
        raise BadArgument(
            "these are no schemes", where=where, expected="a list of {name, plan, settings}", got=repr(data)[:200]
        )
    schemes = tuple(_scheme(entry, f"{where}, scheme {number}") for number, entry in enumerate(data, 1))
    names = [scheme.name for scheme in schemes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadArgument("two schemes have the same name", where=where, got=", ".join(twice))
    return schemes


def cuts_of(schemes: Sequence[Scheme]) -> list[str]:
    """Where their trunks end, as far as they say it."""
    return list(dict.fromkeys(scheme.plan.at for scheme in schemes if scheme.plan.at is not None))


@contextmanager
def placed(where: str) -> Generator[None]:
    """Say of a mistake where it is, unless it says so itself."""
    try:
        yield
    except RegraftError as error:
        error.where = error.where or where
        raise


_WORDS = ("name", "plan", "settings")
_SETTLED = ("device", "features")  # for all schemes of a search


def _scheme(data: Any, where: str) -> Scheme:
    if not isinstance(data, Mapping):
        raise BadArgument("this is no scheme", where=where, expected="{name, plan, settings}", got=repr(data)[:200])
    unknown = [str(word) for word in data if word not in _WORDS]
    if unknown:
        nearest = [name for word in unknown for name in nearest_names(word, _WORDS, 1)]
        raise BadArgument(
            f"a scheme has no {', '.join(unknown)}", where=where, expected=", ".join(_WORDS), nearest=nearest
        )
    if not isinstance(data.get("name"), str):
        raise BadArgument("a scheme has no name", where=where, expected="name: a few words", got=repr(data.get("name")))
    settings = data.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise BadArgument(
            "the settings of a scheme are words and values", where=where, expected="{lr: 0.001}", got=repr(settings)
        )
    with placed(where):
        Settings.from_json(settings)
    if settled := [word for word in _SETTLED if word in settings]:
        raise BadArgument(
            f"a scheme has no {' and '.join(settled)} of its own: a search has one for all",
            where=where,
            fix="leave it out",
        )
    return Scheme(name=data["name"], plan=plan_from_data(data.get("plan") or {}, where), settings=dict(settings))
