"""The card of a model: what is known of it without opening it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from regraft.errors import BadArgument, UnreadableFile

Record = TypeVar("Record", "Card", "Details")

_NAME = re.compile(r"\w[\w.+-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a list of models shows.

    Attributes:
        name: in its zoo; `zoo:NAME` opens the model.
        tags: words of the user's.
        format: what the source was ("tf1-pb", "timm", "saved" for what regraft trained).
        origin: the path or address it came from.
        licence: as the user or the package says it.
        input: "image", "text", "rows", "other", or "none" for weights without a graph.
        parameters: how many numbers its trainable weights have.
        flops: for one example, a multiplication and an addition counting as two; None: there is no graph.
        size: bytes of all its weights and of its graph, shared with others or not.
        architecture: hash of what it computes, whatever its weights and names are.
        content: hash of its graph and weights, names included: models of one content are one model.
        known_as: hashes by which runs name it as their source.
        data: fingerprint of the examples it was trained on.
        metrics: {part: {measure: value}}.
        parents: names of the models its weights came from.
        added: when, in UTC.
    """

    name: str
    tags: tuple[str, ...] = ()
    format: str
    origin: str | None = None
    licence: str | None = None
    input: str
    parameters: int
    flops: int | None
    size: int
    architecture: str
    content: str
    known_as: tuple[str, ...] = field(repr=False)
    data: str | None = None
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    added: str

    @property
    def address(self) -> str:
        """What opens the model, in the user's own zoo."""
        return f"zoo:{self.name}"

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the test part, else on the validation part; None: it is not known."""
        parts = (self.metrics.get(part, {}) for part in ("test", "validation"))
        return next((part["accuracy"] for part in parts if "accuracy" in part), None)

    @property
    def imagenet(self) -> float | None:
        """The accuracy on ImageNet, as it was published; None: it is not known."""
        return self.metrics.get("imagenet", {}).get("accuracy")

    def as_json(self) -> dict[str, Any]:
        """The card as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is known of a model beside its card, and too long for it.

    Attributes:
        inputs: how each input is fed, as `InputSpec.record` has it.
        cuts: where it can be cut, from its input on: {tensor, shape, layers, parameters, flops, block}. `block` is a
            hash of the operations and weights between a cut and the one before it: models whose blocks are equal up to
            a cut compute the same there.
        about: what is saved with the model: task, classes, plan, data, training.
    """

    inputs: tuple[Mapping[str, Any], ...] = ()
    cuts: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes; (): they are not known."""
        classes = self.about.get("classes")
        return tuple(map(str, classes)) if isinstance(classes, list | tuple) else ()


def read_card(text: str, where: str) -> Card:
    """The card of its JSON; words that a later regraft may add to it are left out.

    Raises:
        UnreadableFile: it is no card.
    """
    return _read(Card, text, where)


def read_details(text: str, where: str) -> Details:
    """The details of their JSON.

    Raises:
        UnreadableFile: they are none.
    """
    return _read(Details, text, where)


def words_of(card: Card, details: Details) -> str:
    """What a card is searched for by: its name, tags, origin, licence and classes."""
    said = (card.name, *card.tags, card.origin, card.licence, *details.classes)
    return "\n".join(word.casefold() for word in said if word)


def require_name(name: str) -> str:
    """The name, where a model may be called so.

    Raises:
        BadArgument: it may not.
    """
    if not _NAME.fullmatch(name):
        raise BadArgument(
            "a model cannot be called that",
            expected="up to 100 letters, digits and . _ + -, the first a letter, a digit or _",
            got=repr(name),
            fix="give it a name: --name NAME",
        )
    return name


def as_name(text: str) -> str:
    """The name nearest to any text: what names may not have becomes `-`."""
    return re.sub(r"[^\w.+-]+", "-", text).strip(".+-")[:100]


def _read(kind: type[Record], text: str, where: str) -> Record:
    words = _words(kind)
    try:
        said = {word: _tuple(value) for word, value in json.loads(text).items() if word in words}
        for word, value in said.items():
            kinds, inner = words[word]
            if not isinstance(value, kinds) or (inner and not all(isinstance(item, inner) for item in value)):
                raise TypeError(f"{word} is {value!r:.60}")
        return kind(**said)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableFile("a card of the zoo is damaged", where=where, got=str(error)) from error


@cache
def _words(kind: type) -> Mapping[str, tuple[tuple[type, ...], tuple[type, ...]]]:
    """What the value of each word may be; and what those in it, where it is a list."""
    hints = get_type_hints(kind).items()
    return {
        word: (_kinds(said), _kinds(get_args(said)[0]) if get_origin(said) is tuple else ()) for word, said in hints
    }


def _kinds(said: Any) -> tuple[type, ...]:
    return get_args(said) if isinstance(said, UnionType) else (get_origin(said) or said,)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
