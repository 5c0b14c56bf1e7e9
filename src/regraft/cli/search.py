"""`regraft search`: find out how many layers of a network are worth reusing."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import divided
from regraft.cli.fit import same_again
from regraft.cli.options import Input, Json, LabelColumn, SkipBad, TextColumn, Weights
from regraft.cli.registering import Name, Register, begun

if TYPE_CHECKING:
    from regraft.report.results import Results, Trial
    from regraft.trials.record import Found


def search(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, a table, ...")],
    passes: Annotated[
        float | None,
        Option(help="Budget in passes; else ten, or a minute where they take less, or what --schemes take."),
    ] = None,
    minutes: Annotated[float | None, Option(help="Budget in minutes, in place of passes.")] = None,
    schemes: Annotated[
        Path | None, Option(metavar="FILE", help="What is tried, in YAML; else what suits the data.")
    ] = None,
    augment: Annotated[
        str, Option(metavar="HOW", help="Views of pictures: off, how many are kept, or bypass.")
    ] = "off",
    input: Input = None,
    validation: Annotated[Path | None, Option(metavar="PATH", help="Data to choose by.")] = None,
    test: Annotated[Path | None, Option(metavar="PATH", help="Data to test on, once.")] = None,
    labels: Annotated[Path | None, Option(metavar="FILE", help="The labels of an .npy file.")] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    seed: Annotated[int, Option(help="Of split, folds, fresh weights, views and order.")] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    register: Register = False,
    name: Name = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Find out how many layers of a trained network are worth reusing, and train the best of what was tried.

    All cuts are compared from one pass over the data, hidden layers are tried on the best of them, and blocks are
    thawed from the top, as far as the budget goes. The run folder gets a report to look at, and the winner as a model.
    """
    import regraft

    out, registration = begun(out, resume=resume, register=register, name=name, source=source, kind="search")
    given: dict[str, Any] = {"schemes": schemes, "passes": passes, "minutes": minutes, "augment": augment}
    try:
        splits = divided(
            data, text, label, validation=validation, test=test, labels=labels, seed=seed, skip_bad=skip_bad
        )
        found = regraft.search(source, splits, **given, seed=seed, out=out, input=input, resume=resume, weights=weights)
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(out, sys.argv[1:])}")
        raise
    registration.give(found.as_json, lambda: _print(found), found.run, json=json)


def _print(found: Found) -> None:
    from regraft.report import words
    from regraft.report.results import read_results
    from regraft.run import RunFolder

    results = read_results(RunFolder(found.run))
    title, measure = f"{words.measure(results)} of a linear head by layers reused", results.measure
    output.table(title, ("layers", "cut", measure, "95 %", "neighbours", "untrained"), _curve(results))
    if rows := _tried(results):
        output.table("What else was tried", ("scheme", "validation", "epochs", "what became of it"), rows)
    title = f"{words.measure(results)} on the test part, looked at once"
    output.table(title, ("of", measure, "note"), _compared(results))
    print(words.verdict(results))
    print(f"{words.standing(results)} {words.ties(results)} {words.chosen_on(results)}")
    if said := words.augmented(results):
        print(said)
    spent = words.duration(sum(results.seconds.values()))
    print(f"It took {spent}; one by one, the same schemes take {words.saving(results)} as long.")
    print(f"Run:    {found.run}\nReport: {found.run / 'report.html'}\nModel:  {found.model}")
    print(f"Next:   {shlex.join(['regraft', 'predict', str(found.run)])} FILES")


def _curve(results: Results) -> list[tuple[object, ...]]:
    return [
        (
            point.layers_reused,
            point.cut,
            point.score,
            f"{point.low:.3f} to {point.high:.3f}",
            point.knn,
            point.untrained,
        )
        for point in results.curve
    ]


def _tried(results: Results) -> list[tuple[object, ...]]:
    """What is no linear head on a cut, best first."""
    trials = [trial for trial in results.trials if trial.stage != "probe"]
    trials.sort(key=lambda trial: -(trial.score or 0))
    return [(trial.name, trial.score, trial.epochs, _became(trial, results)) for trial in trials]


def _became(trial: Trial, results: Results) -> str:
    winner = results.winner
    place = (
        "the winner" if trial.number == winner.number else "a tie with the winner" if trial.name in winner.ties else ""
    )
    state = ": ".join(filter(None, (trial.state, trial.note))) if trial.state != "done" else ""
    return "; ".join(filter(None, (place, state)))


def _compared(results: Results) -> list[tuple[str, float, str]]:
    """The winner and what it had to beat, best first."""
    winner, notes = results.winner, results.baseline_notes
    low, high = winner.interval
    best = (f"winner: {winner.name}", winner.score, f"95 %: {low:.3f} to {high:.3f}")
    others = [(name, share, notes.get(name, "")) for name, share in results.baselines.items() if name != winner.name]
    return [best, *sorted(others, key=lambda other: -other[1])]
