"""regraft's search against the same schemes by hand, against fastai and against Keras.

    python -m benchmarks search --part heads --pixels 128

All sides get the same photos, divided alike, and the same MobileNetV2. They take turns on five folds, so that every
photo is tested once; each fold has a seed of its own. What is run one by one takes so long that only its first folds
are timed. What schemes are worth is asked on all five, and with `--repeats` on other divisions into five as well: on
1,000 photos alone, chance moves the difference of two equals by more than a point. What is measured is kept in
out/search.jsonl and not measured twice, regraft's own numbers as long as its committed code stays the same. What
schemes tried by hand say of the photos, hours of training that no change of regraft touches, is kept in by_hand.jsonl
beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

import regraft
from benchmarks.comparing import paired_bootstrap, ratios, spread
from benchmarks.kept import Kept
from benchmarks.pool import squeezenet
from benchmarks.results import write_section
from benchmarks.rivals import programs
from benchmarks.rivals.photos import DATA, FOLDS, MODELS, ROOT, WEIGHTS, Fold, at_hand, folds, splits_of
from benchmarks.rivals.schemes import Scheme, read_schemes
from benchmarks.rivals.tutorial import Job, Outcome, cached, one_by_one, shared
from regraft.network import GraphNetwork

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # where schemes by hand are trained for their accuracy
FILES = {"heads": "schemes_heads.yaml", "thaw": "schemes_mixed.yaml"}
PROGRAMS = {"fastai": programs.fastai, "keras": programs.keras}
PARTS = (*FILES, *PROGRAMS, "forecast")
PIXELS = {"heads": 128, "thaw": 128}  # elsewhere 224
MINUTES = 4  # that a search gets whose forecast is looked at
EPOCHS = {"fastai": 3, "keras": 10}  # of schemes: as their files say


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured; `epochs` None: as many as the schemes say."""

    pixels: int
    per_class: int
    folds: int
    epochs: int | None
    measured: int
    repeats: int

    def schemes(self, part: str) -> tuple[Scheme, ...]:
        """The schemes of a part, at this size."""
        found = read_schemes(Path(__file__).parent / FILES[part])
        words = {} if self.epochs is None else {"epochs": self.epochs}
        return tuple(replace(scheme, settings={**scheme.settings, **words}) for scheme in found)

    @property
    def command(self) -> str:
        """The flags that measure it again."""
        words = {"pixels": self.pixels, "per-class": self.per_class, "folds": self.folds, "measured": self.measured}
        words |= {"repeats": self.repeats} if self.repeats > 1 else {}
        epochs = "" if self.epochs is None else f" --epochs {self.epochs}"
        return " ".join(f"--{word} {value}" for word, value in words.items()) + epochs

    @property
    def turns(self) -> list[Turn]:
        """One for each fold of each division."""
        return [Turn(size=self, number=number) for number in range(FOLDS * self.repeats)]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One fold of the photos, on which all sides take turns."""

    size: Size
    number: int  # of the fold, through all divisions, and the seed of all that is drawn

    @property
    def fold(self) -> Fold:
        """The photos of its parts."""
        return folds(self.number // FOLDS, self.size.per_class)[self.number % FOLDS]

    @property
    def key(self) -> dict[str, Any]:
        """What tells its measurements from others."""
        names = ("pixels", "per_class")
        return {"fold": self.number, **{name: getattr(self.size, name) for name in names}}

    def right(self, predictions: Sequence[int]) -> np.ndarray:
        """(n) which photos of the test part were told right."""
        return self.fold.truth == np.array(predictions)


def main(words: Sequence[str] = ()) -> None:
    """Measure the parts named, else all, and write their sections."""
    if not at_hand():
        return
    given = parsed(words)
    kept = Kept(ROOT / "out/search.jsonl")
    for part in given.part or PARTS:
        size = Size(
            pixels=given.pixels or PIXELS.get(part, 224),
            per_class=given.per_class,
            folds=given.folds,
            epochs=given.epochs or EPOCHS.get(part),
            measured=given.measured,
            repeats=given.repeats,
        )
        title, text = SECTIONS[part](part, size, kept)
        write_section(title, f"python -m benchmarks search --part {part} {size.command}", text)


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks search")
    parser.add_argument("--part", choices=PARTS, action="append", help="may be given several times; else all")
    parser.add_argument("--pixels", type=int, help="else 128 for the schemes, 224 elsewhere")
    parser.add_argument("--per-class", type=int, default=200, help="photos of each class, of which there are 200")
    parser.add_argument("--folds", type=int, default=3, help="how many of the five are timed against others")
    parser.add_argument("--epochs", type=int, help="else 3 for fastai, 10 and 10 for Keras, as the schemes say")
    parser.add_argument("--measured", type=int, default=2, help="epochs of each scheme that are run one by one")
    parser.add_argument("--repeats", type=int, default=1, help="divisions into five on which schemes are compared")
    return parser.parse_args(words)


# --- regraft ------------------------------------------------------------------------------------------


def ours(kept: Kept, turn: Turn, schemes: Sequence[Scheme] = (), minutes: float | None = None) -> dict[str, Any]:
    """What regraft's search takes and finds: {seconds, winner, predictions, stages}."""
    limit = {"minutes": minutes, "schemes": [asdict(scheme) for scheme in schemes]}
    return kept.once({"side": "regraft", "code": code(), **limit, **turn.key}, lambda: searched(turn, limit))


