"""The shipped maps: which weight of a TF-slim checkpoint goes where in which model. Each net is a YAML file here.

Such a file says, with names relative to the net's scope:

    scope: InceptionV4
    head: Logits/Logits                      the layer that makes classes
    picture: {side: 299, range: [-1, 1]}     how slim fed pictures, in the words of InputSpec
    epsilon: 0.001                           of the batch norms; none: it has none
    padding: same                            strided convolutions are padded as TensorFlow does
    create: {pad_type: same}                 how the model is created, beside its number of classes
    layers:                                  a layer with batch norm, one with biases, one whose kernel goes otherwise
      Conv2d_{1..2}: ["features.{0,1}.conv", "features.{0,1}.bn"]
      Conv2d_3: features.2
      Logits/Logits: {to: last_linear, turn: i o -> o i}
    models:                                  the models, and the layers that are called otherwise in one
      timm:inception_v4: {}

`{1..3}`, `{b..d}` and `{0,2,5}` stand for several, the same places on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np
import yaml

from regraft.errors import BadArgument, UnsupportedFormat
from regraft.network.graph import InputSpec
from regraft.network.renames import Place

_BRACES = re.compile(r"\{([^{}]*)\}")
_KERNEL = "h w i o -> o i h w"
_DEPTHWISE = "h w c m -> (c m) 1 h w"
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_AVERAGE = "/ExponentialMovingAverage"


@dataclass(frozen=True, kw_only=True)
class SlimMap:
    """Where the weights of one TF-slim checkpoint go in one model.

    Attributes:
        net: the scope of slim's net ("vgg_16").
        model: the address of the model ("torchvision:vgg16").
        places: where each weight of the net goes, by its name in the file.
        given: all the file has.
        ones: the scales of batch norms, where the file has none.
        head: the biases of slim's classes.
        classes: how many the file tells apart, the background (number 0) among them; None: it has no head.
        create: what the model must be created with (`num_classes`, ...) to compute the same.
        picture: how slim fed pictures, for the model's input (batch, channels, height, width); the file does not say.
        notes: what the user has to know.
    """

    net: str
    model: str
    places: Mapping[str, Place]
    given: Mapping[str, np.ndarray] = field(repr=False)
    ones: Mapping[str, np.ndarray] = field(repr=False)
    head: str
    classes: int | None
    create: Mapping[str, Any]
    picture: InputSpec
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Net:
    """A net of slim and one model it goes into, as their file says.

    Attributes:
        places: where each weight goes, by its name in the checkpoint.
        head: the layer that makes classes, within the scope.
    """

    scope: str
    model: str
    places: Mapping[str, Place]
    head: str
    picture: InputSpec
    epsilon: float | None
    padding: str | None
    create: Mapping[str, Any]

    @cached_property
    def scales(self) -> frozenset[str]:
        """The scales of its batch norms, which slim's nets often do without."""
        return frozenset(name for name in self.places if name.endswith("/BatchNorm/gamma"))

    def of_head(self, name: str) -> bool:
        """Whether a weight belongs to the head."""
        return name.startswith(f"{self.scope}/{self.head}/")

    def is_in(self, values: Mapping[str, np.ndarray]) -> bool:
        """Whether a file holds the net, with a head or without."""
        needed = (name for name in self.places if name not in self.scales and not self.of_head(name))
        return all(name in values for name in needed)

    def of(self, values: Mapping[str, np.ndarray]) -> SlimMap:
        """Its map for a file that holds it."""
        missing = [name for name in self.scales if name not in values]
        ones = {name: np.ones(values[name.replace("/gamma", "/beta")].shape, np.float32) for name in missing}
        head = f"{self.scope}/{self.head}/biases"
        classes = values[head].size if head in values else None
        return SlimMap(
            net=self.scope,
            model=self.model,
            places={name: place for name, place in self.places.items() if name in values or name in ones},
            given=values,
            ones=ones,
            head=head,
            classes=classes,
            create={**({} if classes is None else {"num_classes": classes}), **self.create},
            picture=self.picture,
            notes=tuple(self._notes(values, bool(ones))),
        )

    def _notes(self, values: Mapping[str, np.ndarray], without_scales: bool) -> Iterator[str]:
        yield f"names of TF-slim's {self.scope}: the shipped map is used"
        if without_scales:
            yield "the file's batch norms have no gamma: ones are taken"
        if any(name + _AVERAGE in values for name in self.places):
            yield f"the file also has moving averages of weights (...{_AVERAGE}): they are not used"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Nets of slim that models of torch resemble, but do not equal.

    Attributes:
        marks: parameters that tell such a model.
    """

    scopes: Sequence[str]
    reason: str
    models: Sequence[str]
    marks: Sequence[str]

    def error(self, scope: str, model: str) -> UnsupportedFormat:
        """What is raised where the net shall go into one of the models."""
        return self._error(f"results of TF-slim's {scope} would change in {model}")

    def error_for_any(self, scope: str) -> UnsupportedFormat:
        """What is raised where it shall go into any other."""
        return self._error(f"TF-slim's {scope} goes into no model of timm or torchvision")

    def _error(self, what: str) -> UnsupportedFormat:
        return UnsupportedFormat(
            what,
            expected="a model that computes what slim's net does",
            got=self.reason,
            fix="open slim's own graph (.meta or frozen .pb); a module of yours that computes the same takes `rename`",
        )


def slim_map(values: Mapping[str, np.ndarray], target: str) -> SlimMap | None:
    """Where the weights of a file go in a model, if their names are those of TF-slim's nets.

    Args:
        values: by name.
        target: the model's address: "timm:inception_v4", also with its tag ("timm:inception_v4.tf_in1k").

    Returns:
        The map; None where the names are not slim's.

    Raises:
        UnsupportedFormat: the model resembles slim's net, but would give other results.
        BadArgument: the model is none that the net goes into.
    """
    model = target.partition(".")[0]
    known = [net for net in nets() if net.is_in(values)]
    found = next((net for net in known if net.model == model), None)
    if found is not None:
        return found.of(values)
    for scope, refusal in refusals_of(values):
        if model in refusal.models:
            raise refusal.error(scope, target)
        if all(net.scope != scope for net in nets()):
            raise refusal.error_for_any(scope)
    if not known:
        return None
    raise BadArgument(
        f"the file holds TF-slim's {known[0].scope}, which does not go into {target}",
        expected="one of " + ", ".join(net.model for net in known),
        got=target,
    )


def refusals_of(values: Mapping[str, np.ndarray]) -> list[tuple[str, Refusal]]:
    """The refused nets whose scopes are in a file."""
    scopes = {name.partition("/")[0] for name in values if "/" in name}
    return [(scope, one) for one in refusals() for scope in one.scopes if scope in scopes]


@cache
def nets() -> tuple[Net, ...]:
    """All nets with the models they go into."""
    folder = files("regraft.network.slim")
    texts = sorted((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".yaml"))
    return tuple(net for name, text in texts if name != "refused.yaml" for net in _nets(yaml.safe_load(text)))


@cache
def refusals() -> tuple[Refusal, ...]:
    """All that are refused, with the reasons."""
    text = (files("regraft.network.slim") / "refused.yaml").read_text("utf-8")
    return tuple(Refusal(**one) for one in yaml.safe_load(text))


def _nets(said: Mapping[str, Any]) -> Iterator[Net]:
    for model, own in said["models"].items():
        layers = {**said["layers"], **own}
        yield Net(
            scope=said["scope"],
            model=model,
            places={f"{said['scope']}/{name}": place for layer in layers.items() for name, place in _places(*layer)},
            head=said["head"],
            picture=_picture(**said["picture"]),
            epsilon=said.get("epsilon"),
            padding=said.get("padding"),
            create=said.get("create", {}),
        )


def _picture(*, side: int, range: Sequence[float], mean: Sequence[float] = (), **others: Any) -> InputSpec:
    return InputSpec(
        name="",
        shape=(None, 3, side, side),
        layout="NCHW",
        channels="rgb",
        range=(float(range[0]), float(range[1])),
        mean=tuple(mean),
        origin="file",
        **others,
    )


def _places(layer: str, place: Any) -> Iterator[tuple[str, Place]]:
    """The weights of a layer, or of several with one entry, and where each goes."""
    kernel, turn = ("depthwise_weights", _DEPTHWISE) if layer.endswith("depthwise") else ("weights", _KERNEL)
    if isinstance(place, list):
        for scope, conv, norm in zip(*map(_expanded, (layer, *place)), strict=True):
            yield f"{scope}/{kernel}", Place(f"{conv}.weight", turn)
            yield from ((f"{scope}/BatchNorm/{old}", Place(f"{norm}.{new}")) for old, new in _NORM.items())
        return
    to, turn = (place["to"], place["turn"]) if isinstance(place, dict) else (place, turn)
    for scope, new in zip(_expanded(layer), _expanded(to), strict=True):
        yield f"{scope}/weights", Place(f"{new}.weight", turn)
        yield f"{scope}/biases", Place(f"{new}.bias")


def _expanded(text: str) -> list[str]:
    """All a text with braces stands for."""
    choices = [_choices(inside) for inside in _BRACES.findall(text)]
    return [_filled(text, chosen) for chosen in product(*choices)]


def _filled(text: str, chosen: Sequence[str]) -> str:
    waiting = iter(chosen)
    return _BRACES.sub(lambda _: next(waiting), text)


def _choices(inside: str) -> list[str]:
    first, dots, last = inside.partition("..")
    if not dots:
        return inside.split(",")
    if first.isdigit():
        return [str(number) for number in range(int(first), int(last) + 1)]
    return [chr(code) for code in range(ord(first), ord(last) + 1)]
