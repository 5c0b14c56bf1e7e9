"""What a finished network says of examples: the probability of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part, prepare
from regraft.data.labels import read_labels
from regraft.data.tokens import TEXT_LAYOUTS
from regraft.data.windows import windowed
from regraft.errors import BadArgument
from regraft.network import GraphNetwork, InputSpec
from regraft.run import Progress
from regraft.tasks.classify import probabilities
from regraft.tasks.head import own_copy
from regraft.tasks.inputs import only_input, settled
from regraft.tasks.tagging import places
from regraft.train.learner import device_of

BATCH = 32


def judged(
    network: GraphNetwork, part: Part, *, input: str | None = None, device: str = "auto", progress: Progress
) -> np.ndarray:
    """The probabilities of the network's classes: (n k) for each example, or (w k) for each word of all sentences.

    Args:
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.

    Raises:
        RegraftError: the network tells no classes apart, or the examples do not fit its input.
    """
    network, part = made_ready(network, part, input, progress)
    return computed(network, part, device=device, progress=progress)


def made_ready(network: GraphNetwork, part: Part, input: str | None, progress: Progress) -> tuple[GraphNetwork, Part]:
    """The network knowing how its input is prepared, and the examples as it reads them: long sentences in pieces.

    Raises:
        RegraftError: the network tells no classes apart, or the examples do not fit its input.
    """
    spec = settled(network, only_input(network, [class_output(network)]), part, input, progress)
    if answers_words(network):
        part = windowed(part.examples, spec).part(part)
    return network.with_input(spec), part


def computed(network: GraphNetwork, part: Part, *, device: str = "auto", progress: Progress) -> np.ndarray:
    """What `judged` gives, by a network that knows how its input is prepared: nothing is settled or said again."""
    return probabilities(outputs(network, part, device=device, progress=progress), class_output(network))


def outputs(network: GraphNetwork, part: Part, *, device: str = "auto", progress: Progress) -> np.ndarray:
    """The numbers (n ...) by which such a network tells classes apart, as they come: logits or probabilities.

    Of a network that answers for words (w k) those of all words.
    """
    place = device_of(device)
    if place.type != "cpu":  # the network's own weights stay where they are
        network = own_copy(network)
    return Judge(network, part, place).outputs(progress)


class Judge:
    """A network that is asked about the same examples again and again, while its weights change in place.

    It knows how its input is prepared. A device other than the CPU takes its weights along.

    Args:
        features: tensors that no such change reaches.
        keep: bytes that may be held in memory from one time to the next: of examples as they are prepared, or of
            their features.
    """

    def __init__(
        self, network: GraphNetwork, part: Part, device: torch.device, *, features: Sequence[str] = (), keep: int = 0
    ) -> None:
        output = class_output(network)
        self._part, self._device, self._keep = part, device, keep
        self._of_words = answers_words(network)
        self._spec = only_input(network, [output])
        given = [self._spec.name]
        below = list(features or given)
        self._trunk = network.module(below, given).to(device) if below != given else None
        self._module = network.module([output], below).to(device)
        self._held: dict[int, tuple[Tensor, ...]] = {}

    def outputs(self, progress: Progress) -> np.ndarray:
        """What the module function of this name gives, for the weights as they are."""
        size = self._spec.shape[0] or BATCH
        found: list[np.ndarray] = []
        with torch.inference_mode(), progress.task("judging", len(self._part)) as advance:
            for start in range(0, len(self._part), size):
                rows = self._part.indices[start : start + size]
                (values,) = self._module(*self._inputs(start, rows))
                answers = values.cpu().numpy()[: len(rows)]
                asked = replace(self._part, indices=rows)
                found.append(_at_words(answers, asked, self._spec) if self._of_words else answers)
                advance(len(rows))
        return np.concatenate(found)

    def _inputs(self, start: int, rows: np.ndarray) -> tuple[Tensor, ...]:
        """What the part above the features reads, for the examples from `start` on."""
        if start in self._held:
            return self._held[start]
        # A graph may be built for one size of batch: the last one is filled up.
        missing = (self._spec.shape[0] or len(rows)) - len(rows)
        prepared = prepare(self._part.examples, np.pad(rows, (0, missing), mode="edge"), self._spec)
        batch = (torch.from_numpy(prepared).to(self._device),)
        batch = tuple(self._trunk(*batch)) if self._trunk else batch
        size = sum(tensor.nbytes for tensor in batch)
        if size <= self._keep:
            self._keep -= size
            self._held[start] = batch
        return batch


def _at_words(answers: np.ndarray, part: Part, spec: InputSpec) -> np.ndarray:
    """Of answers for all places (n t k), those at which words begin (w k)."""
    counts = [len(part.examples.sentences[index]) for index in part.indices]
    return answers[np.repeat(np.arange(len(part)), counts), places(part, spec)]


def answers_words(network: GraphNetwork) -> bool:
    """Whether the network tells a class for each word."""
    return not _is_row(network.tensors[class_output(network)].shape)


def class_output(network: GraphNetwork) -> str:
    """The output that tells classes apart: the only one with a number for each; or, for each word, (b t classes).

    Raises:
        BadArgument: there is none, or several.
    """
    network.require_graph()
    shapes = {name: network.tensors[name].shape for name in network.outputs}
    fitting = [name for name, shape in shapes.items() if _is_row(shape)]
    fitting = fitting or [name for name, shape in shapes.items() if _is_sequence(network, shape)]
    if len(fitting) != 1:
        raise BadArgument(
            "it cannot be told which output of the network tells classes apart",
            expected="one output (b, classes)",
            got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            fix="open the network for one tensor: open(path, to=NAME), --to NAME",
        )
    return fitting[0]


def class_names(network: GraphNetwork, given: Sequence[str] | None) -> tuple[str, ...]:
    """The names of a network's classes: those given, or their numbers.

    Raises:
        BadArgument: there are more or fewer names than classes, or no output tells classes apart.
    """
    output = class_output(network)
    shape = network.tensors[output].shape
    sizes = [size or 0 for size in shape[1:]] if shape else [0]
    width = max(sizes) if _is_row(shape) else sizes[-1]
    if given is not None and len(given) != width:
        raise BadArgument(
            "the labels do not fit the network",
            where=output,
            expected=f"{width} names, one for each class",
            got=f"{len(given)} names",
        )
    return tuple(map(str, range(width))) if given is None else tuple(given)


def read_names(path: Path) -> tuple[str, ...]:
    """The names of classes in a text file, one a line, in the order of the network's output.

    Raises:
        MissingFile: there is no such file.
        UnreadableFile: it is not text.
    """
    return tuple(str(name) for name in read_labels(path).tolist())


def _is_sequence(network: GraphNetwork, shape: tuple[int | None, ...] | None) -> bool:
    """(b t classes), t being the length of the texts that go in."""
    lengths = [spec.shape[1] for spec in network.inputs.values() if spec.layout in TEXT_LAYOUTS]
    return shape is not None and len(shape) == 3 and shape[1] in lengths and shape[-1] is not None


def _is_row(shape: tuple[int | None, ...] | None) -> bool:
    """(b classes), (b 1 1 classes) or (b classes 1 1)."""
    return shape is not None and sum(size != 1 for size in shape[1:]) == 1 and None not in shape[1:]
