"""`regraft.register`: any source put into a zoo, with what is known of it; and whole folders of sources."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from regraft.errors import BadArgument, MissingFile, OutOfSpace, RegraftError, UnreadableFile
from regraft.formats import pytorch, saved
from regraft.network import GraphNetwork
from regraft.opening import Address, as_network, classes_of, package_of, zoo_name
from regraft.run import Progress, RunFolder, is_run
from regraft.zoo import CARD, Card, Facts, Zoo
from regraft.zoo.card import as_name

# The files of a TensorFlow checkpoint beside its .index, which stands for all of them.
_OF_CHECKPOINT = re.compile(r"(.*)\.(?:meta|data-\d+-of-\d+)")


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What became of a folder: the cards of what was added, and why each other file was not."""

    cards: tuple[Card, ...]
    skipped: Mapping[str, str]


def register(
    source: Address | GraphNetwork,
    name: str | None = None,
    *,
    tags: Sequence[str] = (),
    licence: str | None = None,
    imagenet: float | None = None,
    parents: Sequence[str] = (),
    weights: Address | None = None,
    zoo: str | PathLike[str] | None = None,
) -> Card:
    """Put a model into a zoo, under whose name `zoo:NAME` opens it from then on.

    Args:
        source: anything `open` takes; a run brings its plan, classes, data and scores along.
        name: its name in the zoo; None: that of the source.
        tags: words to find it by.
        licence: of the weights; None: as the package or the exported model says, if they are its own.
        imagenet: its accuracy on ImageNet (top 1), a share, as it was published; None: as the package says, likewise.
        parents: the names of models its weights came from; (): for a run they are found by the source it was given.
        weights: of the source, as for `open`.
        zoo: the folder of the zoo; None: the user's own, or what REGRAFT_ZOO names.

    Returns:
        Its card: that of before, with a warning, where the same model is there under this name already.

    Raises:
        RegraftError: the source cannot be opened, another model has the name, or the accuracy is no share.
    """
    if imagenet is not None and not 0 <= imagenet <= 1:
        raise BadArgument("an accuracy is a share", expected="0 to 1", got=f"{imagenet:g}")
    shelf, network = Zoo(zoo), as_network(source, weights=weights)
    own, facts = _told(source, network, shelf)
    if weights is not None:  # what is published of the source is not said of these
        origin = f"{facts.origin}, weights {weights}"
        facts = replace(facts, origin=origin, licence=None, about={})
    facts = replace(facts, about=_with_imagenet(facts.about, imagenet))
    return shelf.add(network, own if name is None else name, _with(facts, tags, licence, parents))


def register_folder(
    folder: str | PathLike[str],
    *,
    tags: Sequence[str] = (),
    licence: str | None = None,
    zoo: str | PathLike[str] | None = None,
) -> Registered:
    """Put all models in a folder, and in those in it, into a zoo; each is called by its place in the folder.

    What does not open, or finds no free name, is left out.

    Raises:
        MissingFile: there is no such folder.
        RegraftError: the zoo cannot be added to.
    """
    root, shelf, progress = Path(folder), Zoo(zoo), Progress()
    if not root.is_dir():
        raise MissingFile("there is no such folder", where=str(folder))
    shelf.require_writable()
    cards: dict[str, Card] = {}
    skipped: dict[str, str] = {}
    places = list(_places(root))
    with progress.task("models", len(places)) as advance:
        for place in places:
            try:
                network = as_network(place)
                facts = _with(_told(place, network, shelf)[1], tags, licence)
                card = _added(shelf, network, root, place, facts)
                cards[card.name] = card
            except OutOfSpace:  # no model after it would find room
                raise
            except RegraftError as error:
                skipped[str(place)] = error.what
            advance(1)
    return Registered(cards=tuple(cards.values()), skipped=skipped)


def register_exported(path: str | PathLike[str], *, zoo: str | PathLike[str] | None = None) -> list[Card]:
    """Put what `Zoo.export` wrote into a zoo, under the name and with the tags it had: one model, or a folder of them.

    Raises:
        RegraftError: there is none, or another model has the name of one.
    """
    root = Path(path)
    inside = [place for place in sorted(root.iterdir()) if saved.opens(place)] if root.is_dir() else []
    return [register(place, zoo=zoo) for place in inside or [root]]


def published(package: str, pattern: str = "*") -> list[str]:
    """The addresses of the models a package publishes weights of, by a pattern as a shell has it.

    Raises:
        RegraftError: the package is not installed, publishes none, or its hub cannot be reached.
    """
    package = package.removesuffix(":")
    return [f"{package}:{name}" for name in pytorch.model_names(package, pattern)]


def _with(facts: Facts, tags: Sequence[str], licence: str | None, parents: Sequence[str] = ()) -> Facts:
    """What a source says of itself, where the caller says nothing else."""
    return replace(
        facts,
        tags=tuple(tags) or facts.tags,
        licence=licence or facts.licence,
        parents=tuple(parents) or facts.parents,
    )