def untimed(kept: Kept, turn: Turn, schemes: Sequence[Scheme]) -> dict[str, Any]:
    """The same without a test part, and so without baselines: for the model's predictions."""
    limit = {"minutes": None, "schemes": [asdict(scheme) for scheme in schemes]}
    key = {"side": "regraft, untimed", "code": code(), **limit, **turn.key}
    return kept.once(key, lambda: searched(turn, limit, tested=False))


def searched(
    turn: Turn, limit: Mapping[str, Any], source: str = "MobileNetV2", *, tested: bool = True
) -> dict[str, Any]:
    """Run the search with nothing stored yet, then look at what its model says of the test photos."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        file = Path(folder) / "schemes.yaml"
        file.write_text(yaml.safe_dump(limit["schemes"]), encoding="utf-8")
        start = time.perf_counter()
        found = regraft.search(
            SOURCES[source](turn.size.pixels),
            splits_of(turn.fold if tested else replace(turn.fold, test=())),
            schemes=file if limit["schemes"] else None,
            minutes=limit["minutes"],
            seed=turn.number,
            out=Path(folder) / "run",
        ).as_json()
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "winner": found["winner"]["name"],
            "stages": found["seconds"],
            "forecast": found["budget"]["forecast"],
            "predictions": predictions(Path(found["model"]), turn.fold),
        }


def network(pixels: int) -> GraphNetwork:
    """MobileNetV2, made to take photos of that size."""
    opened = regraft.open("torchvision:mobilenet_v2", weights=WEIGHTS)
    (spec,) = opened.inputs.values()
    return opened.with_input(replace(spec, shape=(*spec.shape[:2], pixels, pixels)))


SOURCES: Mapping[str, Callable[[int], GraphNetwork]] = {
    "MobileNetV2": network,
    "SqueezeNet": lambda _: squeezenet(),
    "MobileNetV1": lambda _: regraft.open(MODELS / "mobilenet_v1_imagenet_tf1/retrained_graph.pb"),
}
FORMATS = {"MobileNetV2": "PyTorch", "SqueezeNet": "Caffe", "MobileNetV1": "TensorFlow 1"}


def predictions(model: Path, fold: Fold) -> list[int]:
    """The class that a model takes each test photo for."""
    found = regraft.predict(model, [DATA / name for name, _ in fold.test]).as_json()["predictions"]
    return [fold.classes.index(photo["class"]) for photo in found]


def code() -> str:
    """What tells one state of regraft from another."""
    done = subprocess.run(["git", "rev-parse", "HEAD:src"], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


# --- the same schemes by hand -------------------------------------------------------------------------

LOOPS: Mapping[str, Callable[[Scheme, Job, int], Outcome]] = {"one by one": one_by_one, "cached": cached}


def tried(kept: Kept, loop: str, scheme: Scheme, turn: Turn, epochs: int) -> Outcome:
    """One scheme by hand."""
    key = {"side": loop, "scheme": asdict(scheme), "epochs": epochs, **turn.key}
    job = Job(fold=turn.fold, pixels=turn.size.pixels, seed=turn.number)
    return Outcome(**kept.once(key, lambda: asdict(LOOPS[loop](scheme, job, epochs))))


def schemes_section(part: str, size: Size, kept: Kept) -> tuple[str, str]:
    """The schemes of a file: seconds of all three sides, and what the winners are worth."""
    schemes = size.schemes(part)
    naive, alone, whole, bare = (list[float]() for _ in range(4))
    for turn in size.turns[: size.folds]:
        few = [tried(kept, "one by one", scheme, turn, min(size.measured, scheme.epochs)) for scheme in schemes]
        naive.append(sum(one.seconds(scheme.epochs) for one, scheme in zip(few, schemes, strict=True)))
        alone.append(sum(tried(kept, "cached", one, turn, one.epochs).seconds(one.epochs) for one in schemes))
        found = ours(kept, turn, schemes)
        whole.append(found["seconds"])
        bare.append(found["seconds"] - found["stages"]["baselines"])
    text = f"""
{len(schemes)} schemes of {schemes[0].epochs} epochs, {size.pixels} px, {size.per_class} photos of each of five classes;
{size.folds} folds are timed. One by one, every photo goes through the whole network in every epoch:
of these {size.measured} of each scheme were run and scaled;
{checked(kept, schemes[-1], size.turns[0])} Nobody by hand trains what a search shows beside
its winner (an untrained trunk, a network from scratch, full fine-tuning): so regraft's time stands with and without it.

