"""Ranking a zoo against probing each of its models by itself, and the choice it leads to against the truth.

    python -m benchmarks ranking --part photos --sources 'mobilenet*' --siblings 1

The pool, networks and siblings fine-tuned on data set aside, is kept in out/ranking, as is all that is measured: a run
that was stopped goes on where it was. Both sides begin with nothing known, and take turns: the ranking, a third of the
models by themselves, the ranking again. The truth, what a search with the usual budget makes of the best candidates, is
kept in ranking_truth.jsonl beside this file: no change of the ranking touches it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

import regraft
from benchmarks.comparing import paired_bootstrap
from benchmarks.kept import Kept
from benchmarks.pool import Size, digits, photos, pool
from benchmarks.results import machine, write_section
from benchmarks.rivals.photos import ROOT, at_hand
from benchmarks.rivals.probing import Plain, plain
from benchmarks.search import code
from regraft.data import Splits
from regraft.ranking.candidates import opened
from regraft.run import Progress
from regraft.zoo import Zoo

PARTS: Mapping[str, Callable[[int], Splits]] = {"photos": photos, "digits": digits}
PER_CLASS = {"photos": 160, "digits": 150}
BEST = 8  # candidates that are fine-tuned, those that are best when each is probed by itself
TURNS = 3  # in which the ranking and the plain way alternate
SILENT = Progress(silent=True)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One kind of data, and the models that are ranked for it."""

    part: str
    per_class: int
    size: Size
    zoo: Zoo

    @property
    def splits(self) -> Splits:
        """The data."""
        return PARTS[self.part](self.per_class)

    @property
    def key(self) -> dict[str, Any]:
        """What tells its measurements from others."""
        return {"part": self.part, "per_class": self.per_class, "pool": self.size.as_json()}

    @property
    def command(self) -> str:
        """What measures it again."""
        size = self.size
        pooled = f"--sources '{size.sources}' --siblings {size.siblings} --epochs {size.epochs}"
        return f"python -m benchmarks ranking --part {self.part} --per-class {self.per_class} {pooled}"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What both sides took, one after the other: the ranking of all models, and some by themselves."""

    seconds: float
    alone: Mapping[str, Plain]

    def of_all(self, names: Sequence[str], half: str) -> float:
        """Seconds of all models by themselves, each the mean of those of its source that were probed so."""
        taken: dict[str, list[float]] = {}
        for name, one in self.alone.items():
            taken.setdefault(_sibling(name)[0], []).append(getattr(one, half))
        return sum(mean(taken[_sibling(name)[0]]) for name in names)


def main(words: Sequence[str] = ()) -> None:
    """Make the pool, measure the parts named, else all, and write their sections."""
    if not at_hand():
        return
    given = parsed(words)
    size = Size(sources=given.sources, siblings=given.siblings, epochs=given.epochs)
    digest = hashlib.sha256(json.dumps(size.as_json()).encode()).hexdigest()[:16]
    zoo = pool(ROOT / "out/ranking" / digest, size)
    for part in given.part or PARTS:
        job = Job(part=part, per_class=given.per_class or PER_CLASS[part], size=size, zoo=zoo)
        command = f"{job.command} --alone {given.alone} --best {given.best}"
        title = f"Ranking a zoo of {len(zoo.list())}: {part}"
        write_section(title, command, section(job, given.alone, given.best))


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ranking")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="may be given several times; else all")
    parser.add_argument("--per-class", type=int, help="examples of each class; else 160 photos, 150 digits")
    parser.add_argument("--sources", default="*", help="only the sources with such names, as a shell has it")
    parser.add_argument("--siblings", type=int, default=4, help="of each source")
    parser.add_argument("--epochs", type=int, default=2, help="that siblings are trained for")
    parser.add_argument("--alone", type=int, help="siblings of each source that are probed by themselves; else all")
    parser.add_argument("--best", type=int, default=BEST, help="candidates that are fine-tuned for the truth")
    given = parser.parse_args(words)
    given.alone = given.siblings if given.alone is None else given.alone
    return given


# --- both sides ---------------------------------------------------------------------------------------


def ours(job: Job, turn: int, kept: Kept) -> dict[str, Any]:
    """The ranking by probing: {seconds, ranking[], skipped, blocks, run}, in the first turn with its finals as well."""
    return kept.once({"side": "regraft", "turn": turn, "code": code(), **job.key}, lambda: _ranked(job, turn == 0))


def _ranked(job: Job, to_the_end: bool) -> dict[str, Any]:
    with _nothing_known() as folder:
        fresh = shutil.copytree(job.zoo.path, folder / "zoo")  # what is remembered stays in the copy
        splits, started = job.splits, time.perf_counter()
        probed = regraft.rank(splits, zoo=fresh, finals=False, progress=SILENT)
        between = time.perf_counter()
        found = {
            "seconds": between - started,
            "ranking": [model.as_json() for model in probed.models],
            "skipped": dict(probed.skipped),
            "blocks": probed.blocks,
            "run": probed.run,
        }
        if to_the_end:
            final = regraft.rank(splits, zoo=fresh, progress=SILENT)
            found |= {
                "finals": time.perf_counter() - between,
                "first": final.models[0].card.name,
                "finalists": {model.card.name: asdict(model.tuned) for model in final.models if model.tuned},
                "baselines": {way: model and model.card.name for way, model in final.baselines.items()},
            }
        return found


def by_itself(job: Job, name: str, kept: Kept) -> Plain:
    """A model probed in the plain way."""
    key = {"side": "plain", "model": name, **job.key}
    return Plain(**kept.once(key, lambda: asdict(_by_itself(job, name))))


def _by_itself(job: Job, name: str) -> Plain:
    splits = job.splits
    return plain(opened(job.zoo, job.zoo[name], splits, None, SILENT), splits)


@contextmanager
def _nothing_known() -> Iterator[Path]:
    """A folder, with no features or calibrations of before."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        yield Path(folder)


