"""`regraft fit`: reuse a part of a network and train the rest."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output, plan_flags
from regraft.cli.examples import divided
from regraft.cli.options import Device, Input, Json, Kind, LabelColumn, SkipBad, TextColumn, Weights
from regraft.cli.registering import Name, Register, Registration, begun
from regraft.errors import BadArgument, UnsupportedOp

if TYPE_CHECKING:
    from regraft.data import Splits
    from regraft.network import GraphNetwork
    from regraft.network.plan import Plan
    from regraft.tasks.fit import FitResult
    from regraft.tasks.like_source import GoneOn


def fit(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")],
    at: Annotated[str | None, Option(metavar="TENSOR", help="Where the trunk ends; else at the bottleneck.")] = None,
    reuse: Annotated[str | None, Option(metavar="REGEX", help="Parameters that keep their values; else all.")] = None,
    rename: Annotated[list[str] | None, Option(metavar="OLD=NEW", help="New names for parameters, by pattern.")] = None,
    freeze: Annotated[str | None, Option(metavar="REGEX", help="Parameters that stay as they are; else all.")] = None,
    freeze_below: Annotated[str | None, Option(metavar="TENSOR", help="Freeze what this is computed from.")] = None,
    freeze_above: Annotated[str | None, Option(metavar="TENSOR", help="Freeze the trunk above this.")] = None,
    freeze_statistics: Annotated[
        bool | None, Option("--freeze-statistics", help="Freeze the moving averages of batch norms.")
    ] = None,
    stop_gradient: Annotated[list[str] | None, Option(metavar="TENSOR", help="Stop gradients here.")] = None,
    new: Annotated[list[str] | None, Option(metavar="LAYER", help="A layer on top: dense:50:relu:NAME.")] = None,
    plan: Annotated[Path | None, Option(metavar="FILE", help="A plan in YAML or JSON; flags go before it.")] = None,
    switch: Annotated[list[str] | None, Option(metavar="NAME=VALUE", help="A switch's value in training.")] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would be done, and stop.")] = False,
    input: Input = None,
    validation: Annotated[Path | None, Option(metavar="PATH", help="Data to choose by.")] = None,
    test: Annotated[Path | None, Option(metavar="PATH", help="Data to test on, once.")] = None,
    labels: Annotated[Path | None, Option(metavar="FILE", help="The labels of an .npy file.")] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    task: Kind = "classify",
    skip_bad: SkipBad = False,
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    epochs: Annotated[int | None, Option(help="At most so many passes over the data.")] = None,
    lr: Annotated[float | None, Option(help="Learning rate.")] = None,
    optimizer: Annotated[str | None, Option(help="sgd, momentum, adam, adamw, rmsprop or adagrad.")] = None,
    schedule: Annotated[str | None, Option(help="Of the learning rate: constant, cosine or one-cycle.")] = None,
    layer_decay: Annotated[float | None, Option(help="Learning rate of a block by that of the one above.")] = None,
    momentum: Annotated[float | None, Option(help="Of momentum or rmsprop.")] = None,
    clip_value: Annotated[float | None, Option(help="Clip each number of a gradient to -X..X.")] = None,
    clip_norm: Annotated[float | None, Option(help="Scale gradients to at most this joint norm.")] = None,
    batch: Annotated[int | None, Option(help="Examples a step.")] = None,
    seed: Annotated[int, Option(help="Of the split, the fresh weights and the order.")] = 0,
    device: Device = "auto",
    patience: Annotated[int | None, Option(help="Stop after so many epochs without a better one.")] = None,
    ema: Annotated[
        float | None, Option(help="Decay of averaged weights: they become the model, `raw` beside it has the others.")
    ] = None,
    like_source: Annotated[bool, Option("--like-source", help="Train on as the source's own graph did.")] = False,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    register: Register = False,
    name: Name = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Reuse a part of a trained network and train the rest on labelled data.

    Without a plan everything up to the bottleneck is frozen, and a new linear layer is trained on it.
    """
    flags = {name: value for name, value in locals().items() if value not in (None, [])}
    flags["out"], registration = begun(out, resume=resume, register=register, name=name, source=source)
    try:
        _gone_on(flags, registration) if like_source else _fitted(flags, registration)
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(flags['out'], sys.argv[1:])}")
        raise


def _fitted(flags: Mapping[str, Any], registration: Registration) -> None:
    """Carry out a plan."""
    import regraft

    plan = plan_flags.combined(flags)
    switches = plan_flags.switch_values(flags.get("switch", ()))
    network = _opened(flags["source"], plan, flags.get("weights")).with_switches(switches)
    splits = _splits(flags)
    if flags["dry_run"]:
        _say_only(network, splits, plan, flags)
        return
    result = regraft.fit(
        network, splits, plan=plan, settings=_settings(flags), **_named(flags, "out", "input", "resume")
    )
    registration.give(result.as_json, lambda: _print(result), result.run, json=flags["json"])