def _with_imagenet(about: Mapping[str, Any], accuracy: float | None) -> dict[str, Any]:
    """What is told of a model, with its accuracy on ImageNet if that is known."""
    if accuracy is None:
        return dict(about)
    metrics = about.get("metrics")  # anybody may have written them
    return {**about, "metrics": {**(metrics if isinstance(metrics, dict) else {}), "imagenet": {"accuracy": accuracy}}}


def _told(source: Address | GraphNetwork, network: GraphNetwork, zoo: Zoo) -> tuple[str, Facts]:
    """The name a source has by itself, and what it says of itself."""
    if isinstance(source, GraphNetwork):
        return "", Facts()
    if parent := zoo_name(source):
        card, about = Zoo()[parent], Zoo().details(parent).about
        facts = Facts(tags=card.tags, format=card.format, licence=card.licence, about=about)
        return parent, replace(facts, origin=str(source), parents=(parent,))
    path = Path(source)
    if not package_of(source) and saved.opens(path):
        return _told_by_model(path, zoo)
    classes = classes_of(source, None, network)
    facts = Facts(about={"classes": list(classes)} if classes else {})
    if package := package_of(source):
        own = str(source).partition(":")[2]
        facts = replace(facts, about=_with_imagenet(facts.about, pytorch.imagenet_accuracy(package, own)))
        name = as_name(_absolute(Path(own)).name if Path(own).is_dir() else own)
        return name, replace(facts, origin=str(source), licence=pytorch.licence(package, own))
    return as_name(_stem(path)), replace(facts, origin=str(_absolute(path)))


def _told_by_model(path: Path, zoo: Zoo) -> tuple[str, Facts]:
    """What a model folder says, or a run; an exported one says what its card said."""
    about = saved.about(path)
    card = _checked(about.pop(CARD, {}), path)
    folder = _absolute(path)
    run = next((place for place in (folder, folder.parent) if is_run(place)), None)
    facts = Facts(
        tags=tuple(card.get("tags", ())),
        format=card.get("format"),
        origin=card.get("origin") if card else str(folder),
        licence=card.get("licence"),
        parents=tuple(card.get("parents", ())) or _parents(run, zoo),
        about=about,
    )
    return card.get("name") or as_name((run or folder).name), facts


def _parents(run: Path | None, zoo: Zoo) -> tuple[str, ...]:
    """The model of a zoo that a run started from, if it is there."""
    settings = RunFolder(run).read_json("settings.json") if run and RunFolder(run).settings.is_file() else None
    source = settings.get("source") if isinstance(settings, dict) else None
    parent = zoo.known_as(source) if isinstance(source, str) else None
    return (parent,) if parent else ()


def _checked(card: Any, path: Path) -> dict[str, Any]:
    """The card in a folder that anybody may have written."""
    kinds = {"name": str, "format": str, "origin": str | None, "licence": str | None, "tags": list, "parents": list}
    said = {word: card[word] for word in kinds if word in card} if isinstance(card, dict) else {"card": card}
    for word, value in said.items():
        texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
        if not isinstance(value, kinds.get(word, bool)) or (isinstance(value, list) and not texts):
            raise UnreadableFile(f"model.json is damaged: the {word} of its card is {value!r:.60}", where=str(path))
    return said


def _places(folder: Path) -> Iterator[Address]:
    """What may be a model in a folder and those below it; a link to a folder is one if that is a model."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (address := _model_folder(path)):
            yield address
        elif path.is_dir() and not path.is_symlink():
            yield from _places(path)
        elif path.is_file() and not path.name.startswith(".") and not _is_beside(path):
            yield path


def _model_folder(path: Path) -> Address | None:
    """The address of a folder that is one model as a whole; None: it is none."""
    if saved.opens(path) or (path / "saved_model.pb").is_file():
        return path
    weights = any((path / name).is_file() for name in ("model.safetensors", "pytorch_model.bin"))
    return f"hf:{path}" if weights and (path / "config.json").is_file() else None


def _is_beside(path: Path) -> bool:
    """Whether a file is part of a TensorFlow checkpoint, which its .index file stands for."""
    found = _OF_CHECKPOINT.fullmatch(path.name)
    return path.name == "checkpoint" or bool(found and path.with_name(f"{found[1]}.index").is_file())


def _added(zoo: Zoo, network: GraphNetwork, root: Path, place: Address, facts: Facts) -> Card:
    """Add one of a folder's models; where its name is another's, the ending of the file becomes part of it."""
    path = Path(str(place).removeprefix("hf:"))
    inside = path.relative_to(root)
    try:
        return zoo.add(network, as_name(str(inside.with_suffix("") if path.is_file() else inside)), facts)
    except BadArgument:
        return zoo.add(network, as_name(str(inside)), facts)


def _absolute(path: Path) -> Path:
    """The whole path, links as they are called."""
    return Path(os.path.abspath(path))


def _stem(path: Path) -> str:
    """The name of a file without its ending; that of a checkpoint ("model.ckpt-18") has none."""
    return path.stem if path.suffix and path.exists() else path.name
