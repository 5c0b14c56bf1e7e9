"""regraft's classifiers for a few labels on flowers5: beside a plain pipeline of scikit-learn, fastai, and arithmetic.

    python -m benchmarks episodes

Accuracies of regraft and scikit-learn are of the same episodes. fastai trains so long that it gets the first few. Both
begin with the network in a file of their own: regraft with one of its zoo.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import regraft
from benchmarks.comparing import mean_of, paired_bootstrap, ratios, spread
from benchmarks.results import write_section
from benchmarks.rivals import programs
from benchmarks.rivals.photos import DATA, Fold, at_hand
from benchmarks.search import network
from regraft.data import Examples, open_data
from regraft.few_labels import Study
from regraft.few_labels.embedding import Embedding
from regraft.few_labels.episodes import Episode, Episodes, Setup
from regraft.few_labels.methods import CENTROID, methods
from regraft.few_labels.study import CHOSEN, PIXELS, SOURCE, UNTRAINED
from regraft.run import Progress
from regraft.zoo import Zoo

SHOTS, SIDE = (1, 5, 20), 224
SETUP = Setup(ways=5, shots=SHOTS, queries=15, count=600)
TRAINED = 5  # episodes that fastai gets at each number of shots
EPOCHS = {1: 20, 5: 10, 20: 5}  # for which it trains in each: the fewer photos, the more epochs it takes to learn
ROUNDS, TIMED = 3, Setup(ways=5, shots=(5,), queries=15, count=600)
PICTURE = Path(__file__).parent / "episodes.svg"
PLAIN = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def main() -> None:
    """Measure all and write both sections."""
    if not at_hand():
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        examples = open_data(DATA)
        points = Embedding(network(SIDE), [examples], None, None, Progress()).points(examples)
        write_section("Few labels: flowers", "python -m benchmarks episodes", flowers(examples, points))
        write_section("Few labels: the price of episodes", "python -m benchmarks episodes", price(examples, points))


# --- accuracy -----------------------------------------------------------------------------------------


def flowers(examples: Examples, points: np.ndarray) -> str:
    """A row for each number of shots, and the picture."""
    ours = regraft.fewshot(network(SIDE), examples, shots=SHOTS, episodes=SETUP.count)
    drawn = Episodes(examples.labels, examples.classes, SETUP, examples.source)
    plain = {shots: plain_shares(points, drawn, shots) for shots in SHOTS}
    draw(ours, plain)
    rows = list[str]()
    for shots in SHOTS:
        mine, theirs = zip(*(beside_fastai(examples, drawn.draw(k, shots)) for k in range(TRAINED)), strict=True)
        hits = [np.concatenate([one.hits for one in side]) for side in (mine, theirs)]
        times = [[one.seconds for one in side] for side in (mine, theirs)]
        cells = [of(ours, SOURCE, CENTROID, shots), of(ours, SOURCE, CHOSEN, shots), mean_of(plain[shots])]
        cells += [*(f"{side.mean():.3f}" for side in hits), str(paired_bootstrap(*hits))]
        cells += [*map(spread, times), ratios(times[1], times[0])]
        rows.append(f"| {shots} | {' | '.join(cells)} |")
    return f"""
MobileNetV2 on flowers5, {SETUP.ways} ways, {SETUP.queries} queries a class, {SETUP.count} episodes, the interval at
95 % in brackets. scikit-learn: StandardScaler and LogisticRegression on the same features in the same episodes. The
last six columns are of the first {TRAINED} episodes: `regraft.recognise` beside fastai's `fine_tune` of
{", ".join(map(str, EPOCHS.values()))} epochs at {", ".join(map(str, EPOCHS))} shots, with seconds, median (least to
most), in which both read their photos and the network, regraft from its zoo and fastai from torchvision's weights.

| shots | nearest centroid | chosen | scikit-learn | regraft | fastai | above | regraft, s | fastai, s | faster |
|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

![Accuracy against shots]({PICTURE.name})
"""


def plain_shares(points: np.ndarray, drawn: Episodes, shots: int) -> list[float]:
    """The share that the plain pipeline tells right in each episode."""
    with threadpool_limits(1):
        return [right(clone(PLAIN), points, drawn.draw(number, shots)) for number in range(SETUP.count)]


def right(model: Any, points: np.ndarray, episode: Episode) -> float:
    """The share of the queries that a model tells right once it has learnt the support."""
    known, asked = (np.repeat(np.arange(len(rows)), rows.shape[1]) for rows in (episode.support, episode.query))
    model.fit(points[episode.support.ravel()], known)
    return float((model.predict(points[episode.query.ravel()]) == asked).mean())


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one side made of an episode: (n) which queries it told right, and the seconds it took."""

    hits: np.ndarray
    seconds: float