| | seconds, median (least to most) | times regraft's | times regraft's without baselines |
|---|---|---|---|
| one by one, scaled | {spread(naive)} | {ratios(naive, whole)} | {ratios(naive, bare)} |
| features cached for each scheme alone | {spread(alone)} | {ratios(alone, whole)} | {ratios(alone, bare)} |
| `regraft search` | {spread(whole)} | | |
| `regraft search`, without its baselines | {spread(bare)} | | |

{winners(size, schemes, kept)}
"""
    return {"heads": "Search: 12 schemes of new layers", "thaw": "Search: 12 schemes, 6 of them thawed"}[part], text


def checked(kept: Kept, scheme: Scheme, turn: Turn) -> str:
    """How far scaling goes wrong for one scheme."""
    whole = tried(kept, "one by one", scheme, turn, scheme.epochs)
    taken = whole.seconds(scheme.epochs)
    few = tried(kept, "one by one", scheme, turn, min(turn.size.measured, scheme.epochs)).seconds(scheme.epochs)
    return f"as a check “{scheme.name}” was run in full: {taken:.0f} s, scaled {few:.0f} s ({few / taken - 1:+.0%})."


def winners(size: Size, schemes: Sequence[Scheme], kept: Kept) -> str:
    """The winner by hand and regraft's, each chosen on validation, on the test parts of all folds."""
    theirs = [turn.right(best_by_hand(schemes, turn)["predictions"]) for turn in size.turns]
    mine = [(ours if turn.number < size.folds else untimed)(kept, turn, schemes)["predictions"] for turn in size.turns]
    right = [turn.right(predictions) for turn, predictions in zip(size.turns, mine, strict=True)]
    often = "once" if size.repeats == 1 else f"{size.repeats} times, in as many divisions into five folds"
    return f"""Each of the {5 * size.per_class:,} photos is tested {often}. By hand, the scheme that is best on
validation tells {accuracy(theirs)} of them right (from cached features, which give the same predictions), regraft's
{accuracy(right)}: {difference(by_photo(size.turns, right), by_photo(size.turns, theirs))}."""


def best_by_hand(schemes: Sequence[Scheme], turn: Turn) -> dict[str, Any]:
    """Of all schemes trained by hand, the one that is best on validation: {name, predictions}."""
    job = Job(fold=turn.fold, pixels=turn.size.pixels, seed=turn.number, device=DEVICE)

    def measure() -> dict[str, Any]:
        best = max(shared(schemes, job), key=lambda one: one.best)
        return {"name": best.name, "predictions": best.predictions}

    digest = hashlib.sha256(repr([asdict(scheme) for scheme in schemes]).encode()).hexdigest()
    return Kept(Path(__file__).parent / "by_hand.jsonl").once({"schemes": digest[:16], **turn.key}, measure)


