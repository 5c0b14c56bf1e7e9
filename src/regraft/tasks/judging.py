"""What a finished network says of examples: how probable each class, label or tag is, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part, prepare
from regraft.data.examples import Task
from regraft.data.labels import read_labels
from regraft.data.tokens import TEXT_LAYOUTS
from regraft.data.windows import text_windows, windowed
from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.network.graph import ANSWERS, TASKS
from regraft.run import Progress
from regraft.run.progress import Advance
from regraft.tasks.classify import probabilities
from regraft.tasks.crf import crf_of
from regraft.tasks.head import own_copy
from regraft.tasks.inputs import only_input, settled
from regraft.tasks.long_texts import OverWindows
from regraft.tasks.rows import batches
from regraft.tasks.scores import KINDS
from regraft.tasks.tagging import places
from regraft.train.learner import device_of

BATCH = 32


def judged(
    network: GraphNetwork, part: Part, *, input: str | None = None, device: str = "auto", progress: Progress
) -> np.ndarray:
    """What the network answers: the probabilities of classes or labels (n k), or of tags (w k), or numbers (n m).

    Args:
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.

    Raises:
        RegraftError: the network tells no classes apart, or the examples do not fit its input.
    """
    network = ready(network, part, input, progress)
    return computed(network, in_windows(network, part), device=device, progress=progress)


def ready(network: GraphNetwork, part: Part, input: str | None, progress: Progress) -> GraphNetwork:
    """The network, knowing how such examples are prepared for its input, which is settled and said."""
    spec = settled(network, only_input(network, [class_output(network)]), part, input, progress)
    return network.with_input(spec)


def in_windows(network: GraphNetwork, part: Part) -> Part:
    """The examples; of a network that answers for words, sentences no longer than it reads."""
    if not answers_words(network):
        return part
    return windowed(part.examples, only_input(network, [class_output(network)])).part(part)


def computed(network: GraphNetwork, part: Part, *, device: str = "auto", progress: Progress) -> np.ndarray:
    """What `judged` gives, by a network that knows how its input is prepared: nothing is settled or said again."""
    return told(network, outputs(network, part, device=device, progress=progress))


def told(network: GraphNetwork, outputs: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """What outputs of a network (n ...) mean: probabilities, or numbers.

    Args:
        among: outputs of the same network that tell whether they are probabilities already; None: these.
    """
    task = task_of(network)
    if task is None:
        return probabilities(outputs, class_output(network), among)
    return KINDS[task].answers(torch.from_numpy(outputs))


def task_of(network: GraphNetwork) -> Task | None:
    """What the network's output answers, where that is no class."""
    (found,) = network.collections.get(ANSWERS + class_output(network), (None,))
    return next((task for task in KINDS if task == found), None)


def answering(network: GraphNetwork, output: str, task: Task) -> GraphNetwork:
    """The network, which says of its output what that answers; nothing is said of classes."""
    if task in ("classify", "tag"):
        return network
    collections = {**network.collections, ANSWERS + output: (task,)}
    return GraphNetwork(replace(network.graph, collections=collections), network.values, format=network.format)


def outputs(network: GraphNetwork, part: Part, *, device: str = "auto", progress: Progress) -> np.ndarray:
    """What such a network answers for all examples of a part, as `Answers` gives it."""
    answers = Answers(network, device)
    with progress.task("judging", len(part)) as advance:
        return answers(part, advance)


