"""`regraft multitask`: several tasks on one trunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.fit import same_again
from regraft.cli.naming import NAMED, named
from regraft.cli.options import Device, Input, Json, SkipBad, TextColumn, Weights
from regraft.errors import BadArgument

if TYPE_CHECKING:
    from regraft.joint import Learned
    from regraft.network.plan import Plan

_UNCERTAINTY = "uncertainty"


def multitask(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[list[str], Argument(metavar=f"{NAMED}...", help="Labelled data of each task.")],
    validation: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a task to choose by.")] = None,
    test: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a task to test on.")] = None,
    label: Annotated[list[str] | None, Option(metavar="NAME=COLUMN", help="Where a task's labels stand.")] = None,
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
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Learn several tasks on one trunk, and each alone to see what that gains.

    The model has an output for each task, called as the task is: --to NAME picks one. Given such a model as SOURCE,
    its tasks stay as they are and new ones are put beside them.
    """
    import regraft
    from regraft.data import Columns, open_splits
    from regraft.run import Progress, place_of

    out = place_of(out, resume=resume, kind="multitask")
    settings = {"epochs": epochs, "lr": lr, "patience": patience, "batch": batch, "seed": seed, "device": device}
    paths = {name: Path(path) for name, path in named(data, "task").items()}
    chosen_by, tested, labels = (named(words or [], "task", paths) for words in (validation, test, label))
    common, plans = _plans(plan or [], paths)
    try:
        splits = {
            name: open_splits(
                path,
                validation=chosen_by.get(name),
                test=tested.get(name),
                columns=Columns(text=text, label=labels.get(name)),
                skip_bad=skip_bad,
                seed=seed,
                progress=Progress(),
            )
            for name, path in paths.items()
        }
        found = regraft.multitask(
            source,
            splits,
            plan=common,
            plans=plans,
            detached=detach or (),
            loss_weights=_loss_weights(loss_weights),
            temperature=temperature,
            settings={word: value for word, value in settings.items() if value is not None},
            out=out,
            input=input,
            resume=resume,
            weights=weights,
        )
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(out, sys.argv[1:])}")
        raise
    output.emit(found.as_json()) if json else _print(found)


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
