"""`regraft multitask`: several tasks on one trunk."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import divided
from regraft.cli.fit import same_again
from regraft.cli.naming import NAMED, named
from regraft.cli.options import Device, Input, Json, Labels, SkipBad, TextColumn, Weights
from regraft.cli.registering import Name, Register, begun
from regraft.errors import BadArgument

if TYPE_CHECKING:
    from regraft.data import Splits
    from regraft.joint import Learned
    from regraft.network.plan import Plan

_UNCERTAINTY = "uncertainty"


def multitask(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[list[str], Argument(metavar=f"{NAMED}...", help="Labelled data of each task.")],
    validation: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a task to choose by.")] = None,
    test: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a task to test on.")] = None,
    label: Annotated[list[str] | None, Option(metavar="NAME=COLUMN", help="Where a task's labels stand.")] = None,
    task: Annotated[
        list[str] | None, Option(metavar="NAME=KIND", help="What its labels are: multilabel or regress; else classes.")
    ] = None,
    text: TextColumn = None,
    plan: Annotated[
        list[str] | None, Option(metavar="[NAME=]FILE", help="What is reused, frozen and new, in YAML; or a task's.")
    ] = None,
    detach: Annotated[list[str] | None, Option(metavar="NAME", help="A task that leaves the trunk alone.")] = None,
    loss_weights: Annotated[
        str, Option(metavar="NAME=X,...", help="Factors of the losses; or uncertainty: they are learned.")
    ] = "",
    temperature: Annotated[float, Option(help="1: all examples once an epoch; more: small tasks more often.")] = 1.0,
    epochs: Annotated[int | None, Option(help="Passes over the training data, at most.")] = None,
    lr: Annotated[float | None, Option(help="Learning rate.")] = None,
    patience: Annotated[int | None, Option(help="Stop after so many epochs without a better one.")] = None,
    batch: Annotated[int | None, Option(help="Examples a step.")] = None,
    seed: Annotated[int, Option(help="Of the splits, new layers and order.")] = 0,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    input: Input = None,
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    register: Register = False,
    name: Name = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Learn several tasks on one trunk, and each alone to see what that gains.

    The model has an output for each task, called as the task is: predict --to NAME asks it. Given such a model as
    SOURCE, its tasks stay as they are and new ones are put beside them.
    """
    flags = {flag: value for flag, value in locals().items() if value is not None}
    flags["out"], registration = begun(
        out, resume=resume, register=register, name=name, source=source, kind="multitask"
    )
    try:
        found = _learned(flags)
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(flags['out'], sys.argv[1:])}")
        raise
    registration.give(found.as_json, lambda: _print(found), found.run, json=json)


def _learned(flags: Mapping[str, Any]) -> Learned:
    """What the flags ask for."""
    import regraft

    paths = {name: Path(path) for name, path in named(flags["data"], "task").items()}
    said = {word: named(flags.get(word, ()), "task", paths) for word in ("validation", "test", "label", "task")}
    common, plans = _plans(flags.get("plan", ()), paths)
    settings = ("epochs", "lr", "patience", "batch", "seed", "device")
    alike = ("out", "input", "resume", "weights", "temperature")
    return regraft.multitask(
        flags["source"],
        {name: _splits(path, name, said, flags) for name, path in paths.items()},
        plan=common,
        plans=plans,
        detached=flags.get("detach", ()),
        loss_weights=_loss_weights(flags["loss_weights"]),
        settings={name: flags[name] for name in settings if name in flags},
        **{name: flags[name] for name in alike if name in flags},
    )


def _plans(words: Sequence[str], tasks: dict[str, Path]) -> tuple[Plan | None, dict[str, Plan]]:
    """The plan of all tasks, and those of some."""
    from regraft.network.plan import read_plan

    common = [word for word in words if word.partition("=")[0] not in tasks]
    if len(common) > 1:
        raise BadArgument(
            "there is one plan for all tasks", got=", ".join(common), fix="one of a task: --plan NAME=FILE"
        )
    own = named([word for word in words if word not in common], "task", tasks)
    return (read_plan(Path(common[0])) if common else None, {task: read_plan(Path(path)) for task, path in own.items()})


def _splits(path: Path, name: str, said: Mapping[str, Mapping[str, str]], flags: Mapping[str, Any]) -> Splits:
    """The data of a task, with what flags say of it by its name."""
    own = {word: values[name] for word, values in said.items() if name in values}
    kind = own.get("task", "classify")
    if kind not in get_args(Labels):
        raise BadArgument(f"the labels of {name} cannot be {kind!r}", expected=", ".join(get_args(Labels)))
    parts = {word: own.get(word) for word in ("validation", "test")} | {w: flags[w] for w in ("seed", "skip_bad")}
    return divided(path, flags.get("text"), own.get("label"), task=cast("Labels", kind), **parts)


def _loss_weights(text: str) -> dict[str, float] | Literal["uncertainty"]:
    if text == _UNCERTAINTY:
        return _UNCERTAINTY
    try:
        return {name: float(value) for name, value in named(text.split(",") if text else [], "task").items()}
    except ValueError:
        raise BadArgument("the weight of a loss is a number", expected="pos=1,ner=0.5", got=text) from None


def _print(found: Learned) -> None:
    rows: list[tuple[Any, ...]] = [
        (name, one.test.measure, one.alone_score, one.test.score, f"{100 * one.gain:+.1f}")
        for name, one in found.tasks.items()
    ]
    output.table("On the test part", ("task", "measure", "alone", "together", "points"), rows)
    if found.kept:
        print(f"Kept as they were: {', '.join(found.kept)}")
    print(f"Run:     {found.run}\nModel:   {found.model}\nPicture: {found.run / 'gains.svg'}")