def by_photo(turns: Sequence[Turn], right: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The share of its tests in which each photo was told right."""
    found: dict[str, list[bool]] = {}
    for turn, own in zip(turns, right, strict=True):
        for (name, _), hit in zip(turn.fold.test, own.tolist(), strict=True):
            found.setdefault(name, []).append(hit)
    return [np.array([np.mean(found[name]) for name in sorted(found)])]


def accuracy(right: Sequence[np.ndarray]) -> str:
    """The share of all photos told right."""
    return f"{np.concatenate(right).mean():.3f}"


def difference(mine: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> str:
    """Ours less theirs over all photos, with the interval."""
    return str(paired_bootstrap(np.concatenate(mine), np.concatenate(theirs)))


# --- fastai and Keras ---------------------------------------------------------------------------------

SAID = {
    "fastai": ("`fine_tune({})`", "fastai's `vision_learner` with its defaults, its photos resized to {} px"),
    "keras": ("{0} epochs frozen, {0} thawed", "Keras's guide to fine-tuning MobileNetV2, at {} px"),
}


def program_section(part: str, size: Size, kept: Kept) -> tuple[str, str]:
    """A rival in its own environment, against regraft with a fifth of its time and with all of it."""
    turns = size.turns[: size.folds]
    columns = list(zip(*(against(part, turn, kept) for turn in turns), strict=True))
    seconds = [[side["seconds"] for side in column] for column in columns]
    right = [[turn.right(side["predictions"]) for turn, side in zip(turns, column, strict=True)] for column in columns]
    name, about = (text.format(value) for text, value in zip(SAID[part], (size.epochs, size.pixels), strict=True))
    rows = [f"| {name} | {spread(seconds[0])} | | {accuracy(right[0])} | |"]
    labels = ("given a fifth of its time", "given as long")
    for label, column, taken, told in zip(labels, columns[1:], seconds[1:], right[1:], strict=True):
        bare = [side["seconds"] - side["stages"]["baselines"] for side in column]
        ratio, gap = ratios(seconds[0], taken), difference(told, right[0])
        rows.append(f"| `regraft search`, {label} | {spread(taken)} | {ratio} | {accuracy(told)} | {gap} |")
        rows.append(f"| the same, without its baselines | {spread(bare)} | {ratios(seconds[0], bare)} | | |")
    head = f"""
{about}; {size.per_class} photos of each of five classes, {size.folds} folds. Times are those from after the
imports to the predictions; regraft's hold opening the network and, but for the lower row of each pair, its baselines.

| | seconds, median (least to most) | times as fast | test accuracy | regraft above it, 95 % |
|---|---|---|---|---|
"""
    return f"Search against {part}", head + "\n".join(rows)


def against(part: str, turn: Turn, kept: Kept) -> tuple[dict[str, Any], ...]:
    """The rival, regraft in a fifth of its time, and regraft in its time."""
    size = turn.size
    key = {"side": part, "epochs": size.epochs, **turn.key}
    rival = kept.once(key, lambda: PROGRAMS[part](turn.fold, size.pixels, size.epochs or EPOCHS[part], turn.number))
    minutes = in_minutes(rival["seconds"])
    return rival, ours(kept, turn, minutes=in_minutes(rival["seconds"] / 5)), ours(kept, turn, minutes=minutes)


def in_minutes(seconds: float) -> float:
    """Seconds as minutes that a key can hold."""
    return round(seconds / 60, 3)


# --- the forecast -------------------------------------------------------------------------------------


def forecast_section(part: str, size: Size, kept: Kept) -> tuple[str, str]:
    """What was said before a search and what it took, for three sources."""
    rows = list[str]()
    for name in SOURCES:
        said, took = zip(*(foreseen(name, turn, kept) for turn in size.turns[: size.folds]), strict=True)
        off = [f"{worst(took, beside):+.0%}" for beside in (said, [60 * MINUTES] * len(took))]
        rows.append(f"| {name} ({FORMATS[name]}) | {spread(said, 0)} | {spread(took, 0)} | {' | '.join(off)} |")
    head = f"""
{5 * size.per_class} photos at {size.pixels} px (SqueezeNet takes 227), {MINUTES} minutes given; all stages,
planning among them. The last two columns hold the worst of {size.folds} folds.

| source | forecast, s | taken, s | taken against the forecast | and against the budget |
|---|---|---|---|---|
"""
    return "Search: what was forecast", head + "\n".join(rows)


def worst(taken: Sequence[float], expected: Sequence[float]) -> float:
    """The share by which one is off most."""
    return max((took / said - 1 for took, said in zip(taken, expected, strict=True)), key=abs)


def foreseen(source: str, turn: Turn, kept: Kept) -> tuple[float, float]:
    """The seconds that were said beforehand, and those it took."""
    key = {"side": "forecast", "source": source, "code": code(), "minutes": MINUTES, **turn.key}
    found = kept.once(key, lambda: searched(turn, {"minutes": MINUTES, "schemes": []}, source))
    planning = found["stages"]["planning"]  # over when the forecast is made
    return planning + sum(found["forecast"].values()), sum(found["stages"].values())


SECTIONS: Mapping[str, Callable[[str, Size, Kept], tuple[str, str]]] = {
    **dict.fromkeys(FILES, schemes_section),
    **dict.fromkeys(PROGRAMS, program_section),
    "forecast": forecast_section,
}

if __name__ == "__main__":
    main(sys.argv[1:])