def beside_fastai(examples: Examples, episode: Episode) -> tuple[Told, Told]:
    """What regraft and fastai tell of the photos of an episode."""
    drawn = np.sort(examples.labels[episode.support[:, 0]])  # in the order of their names, as fastai has them
    classes = tuple(examples.classes[label] for label in drawn)
    support, query = (
        tuple((examples.name(index), int(np.searchsorted(drawn, examples.labels[index]))) for index in rows.ravel())
        for rows in (episode.support, episode.query)
    )
    fold = Fold(classes=classes, train=support, validation=support, test=query)
    found = programs.fastai(fold, SIDE, EPOCHS[episode.support.shape[1]], 0)
    theirs = Told(hits=fold.truth == np.array(found["predictions"]), seconds=found["seconds"])
    mine = recognised(examples, episode, np.array([classes[way] for _, way in query]))
    print(mine.hits.mean(), mine.seconds, theirs.hits.mean(), theirs.seconds, file=sys.stderr)
    return mine, theirs


def recognised(examples: Examples, episode: Episode, truth: np.ndarray) -> Told:
    """What regraft tells of the photos of an episode, nothing of them being stored; `truth` (n) names their classes."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        zoo = Zoo(Path(folder) / "zoo")
        zoo.add(network(SIDE), "mobilenet")
        start = time.perf_counter()
        given, asked = (examples.some(rows.ravel()).examples for rows in (episode.support, episode.query))
        told = regraft.recognise(zoo.open("mobilenet"), given, asked)
        return Told(hits=np.array(told.classes) == truth, seconds=time.perf_counter() - start)


def of(study: Study, features: str, method: str, shots: int) -> str:
    """A result with its interval."""
    (one,) = (r for r in study.results if (r.features, r.method, r.shots) == (features, method, shots))
    return f"{one.accuracy:.3f} ({one.interval[0]:.3f} to {one.interval[1]:.3f})"


def draw(study: Study, plain: Mapping[int, Sequence[float]]) -> None:
    """The accuracies against the number of shots."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "regraft"  # else names in the file are random
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    shown = [("chosen", SOURCE, CHOSEN), ("nearest centroid", SOURCE, CENTROID)]
    shown += [("untrained trunk", UNTRAINED, CENTROID), ("pixels", PIXELS, CENTROID)]
    for label, features, method in shown:
        found = [one for one in study.results if (one.features, one.method) == (features, method)]
        widths = [one.accuracy - one.interval[0] for one in found]
        axes.errorbar([one.shots for one in found], [one.accuracy for one in found], widths, label=label, capsize=3)
    axes.plot(list(plain), [statistics.fmean(shares) for shares in plain.values()], "x", label="scikit-learn")
    axes.set(xlabel="labelled photos of each of 5 classes", ylabel="accuracy", ylim=(0, 1), xscale="log")
    axes.set_xticks(SHOTS, [str(shots) for shots in SHOTS], minor=False)
    axes.legend()
    figure.savefig(PICTURE, metadata={"Date": None})


# --- time ---------------------------------------------------------------------------------------------


def price(examples: Examples, points: np.ndarray) -> str:
    """What 600 episodes take on features at hand, beside the classifiers alone on points drawn before."""
    drawn = Episodes(examples.labels, examples.classes, TIMED, examples.source)
    episodes = [drawn.draw(number, TIMED.shots[0]) for number in range(TIMED.count)]
    ours, bare = list[float](), list[float]()
    for _ in range(ROUNDS):
        study = regraft.fewshot(network(SIDE), examples, shots=TIMED.shots, episodes=TIMED.count)
        ours.append(study.seconds["episodes"])
        start = time.perf_counter()
        with threadpool_limits(1):
            for episode in episodes:
                arithmetic(points, episode)
        bare.append(time.perf_counter() - start)
    return f"""
{TIMED.count} episodes, {TIMED.ways} ways, {TIMED.shots[0]} shots, all methods and the choice among them,
{ROUNDS} rounds by turns; regraft's time holds the untrained trunk and the pixels too. Alone: the same classifiers of
scikit-learn, fitted to and asked about the points of episodes that were drawn before.

| | seconds, median (least to most) | of the arithmetic alone |
|---|---|---|
| `regraft fewshot` on features at hand | {spread(ours)} | {ratios(ours, bare)} |
| the arithmetic alone | {spread(bare)} | |
"""


def arithmetic(points: np.ndarray, episode: Episode) -> None:
    """Every method, and what it tells of the support by folds."""
    support = points[episode.support.ravel()]
    ways, shots = episode.support.shape
    known = np.repeat(np.arange(ways), shots)
    for model in methods(shots).values():
        model.fit(support, known).predict(points[episode.query.ravel()])
        cross_val_predict(model, support, known, cv=min(shots, 5))


if __name__ == "__main__":
    main()