def _gone_on(flags: Mapping[str, Any], registration: Registration) -> None:
    """Train as the source did."""
    import regraft

    strange = [f"--{name.replace('_', '-')}" for name in (*plan_flags.NAMES, "dry_run") if flags.get(name)]
    if strange:
        raise BadArgument(
            "--like-source trains the whole network as its source did",
            got=", ".join(strange),
            fix="leave out these, or --like-source",
        )
    named = _named(flags, "out", "input", "resume")
    network = regraft.open(flags["source"], weights=flags.get("weights")).with_switches(
        plan_flags.switch_values(flags.get("switch", ()))
    )
    result = regraft.fit_like_source(network, _splits(flags), settings=_settings(flags), **named)
    registration.give(result.as_json, lambda: _print_measures(result), result.run, json=flags["json"])


def _print_measures(result: GoneOn) -> None:
    output.table("The source's own measures", ("tensor", "test, before", "validation", "test"), _measures(result))
    _print_paths(result.run, result.model)


def _measures(result: GoneOn) -> list[tuple[str, float | None, float, float | None]]:
    """What was measured, by name; an accuracy that the source itself measures stands there once, under its name."""
    rows = [(name, result.before.get(name), value, result.test.get(name)) for name, value in result.validation.items()]
    own = [row[1:] for row in rows if row[0] != "accuracy"]
    return [row for row in rows if row[0] != "accuracy" or not any(_close(row[1:], other) for other in own)]


def _close(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(a is not None and b is not None and abs(a - b) < 1e-6 for a, b in pairs)


def _opened(source: str, plan: Plan, weights: str | None) -> GraphNetwork:
    """The network; only up to the end of the trunk where regraft cannot run what is above it."""
    import regraft

    try:
        return regraft.open(source, weights=weights)
    except UnsupportedOp:
        if plan.at is None:
            raise
        network = regraft.open(source, to=plan.at, weights=weights)
        output.say(f"opened up to {plan.at} only: above it are operations that regraft cannot run")
        return network


def _splits(flags: Mapping[str, Any]) -> Splits:
    parts = _named(flags, "task", "validation", "test", "labels", "seed", "skip_bad")
    return divided(flags["data"], flags.get("text"), flags.get("label"), **parts)


def _settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The training settings among the flags, under the names `regraft.train.Settings` has for them."""
    alike = (
        "epochs",
        "lr",
        "optimizer",
        "schedule",
        "layer_decay",
        "clip_norm",
        "batch",
        "seed",
        "device",
        "patience",
        "ema",
    )
    settings = _named(flags, *alike)
    if "clip_value" in flags:
        settings["clip_value"] = (-flags["clip_value"], flags["clip_value"])
    if "momentum" in flags:
        settings["hyper"] = {"momentum": flags["momentum"]}
    return settings


def _named(flags: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: flags[name] for name in names if name in flags}


def _say_only(network: GraphNetwork, splits: Splits, plan: Plan, flags: Mapping[str, Any]) -> None:
    """What `--dry-run` does: all is settled and said, nothing is computed or written."""
    from regraft.run import Progress
    from regraft.tasks.job import settle_job

    job = settle_job(network, splits, plan, _settings(flags), flags.get("input"), Progress())
    rows = [(row.parameter, row.state, row.count) for row in job.graft.rows]
    if flags["json"]:
        named = [dict(zip(("parameter", "state", "count"), row, strict=True)) for row in rows]
        output.emit({**job.as_json(), "matched": job.graft.matched, "parameters": named})
    else:
        output.table("Parameters", ("name", "what becomes of it", "numbers"), rows)


def _print(result: FitResult) -> None:
    reports = {"test": result.test, "validation": result.validation}
    measured = [(name, report.score) for name, report in reports.items() if report]
    compared = [(f"{name} (test)", score) for name, score in result.baselines.items()]
    measure = result.validation.measure
    output.table(measure.capitalize(), ("of", measure), measured + compared)
    _print_paths(result.run, result.model)


def _print_paths(run: Path, model: Path) -> None:
    print(f"Run:   {run}\nModel: {model}")
    print(f"Next:  {shlex.join(['regraft', 'predict', str(run)])} FILES")


def same_again(out: Path, words: Sequence[str]) -> str:
    """How to go on with a run that was stopped, in the words it was started with."""
    if not out.exists():
        return "nothing was begun yet"
    named = any(word == "--out" or word.startswith("--out=") for word in words)
    more = [*([] if named else ["--out", str(out)]), *([] if "--resume" in words else ["--resume"])]
    return f"go on with: {shlex.join(['regraft', *words, *more])}"
