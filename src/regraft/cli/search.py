"""`regraft search`: find out how many layers of a network are worth reusing."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.fit import same_again
from regraft.cli.options import Input, Json, SkipBad, Weights

if TYPE_CHECKING:
    from regraft.trials.record import Found


def search(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[Path, Argument(metavar="DATA", help="Folders of pictures by class, .zip, .npz, .csv, ...")],
    passes: Annotated[float | None, Option(help="Budget: so many passes over the data; else ten or a minute.")] = None,
    minutes: Annotated[float | None, Option(help="Budget in minutes, in place of passes.")] = None,
    schemes: Annotated[Path | None, Option(metavar="FILE", help="What is tried, in YAML; else what is usual.")] = None,
    augment: Annotated[str, Option(metavar="HOW", help="off, a number of kept views, or bypass.")] = "off",
    input: Input = None,
    validation: Annotated[Path | None, Option(metavar="PATH", help="Data to choose by.")] = None,
    test: Annotated[Path | None, Option(metavar="PATH", help="Data to test on, once.")] = None,
    labels: Annotated[Path | None, Option(metavar="FILE", help="The labels of an .npy file.")] = None,
    skip_bad: SkipBad = False,
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    seed: Annotated[int, Option(help="Of the split, the folds, the fresh weights and the order.")] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Find out how many layers of a trained network are worth reusing, and train the best of what was tried.

    All cuts are compared from one pass over the data; then blocks are thawed from the top, as far as the budget goes.
    """
    import regraft
    from regraft.data import open_splits
    from regraft.run import place_of

    out = place_of(out, resume=resume, kind="search")
    given: dict[str, Any] = {
        "schemes": schemes,
        "passes": passes,
        "minutes": minutes,
        "augment": augment,
        "input": input,
    }
    try:
        splits = open_splits(data, validation=validation, test=test, labels=labels, seed=seed, skip_bad=skip_bad)
        found = regraft.search(source, splits, **given, seed=seed, out=out, resume=resume, weights=weights)
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(out, sys.argv[1:])}")
        raise
    output.emit(found.as_json()) if json else _print(found)


def _print(found: Found) -> None:
    record = found.as_json()
    winner = record["winner"]
    curve = [(point["layers_reused"], point["cut"], point["accuracy"], point["knn"]) for point in record["curve"]]
    output.table("Accuracy of a linear head by layers reused", ("layers", "cut", "accuracy", "neighbours"), curve)
    tried = [trial for trial in record["trials"] if trial["stage"] != "probe"]
    rows = [(trial["name"], trial["accuracy"], trial["epochs"], trial["state"], trial["note"]) for trial in tried]
    if rows:
        output.table("What else was tried", ("scheme", "validation", "epochs", "state", "note"), rows)
    compared = [(name, value, record["baseline_notes"].get(name, "")) for name, value in record["baselines"].items()]
    low, high = winner["interval"]
    best = (f"winner: {winner['name']}", winner["test"]["accuracy"], f"95 %: {low:.3f} to {high:.3f}")
    output.table("Accuracy on the test part", ("of", "accuracy", "note"), [best, *compared])
    if winner["ties"]:
        print(f"It cannot be told apart on validation from: {', '.join(winner['ties'])}.")
    print(f"Run:    {found.run}\nReport: {found.run / 'report.html'}\nModel:  {found.model}")
    print(f"Next:   {shlex.join(['regraft', 'predict', str(found.run)])} FILES")
