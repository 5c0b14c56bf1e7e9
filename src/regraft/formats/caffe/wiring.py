"""Which layers of a network run in evaluation, and what each value between them is called.

A blob may be written again and again by layers that work in place. `conv5` is the blob after the last of them, and
`conv5@relu5` the value after the layer relu5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regraft.errors import UnreadableFile, nearest_names
from regraft.formats.caffe.netfile import Layer, NetFile

INPUT = "Input"  # the type of what `input:` at the head of a file declares
_MEASURES = frozenset({"Accuracy", "Silence", "HDF5Output"})
_ALTERNATIVES = {"Softmax", "Sigmoid", "ArgMax"}  # on top of logits they say the same once more


@dataclass(frozen=True, kw_only=True)
class Step:
    """A layer in its place: the values it reads and gives, by name."""

    layer: Layer
    name: str
    reads: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether it gives data from outside."""
        return not self.layer.bottoms and self.layer.type != "Parameter"

    @property
    def is_loss(self) -> bool:
        """Whether it compares with labels, or only looks at values: no part of the network."""
        return is_loss(self.layer) or self.layer.type in _MEASURES


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """The layers that run in evaluation.

    Attributes:
        aliases: `blob@layer` -> `blob`, for the last layer that writes it.
    """

    steps: Sequence[Step]
    aliases: Mapping[str, str]
    where: str
    givers: Mapping[str, Step] = field(default_factory=dict)

    def ancestors(self, wanted: Iterable[str]) -> set[str]:
        """The values that these are computed from, themselves included."""
        seen: set[str] = set()
        waiting = list(wanted)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(self.givers[name].reads)
        return seen


def is_loss(layer: Layer) -> bool:
    """Whether a layer compares with labels."""
    return layer.type.endswith("Loss") or any(weight for weight in layer.message.loss_weight)


def wired(file: NetFile) -> Wiring:
    """The network as it runs in evaluation.

    Raises:
        UnreadableFile: a layer reads a blob that no layer before it gives, or two give the same.
    """
    layers = [*_declared_inputs(file), *_of_phase(file)]
    names = _names(layers)
    writers = Counter(top for layer in layers for top in layer.tops)
    current: dict[str, str] = {}
    steps, aliases = list[Step](), dict[str, str]()
    left = Counter(writers)
    for layer, name in zip(layers, names, strict=True):
        reads = tuple(_read(layer, blob, current) for blob in layer.bottoms)
        gives = list[str]()
        for top in layer.tops:
            if top in current and top not in layer.bottoms:
                raise UnreadableFile(
                    f"two layers give the blob {top!r}",
                    where=f"{layer.where}, layer {name}",
                    expected="one, or in place",
                )
            left[top] -= 1
            first_is_input = current.get(top) == top
            value = top if (not left[top] and not first_is_input) or not layer.bottoms else f"{top}@{name}"
            if value == top and layer.bottoms and writers[top] > 1:
                aliases[f"{top}@{name}"] = top
            gives.append(value)
        current.update(zip(layer.tops, gives, strict=True))
        steps.append(Step(layer=layer, name=name, reads=reads, gives=tuple(gives)))
    givers = {value: step for step in steps for value in step.gives}
    return Wiring(steps=steps, aliases=aliases, where=str(file.path), givers=givers)


def _read(layer: Layer, blob: str, current: Mapping[str, str]) -> str:
    if blob not in current:
        raise UnreadableFile(
            "the network is incomplete",
            where=f"{layer.where}, layer {layer.name}",
            expected=f"a layer before it that gives the blob {blob!r}",
            nearest=nearest_names(blob, current),
        )
    return current[blob]


def outputs(wiring: Wiring, weighted: Iterable[str]) -> list[str]:
    """What the network was made for: what its main losses compare with labels, and what nothing reads.

    Args:
        weighted: names of the steps that have weights.
    """
    learned = _learned(wiring, set(weighted))
    compared = [
        (_weight(step), [name for name in step.reads if name in learned]) for step in wiring.steps if step.is_loss
    ]
    main = max((weight for weight, names in compared if names), default=0.0)
    logits = [name for weight, names in compared for name in names[:1] if weight == main]
    read = {name for step in wiring.steps for name in step.reads}
    ends = [
        name
        for step in wiring.steps
        if not step.is_loss
        for name in step.gives
        if name not in read and name in learned and not _repeats(step, logits)
    ]
    return list(dict.fromkeys([*(name for name in ends if name not in logits), *logits]))


def _learned(wiring: Wiring, weighted: set[str]) -> set[str]:
    """Values computed by layers with weights; of a network without weights all that it computes."""
    found: set[str] = set()
    everything = not any(step.name in weighted for step in wiring.steps)
    for step in wiring.steps:
        if step.name in weighted or (everything and not step.is_input) or any(name in found for name in step.reads):
            found.update(step.gives)
    return found


def _weight(step: Step) -> float:
    given = list(step.layer.message.loss_weight)
    return max(given) if given else float(is_loss(step.layer))


def _repeats(step: Step, logits: Sequence[str]) -> bool:
    return step.layer.type in _ALTERNATIVES and any(name in logits for name in step.reads)


def _names(layers: Sequence[Layer]) -> list[str]:
    """The layers' names, numbered where they are not their own."""
    seen = Counter[str]()
    found = list[str]()
    for layer in layers:
        name = layer.name or layer.type
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def _declared_inputs(file: NetFile) -> list[Layer]:
    """`input: "data"` at the head of a file, as layers."""
    head = file.head
    found: list[Layer] = []
    for place, name in enumerate(head.input):
        message = _input_message(name)
        dims = (
            head.input_shape[place].dim if place < len(head.input_shape) else head.input_dim[4 * place : 4 * place + 4]
        )
        message.input_param.shape.add().dim.extend(dims)
        found.append(Layer(name=name, type=INPUT, message=message, is_v1=False, where=str(file.path)))
    return found


def _input_message(name: str) -> Any:
    from regraft.formats.caffe import protos

    message = protos.new("LayerParameter")
    message.name, message.type = name, INPUT
    message.top.append(name)
    return message


def _of_phase(file: NetFile) -> list[Layer]:
    """The layers of the phase TEST; and those for training that give data which is missing otherwise."""
    kept = [_runs(layer) for layer in file.layers]
    given = {
        *file.head.input,
        *(top for layer, runs in zip(file.layers, kept, strict=True) if runs for top in layer.tops),
    }
    read = {name for layer, runs in zip(file.layers, kept, strict=True) if runs for name in layer.bottoms}
    missing = read - given
    return [
        layer
        for layer, runs in zip(file.layers, kept, strict=True)
        if runs or (not layer.bottoms and missing & set(layer.tops) and not given & set(layer.tops))
    ]


def _runs(layer: Layer) -> bool:
    """Caffe's rule: one of the rules to include must be met, if there are any; else none of those to exclude."""
    include, exclude = layer.message.include, layer.message.exclude
    return any(map(_met, include)) if include else not any(map(_met, exclude))


def _met(rule: Any) -> bool:
    """Whether the state "TEST, level 0, no stages" meets a rule."""
    phase = rule.DESCRIPTOR.fields_by_name["phase"].enum_type.values_by_name["TEST"].number
    if rule.HasField("phase") and rule.phase != phase:
        return False
    low, high = rule.min_level if rule.HasField("min_level") else 0, rule.max_level if rule.HasField("max_level") else 0
    return low <= 0 <= high and not rule.stage