# --- the truth ----------------------------------------------------------------------------------------


def truth(job: Job, name: str) -> dict[str, Any]:
    """What a search with its usual budget makes of a model: {winner, right, on}; a mark for each test example."""
    kept = Kept(Path(__file__).parent / "ranking_truth.jsonl")
    return kept.once({"model": name, **job.key}, lambda: _searched(job, name))


def _searched(job: Job, name: str) -> dict[str, Any]:
    with _nothing_known() as folder:
        winner = regraft.search(job.zoo.open(name), job.splits, out=folder / "run").winner
        right = winner.probability.argmax(1) == job.splits.test.labels
        marks = "".join("01"[hit] for hit in right.tolist())
        return {"winner": winner.trial.scheme.name, "right": marks, "on": machine()}


def choices(found: Mapping[str, Any], alone: Mapping[str, Plain]) -> dict[str, str | None]:
    """Which model each way takes."""
    return {
        "`regraft zoo rank`": found["first"],
        "the same without its finals": found["ranking"][0]["name"],
        "each probed by itself": max(alone, key=lambda name: alone[name].accuracy),
        **found["baselines"],
    }


# --- what is said -------------------------------------------------------------------------------------


def section(job: Job, count: int, best: int) -> str:
    """What both sides took, what was shared, and what the choice loses against the best."""
    kept, splits = Kept(ROOT / "out/ranking.jsonl"), job.splits
    found = ours(job, 0, kept)
    names = sorted(model["name"] for model in found["ranking"])
    drawn = [name for name in names if _sibling(name)[1] < count]
    many = min(TURNS, count + 1)  # each has some of every source
    turns = [
        Turn(
            seconds=ours(job, turn, kept)["seconds"],
            alone={name: by_itself(job, name, kept) for name in drawn[turn::many]},
        )
        for turn in range(many)
    ]
    alone = {name: one for turn in turns for name, one in turn.alone.items()}
    shared = found["blocks"] - found["run"]
    return f"""
{len(names)} models, {len(found["skipped"])} left out; {len(splits.train)} examples to learn from, and
{len(splits.validation)} to choose by. In the plain way each model is probed by itself: every example is decoded for it
and goes through it once, in PyTorch's eager mode, and scikit-learn fits eight logistic regressions on each of its cuts.
{len(alone)} models were probed so, some in each of {many} turns with the ranking; the others are taken to need what
these do, on average of their source.
Of the {found["blocks"]} blocks that the ranking needed, {shared} ({shared / found["blocks"]:.0%}) were shared
with another model.

{speed(names, turns, found["finals"])}

{regrets(job, choices(found, alone), alone, best) if best else ""}

| model | score | learned from | fine-tuned | by itself | seconds by itself |
|---|---|---|---|---|---|
{rows(found, alone)}
"""


