"""`regraft pretrain`: let a new network learn from examples without labels."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import divided, unlabelled
from regraft.cli.examples import labelled as examples_of
from regraft.cli.fit import same_again
from regraft.cli.options import Device, Input, Json, LabelColumn, SkipBad, TextColumn, Weights
from regraft.cli.plan_flags import new_layer
from regraft.cli.registering import Name, Register, begun

if TYPE_CHECKING:
    from regraft.data import Examples
    from regraft.pretraining import Pretrained

Method = Literal["autoencoder", "corruption", "classes"]


def pretrain(
    data: Annotated[Path, Argument(metavar="DATA", help="Pictures, folders of them, an array, .txt, a table, ...")],
    method: Annotated[
        Method,
        Option(help="Undo damage, tell damage, or tell the classes of labelled data."),
    ] = "autoencoder",
    layer: Annotated[
        list[str] | None,
        Option(metavar="LAYER", help="From the lowest: conv:32:3:relu, max_pool, ...; else what is usual."),
    ] = None,
    turns: Annotated[bool, Option("--turns", help="Classes turned by quarters are further classes.")] = False,
    labelled: Annotated[Path | None, Option(metavar="PATH", help="Labelled data to see on what it is worth.")] = None,
    beside: Annotated[str | None, Option(metavar="SOURCE", help="A trained network to compare with there.")] = None,
    input: Input = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    epochs: Annotated[int | None, Option(help="Passes over the data in each training; else 20.")] = None,
    lr: Annotated[float | None, Option(help="Learning rate.")] = None,
    batch: Annotated[int | None, Option(help="Examples a step; else 64.")] = None,
    seed: Annotated[int, Option(help="Of the weights, the damage and the order.")] = 0,
    device: Device = "auto",
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    register: Register = False,
    name: Name = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Make a network of layers that learns from examples without the labels that are wanted later.

    What it learned is a source like any other: `regraft fit`, `search` and `fewshot` take the run. With --labelled it
    is compared with the same layers trained from scratch on the same labels, and with a trained network.
    """
    import regraft

    out, registration = begun(out, resume=resume, register=register, name=name, kind="pretrain")
    given = {"epochs": epochs, "lr": lr, "batch": batch, "seed": seed, "device": device}
    try:
        known = _labelled_or_not(method, data, text, label, labelled, skip_bad=skip_bad)
        goal = None if labelled is None else divided(labelled, text, label, seed=seed, skip_bad=skip_bad)
        found = regraft.pretrain(
            known,
            method,
            layers=[new_layer(text) for text in layer or ()],
            turns=turns,
            labelled=goal,
            source=beside,
            settings={name: value for name, value in given.items() if value is not None},
            out=out,
            input=input,
            resume=resume,
            weights=weights,
        )
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(out, sys.argv[1:])}")
        raise
    registration.give(found.as_json, lambda: _print(found), found.run, json=json)


def _labelled_or_not(
    method: Method, data: Path, text: str | None, label: str | None, beside: Path | None, *, skip_bad: bool
) -> Examples:
    """What is learned from: of the method "classes" with its labels."""
    if method == "classes":
        return examples_of(data, text, label, skip_bad=skip_bad)
    return unlabelled([data], text, beside=beside, skip_bad=skip_bad)


def _print(found: Pretrained) -> None:
    rows = [
        (name, measured["epochs"], measured["best_epoch"], _measured(measured))
        for name, measured in found.trainings.items()
    ]
    output.table("Trainings, measured on examples held back", ("training", "epochs", "best", "measured"), rows)
    if found.worth:
        ways = [
            (way.name, way.validation, way.test, f"{way.interval[0]:.3f} to {way.interval[1]:.3f}")
            for way in found.worth.ways
        ]
        output.table("The same labels", ("of", "validation", "test", "95 %"), ways)
        print("\n".join(found.worth.verdict))
    print(f"Run:   {found.run}\nModel: {found.model}, which ends in {found.code}")
    print(f"Next:  {shlex.join(['regraft', 'fit', str(found.run)])} DATA")


def _measured(measured: Mapping[str, float]) -> str:
    if "accuracy" in measured:
        return f"accuracy {measured['accuracy']:.3f}, by chance {1 / measured['kinds']:.3f}"
    return f"loss {measured['loss']:.4f}, of the mean {measured['loss_of_the_mean']:.4f}"