class Answers:
    """The numbers by which a network tells classes apart, as they come: logits or probabilities.

    Attributes:
        weights: the network's; once they are changed in place it answers by these.
        size: how many examples it is asked at a time.
    """

    def __init__(self, network: GraphNetwork, device: str = "auto", *, features: Sequence[str] = ()) -> None:
        """Of a network that knows how its input is prepared.

        Args:
            features: tensors that no change of the weights reaches, computed apart; none: the input.
        """
        self._device = device_of(device)
        if self._device.type != "cpu":  # on another device a copy: the network's own weights stay where they are
            network = own_copy(network)
        output = class_output(network)
        self._of_words = answers_words(network)
        self._crf = crf_of(network, output)
        self._spec = only_input(network, [output])
        given = [self._spec.name]
        below = list(features or given)
        self._trunk = None if below == given else network.module(below, given).to(self._device)
        self._module = network.module([output], below).to(self._device)
        self._network, self._ends = network, (below, output)
        self.weights = network.weights
        self.size = self._spec.shape[0] or BATCH

    def __call__(self, part: Part, advance: Advance) -> np.ndarray:
        """(n ...) for the examples; of a network that answers for words (w k) for all words."""
        found: list[np.ndarray] = []
        for numbers in batches(len(part), self.size):
            asked = replace(part, indices=part.indices[numbers])
            found.append(self.of(asked, self.fed(asked)))
            advance(len(numbers))
        return np.concatenate(found)

    def fed(self, part: Part) -> tuple[Tensor, ...]:
        """At most `size` examples prepared, long texts in windows; and their features if there are some."""
        windows = text_windows(part.examples, self._spec)
        read = windows.part(part) if windows else part
        # A graph may be built for one size of batch: the last one is filled up.
        wanting = -len(read) % self.size if self._spec.shape[0] else 0
        prepared = prepare(read.examples, np.pad(read.indices, (0, wanting), mode="edge"), self._spec)
        given = torch.from_numpy(prepared).to(self._device)
        with torch.inference_mode():
            return self._in_turn(self._trunk, (given,)) if self._trunk else (given,)

    def of(self, part: Part, fed: tuple[Tensor, ...]) -> np.ndarray:
        """The answers for examples that are prepared."""
        windows = text_windows(part.examples, self._spec)
        with torch.inference_mode():
            if windows:
                shares = windows.shares(part.indices)
                (vectors,) = self._in_turn(lambda *some: (self._windows.vectors(*some),), fed)
                return self._windows.answers(vectors[: len(shares.sizes)], shares).cpu().numpy()
            (values,) = self._module(*fed)
        answers = values.cpu().numpy()[: len(part)]
        return self._at_words(answers, part) if self._of_words else answers

    def _at_words(self, answers: np.ndarray, part: Part) -> np.ndarray:
        """Of answers for all places (n t k), those at which words begin (w k); a crf's for whole sentences."""
        counts = [len(part.examples.sentences[index]) for index in part.indices]
        found = answers[np.repeat(np.arange(len(part)), counts), places(part, self._spec)]
        return self._crf.best(torch.from_numpy(found), counts).numpy() if self._crf else found

    @cached_property
    def _windows(self) -> OverWindows:
        return OverWindows(self._network, *self._ends, self._device)

    def _in_turn(self, compute: Callable[..., Sequence[Tensor]], given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What is computed of any number of rows, as many at a time as the network is asked."""
        found = [compute(*some) for some in zip(*(tensor.split(self.size) for tensor in given), strict=True)]
        return tuple(torch.cat(same) for same in zip(*found, strict=True))


def answers_words(network: GraphNetwork) -> bool:
    """Whether the network tells a class for each word."""
    return task_of(network) is None and not _is_row(network.tensors[class_output(network)].shape)


def class_output(network: GraphNetwork) -> str:
    """The output that tells classes apart: the only one with a number for each; or, for each word, (b t classes).

    Raises:
        BadArgument: there is none, or several.
    """
    network.require_graph()
    tasks = network.collections.get(TASKS, ())
    if len(network.outputs) > 1 and tasks:
        raise BadArgument(
            "this network has learned several tasks", expected=f"one of {', '.join(tasks)}", fix="name it: --to NAME"
        )
    shapes = {name: network.tensors[name].shape for name in network.outputs}
    fitting = [name for name in network.outputs if ANSWERS + name in network.collections]
    fitting = fitting or [name for name, shape in shapes.items() if _is_row(shape)]
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