def _sibling(name: str) -> tuple[str, int]:
    """The source a model comes from, and which of its siblings it is; -1: it is the source."""
    source, _, number = name.rpartition("-")
    return (source, int(number)) if number.isdecimal() else (name, -1)


def speed(names: Sequence[str], turns: Sequence[Turn], finals: float) -> str:
    """What both sides took, as a table: the median of the turns, from the lowest to the highest."""
    took = [turn.seconds for turn in turns]

    def line(what: str, half: str) -> str:
        plainly = [turn.of_all(names, half) for turn in turns]
        times = [seconds / own for seconds, own in zip(plainly, took, strict=True)]
        return f"| {what} | {_spread(plainly, 0)} | {_spread(times, 1)} |"

    return f"""
| | seconds | times as long as the ranking |
|---|---|---|
{line("each by itself", "seconds")}
{line("the same without its heads", "features")}
| `regraft zoo rank --no-finals` | {_spread(took, 0)} | |
| the finals | {finals:.0f} | |
""".strip()


def _spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({low} to {high})"


def regrets(job: Job, taken: Mapping[str, str | None], alone: Mapping[str, Plain], best: int) -> str:
    """How much worse on the test part the model of each way is than the best of all that were fine-tuned."""
    tuned = sorted(alone, key=lambda name: -alone[name].accuracy)[:best]
    found = {name: truth(job, name) for name in dict.fromkeys([*tuned, *filter(None, taken.values())])}
    right = {name: np.array([mark == "1" for mark in one["right"]]) for name, one in found.items()}
    machines = ", ".join(dict.fromkeys(one["on"] for one in found.values()))
    top = max(right, key=lambda name: right[name].mean())
    lines = [
        f"| {way} | {name} | {right[name].mean():.3f} | {paired_bootstrap(right[name], right[top])} |"
        for way, name in taken.items()
        if name is not None
    ]
    return (
        f"""
The truth: the {len(tuned)} models that are best by themselves, and what else is taken, were searched with the usual
budget of `regraft search` ({machines}) and tested on {len(right[top])} examples.
The best is {top}, {right[top].mean():.3f}.

| taken by | model | accuracy, fine-tuned | above the best, 95 % |
|---|---|---|---|
""".lstrip()
        + "\n".join(lines)
    )


def rows(found: Mapping[str, Any], alone: Mapping[str, Plain]) -> str:
    """The models that were scored on most examples, with what each is by itself."""
    finalists = {name: f"{one['accuracy']:.3f}" for name, one in found["finalists"].items()}
    itself = {name: f"{one.accuracy:.3f} | {one.seconds:.0f}" for name, one in alone.items()}
    return "\n".join(
        f"| {model['name']} | {model['score']:.3f} | {model['learned']} | {finalists.get(model['name'], '')} | "
        f"{itself.get(model['name'], ' | ')} |"
        for model in found["ranking"]
        if model["learned"] == found["ranking"][0]["learned"]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
