"""`regraft zoo`: the user's own catalog of models."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import divided
from regraft.cli.options import Input, Json, LabelColumn, SkipBad, TextColumn, Weights
from regraft.errors import BadArgument

if TYPE_CHECKING:
    from rich.tree import Tree

    from regraft.ranking import Ranking
    from regraft.zoo import Card
    from regraft.zoo.lineage import Branch, Lineage

Place = Annotated[
    Path | None, Option("--zoo", metavar="PATH", help="The folder of the zoo; else REGRAFT_ZOO, or your own.")
]
Name = Annotated[str, Argument(metavar="NAME", help="Of a model in the zoo.")]
Tags = Annotated[list[str] | None, Option("--tag", metavar="WORD", help="A word to find it by; may be said again.")]
_BAD_FILE = 2
_TIMES = {"k": 1e3, "M": 1e6, "G": 1e9}

zoo = typer.Typer(name="zoo", help="Keep models in a catalog of your own; `zoo:NAME` opens one wherever a source does.")


@zoo.command()
def add(
    source: Annotated[str, Argument(metavar="SOURCE", help="What `regraft show` opens; with --recursive a folder.")],
    name: Annotated[str | None, Option(help="Its name in the zoo; else that of the source.")] = None,
    tag: Tags = None,
    licence: Annotated[str | None, Option(help="Of the weights; else as the package says.")] = None,
    imagenet: Annotated[
        float | None, Option(metavar="SHARE", help="Its accuracy on ImageNet as published; else as the package says.")
    ] = None,
    recursive: Annotated[bool, Option("--recursive", help="Add all models in a folder and those below it.")] = False,
    weights: Weights = None,
    zoo: Place = None,
    json: Json = False,
) -> None:
    """Put a model into the zoo, or all models in a folder; what does not open is left out, and it is said why."""
    from regraft.registering import Registered, register, register_folder

    if recursive:
        _refuse("--recursive adds many models", {"--name": name, "--weights": weights, "--imagenet": imagenet})
        done = register_folder(source, tags=tag or (), licence=licence, zoo=zoo)
    else:
        tags = tag or ()
        card = register(source, name, tags=tags, licence=licence, imagenet=imagenet, weights=weights, zoo=zoo)
        done = Registered(cards=(card,), skipped={})
    if json:
        output.emit({"models": [card.as_json() for card in done.cards], "skipped": done.skipped})
        return
    _print_cards(done.cards)
    for path, reason in done.skipped.items():
        output.say(f"skipped {path}: {reason}")


@zoo.command("list")
def list_(
    pattern: Annotated[str, Argument(metavar="PATTERN", help="Of names, as a shell has it: 'mobile*'.")] = "*",
    input: Annotated[str | None, Option(help="Only those that take this: image, text, rows, other, none.")] = None,
    tag: Annotated[str | None, Option(metavar="WORD", help="Only those with this tag.")] = None,
    max_params: Annotated[
        str | None, Option(metavar="N", help="Only those with so many parameters at most: 5M, 300k.")
    ] = None,
    sort: Annotated[str, Option(help="By name, params, flops, size, accuracy or added.")] = "name",
    remote: Annotated[
        str | None,
        Option(metavar="PACKAGE", help="What a package publishes, not the zoo: timm, torchvision, hf."),
    ] = None,
    zoo: Place = None,
    json: Json = False,
) -> None:
    """List the models of the zoo, or of a package."""
    if remote is not None:
        _refuse(
            "a package says the names of its models only", {"--input": input, "--tag": tag, "--max-params": max_params}
        )
        _list_remote(remote, pattern, json)
        return
    from regraft.zoo import Zoo

    at_most = None if max_params is None else _number(max_params)
    _give(Zoo(zoo).list(pattern, input=input, tag=tag, max_params=at_most, sort=sort), json)


@zoo.command()
def search(
    text: Annotated[str, Argument(metavar="TEXT", help="Of names, tags, origins, licences and classes.")],
    zoo: Place = None,
    json: Json = False,
) -> None:
    """List the models that have a text in their name, tags, origin, licence or classes."""
    from regraft.zoo import Zoo

    _give(Zoo(zoo).search(text), json)


@zoo.command()
def show(name: Name, zoo: Place = None, json: Json = False) -> None:
    """Show all that is known of a model, what it came from and what came from it."""
    from regraft.zoo import Zoo

    shelf = Zoo(zoo)
    card, details, lineage, own = shelf[name], shelf.details(name), shelf.lineage(name), shelf.own_bytes(name)
    if json:
        known = {"inputs": details.inputs, "cuts": details.cuts, "about": details.about}
        output.emit({**card.as_json(), **known, "own_bytes": own, "lineage": lineage})
        return
    said = {
        "tags": ", ".join(card.tags),
        "format": card.format,
        "origin": card.origin,
        "licence": card.licence,
        "input": card.input,
        "parameters": f"{card.parameters:,}",
        "FLOPs": None if card.flops is None else f"{card.flops:,}",
        "size": f"{card.size:,} bytes, {own:,} of them its own",
        "classes": _shortened(details.classes),
        "trained on": card.data,
        "accuracy": card.accuracy,
        "added": card.added,
        "content": card.content,
    }
    output.table(card.name, ("", ""), ((word, value) for word, value in said.items() if value))
    if details.cuts:
        cuts = ((cut["tensor"], tuple(cut["shape"] or ()), cut["parameters"], cut["flops"]) for cut in details.cuts)
        output.table("Cuts", ("tensor", "shape", "parameters below", "FLOPs below"), cuts)
    _print_lineage(lineage)


@zoo.command()
def remove(
    names: Annotated[list[str], Argument(metavar="NAME...", help="Of models in the zoo.")],
    zoo: Place = None,
    json: Json = False,
) -> None:
    """Take models out of the zoo; `regraft zoo gc` then frees the disk of what no other model has."""
    from regraft.zoo import Zoo

    shelf = Zoo(zoo)
    for name in [shelf[name].name for name in dict.fromkeys(names)]:  # all are known before one is removed
        shelf.remove(name)
    output.emit({"removed": names}) if json else print(f"Removed: {', '.join(names)}\nNext:    regraft zoo gc")


@zoo.command()
def verify(zoo: Place = None, json: Json = False) -> None:
    """Look at every byte of every model: whether it is what was put there."""
    from regraft.zoo import Zoo

    found = Zoo(zoo).verify()
    if json:
        output.emit(vars(found))
    else:
        for problem in found.problems:
            print(problem)
        print(f"{found.models:,} models, {found.tensors:,} weights, {found.bytes:,} bytes: ", end="")
        print(f"{len(found.problems)} problems" if found.problems else "all as they were")
    if found.problems:
        raise typer.Exit(_BAD_FILE)


@zoo.command()
def gc(zoo: Place = None, json: Json = False) -> None:
    """Free the disk of what no model has any more; others may use the zoo meanwhile."""
    from regraft.zoo import Zoo

    freed = Zoo(zoo).gc()
    output.emit(vars(freed)) if json else print(f"{freed.tensors:,} weights removed, {freed.bytes:,} bytes")


@zoo.command()
def export(
    name: Annotated[str, Argument(metavar="NAME", help="Of a model, or a pattern of several: 'mobile*'.")],
    out: Annotated[Path, Argument(metavar="DIR", help="A new folder; of several, one that gets a folder for each.")],
    zoo: Place = None,
    json: Json = False,
) -> None:
    """Write a model as a full one that needs no zoo: `regraft fit` and the rest take the folder."""
    from regraft.zoo import Zoo

    shelf = Zoo(zoo)
    several = any(mark in name for mark in "*?[")
    places = {card.name: out / card.name for card in shelf.list(name)} if several else {name: out}
    if not places:
        raise BadArgument(
            f"no model has a name like {name!r}", where=str(shelf.path), fix="`regraft zoo list` shows all"
        )
    for one, place in places.items():
        shelf.export(one, place)
    output.emit({"models": places}) if json else print("\n".join(f"{one}: {place}" for one, place in places.items()))


@zoo.command("import")
def import_(
    path: Annotated[Path, Argument(metavar="DIR", help="What `regraft zoo export` wrote: a model, or several.")],
    zoo: Place = None,
    json: Json = False,
) -> None:
    """Put exported models into the zoo, under the names and with the tags they had."""
    from regraft.registering import register_exported

    _give(register_exported(path, zoo=zoo), json)


@zoo.command()
def rank(
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")],
    pattern: Annotated[str, Argument(metavar="PATTERN", help="Of names, as a shell has it: 'mobile*'.")] = "*",
    top: Annotated[int, Option(help="How many starts at least are scored on all data.")] = 5,
    minutes: Annotated[float | None, Option(help="How long it may take; what there is no time for is said.")] = None,
    finals: Annotated[bool, Option(help="Fine-tune the two best for a short while, which decides.")] = True,
    input: Input = None,
    validation: Annotated[Path | None, Option(metavar="PATH", help="Data to choose by.")] = None,
    test: Annotated[Path | None, Option(metavar="PATH", help="Data that are kept out of it.")] = None,
    labels: Annotated[Path | None, Option(metavar="FILE", help="The labels of an .npy file.")] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    seed: Annotated[int, Option(help="Of the split, and of the examples that are taken first.")] = 0,
    picture: Annotated[Path | None, Option(metavar="FILE", help="Where score against cost is drawn, as SVG.")] = None,
    zoo: Place = None,
    json: Json = False,
) -> None:
    """Find out which models are the best starts for labelled data; only what is not remembered is computed."""
    from regraft.ranking import rank as carry_out
    from regraft.ranking.picture import draw
    from regraft.zoo import Zoo

    _ = Zoo(zoo).list(pattern)  # where there is no zoo, no data need to be read
    splits = divided(data, text, label, validation=validation, test=test, labels=labels, seed=seed, skip_bad=skip_bad)
    found = carry_out(splits, zoo=zoo, pattern=pattern, top=top, minutes=minutes, finals=finals, input=input, seed=seed)
    if picture is not None:
        draw(picture, found)
    if json:
        output.emit(found.as_json())
        return
    _print_ranking(found)
    if zoo is None:
        print(f"Next: {shlex.join(['regraft', 'search', found.models[0].card.address, str(data)])}")


def _refuse(what: str, flags: Mapping[str, object]) -> None:
    """Raise BadArgument where flags are given that mean nothing here."""
    given = [flag for flag, value in flags.items() if value]
    if given:
        raise BadArgument(what, got=", ".join(given), fix="leave that out")


def _list_remote(package: str, pattern: str, json: bool) -> None:
    from regraft.registering import published

    found = published(package, pattern)
    output.emit({"models": [{"name": name} for name in found]}) if json else print("\n".join(found))


def _number(text: str) -> float:
    """A number as people write large ones: 5M, 300k."""
    times = _TIMES.get(text[-1:], 1)
    try:
        return float(text[:-1] if times > 1 else text) * times
    except ValueError:
        raise BadArgument(
            "--max-params takes a number", expected="a number that may end in k, M or G: 5M", got=text
        ) from None


def _give(cards: Sequence[Card], json: bool) -> None:
    output.emit({"models": [card.as_json() for card in cards]}) if json else _print_cards(cards)


def _print_cards(cards: Iterable[Card]) -> None:
    columns = ("name", "input", "parameters", "FLOPs", "bytes", "accuracy", "tags", "from")
    rows = [
        (
            c.name,
            c.input,
            c.parameters,
            c.flops,
            c.size,
            c.accuracy,
            ", ".join(c.tags),
            ", ".join(c.parents) or c.origin,
        )
        for c in cards
    ]
    output.table("Models", columns, rows)


def _print_ranking(found: Ranking) -> None:
    columns = (
        "name",
        "fine-tuned",
        "score",
        "95 %",
        "neighbours",
        "cut",
        "layers",
        "parameters",
        "FLOPs",
        "learned from",
    )
    rows = [
        (
            model.card.name,
            model.tuned and model.tuned.accuracy,
            model.score.accuracy,
            f"{model.score.low:.3f} to {model.score.high:.3f}",
            model.score.knn,
            model.score.cut,
            model.score.layers,
            model.card.parameters,
            model.card.flops,
            model.score.learned,
        )
        for model in found.models
    ]
    output.table("Models as starts, the best first", columns, rows)
    for name, reason in found.skipped.items():
        output.say(f"left out {name}: {reason}")
    for name, what in found.unfinished.items():
        output.say(f"for lack of time {name} is not {what}")
    for way, model in found.baselines.items():
        taken = f"{model.card.name}, score {model.score.accuracy:.4f}" if model else "no card says it"
        print(f"{way[0].upper()}{way[1:]}: {taken}")
    run = f"Blocks run: {found.run} of {found.blocks}, for what models share is run once"
    print(run if found.blocks else "Nothing had to be computed: all scores are remembered")


def _shortened(names: Sequence[str]) -> str:
    first = ", ".join(names[:5])
    return first if len(names) <= 5 else f"{len(names):,}: {first}, ..."


def _print_lineage(lineage: Lineage) -> None:
    from rich.console import Console
    from rich.tree import Tree

    for title, branches in (("Came from", lineage.parents), ("What came from it", lineage.children)):
        if branches:
            tree = Tree(title, highlight=False)
            _grow(tree, branches)
            Console(highlight=False, markup=False).print(tree)


def _grow(tree: Tree, branches: Iterable[Branch]) -> None:
    from rich.text import Text

    for branch in branches:
        label = branch.name if branch.here else f"{branch.name} (no longer in the zoo)"
        _grow(tree.add(Text(label)), branch.branches)
