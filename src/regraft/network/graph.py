"""The graph of a network as plain data: what importers emit, what is saved, what torch.fx is built from.

A graph is a list of nodes in the order they run. A node's `function` is one of

    "input"      args: ()            a value fed from outside; described in `Graph.inputs` or `Graph.switches`
    "parameter"  args: (name,)       a named weight; its value lives beside the graph. kwargs: trainable (False for
                                     moving averages and counters), frozen (True: a plan keeps it as it is)
    "constant"   args: (nested list,) kwargs: dtype (numpy name)
    "item"       args: (Ref, index)  one output of a node that has several
    "select"     args: (Ref pred, Ref on_true, Ref on_false)  a conditional: only the chosen side is run
                 where the predicate depends on switches and constants alone
    "loop"       args: (Ref start, ..., Ref given, ...)  kwargs: body (a Body); gives the last value of each variable
    anything else: a key of `regraft.network.functions.FUNCTIONS`

Nothing here imports torch: reading a file and looking at it must not load it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

Layout = Literal["NHWC", "NCHW", "flat", "bytes", "tokens", "other"]

# The collection of the names of layers, where the source says which tensors are their outputs: what is inside of one
# is called "layer/value", a second output "layer:1", a second use "layer@2".
NAMED = "regraft/layers"
# The collection of the one output that new heads stand on, where the whole network is a trunk.
CODE = "regraft/code"
# The collection of the outputs of a network that has learned several tasks; they are called as the tasks are. The
# classes of each are a collection too, by the name of both.
TASKS = "regraft/tasks"
# The collection of an output, by its name behind this, that tells no classes apart: what it answers ("regress").
ANSWERS = "regraft/answers/"
# The collection of an output, by its name behind this: the tensor below it where a text has become one vector. That of
# a text read in several windows is the mean of theirs; without it the output is.
VECTOR = "regraft/vector/"
# A token that stands for a word: what fills up is one of those before it.
WORD = 4
# Outputs that are the points of texts and of pictures, to be compared by their angles.
SENTENCE, PICTURE = "sentence", "picture"


@dataclass(frozen=True)
class Ref:
    """The value of another node, by its tensor name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """One tensor of the graph, under the name the source file gives it ("dnn/hidden4/Relu:0").

    `args` may hold Refs, numbers, strings, booleans, None and (nested) tuples of them;
    `kwargs` the same without Refs: they are the operation's attributes.
    """

    name: str
    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def refs(self) -> Iterator[str]:
        """Names of the tensors this node reads."""
        return iter(self._refs)

    @cached_property
    def _refs(self) -> tuple[str, ...]:
        """Kept: a graph is walked again and again."""
        return tuple(refs(self.args))

    def __getstate__(self) -> dict[str, Any]:
        """The node alone, for a pickle."""
        return {name: value for name, value in vars(self).items() if name != "_refs"}


def refs(value: Any) -> Iterator[str]:
    """Names of the tensors an argument, or a tuple of them, reads."""
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, tuple):
        for item in value:
            yield from refs(item)


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a loop does: a graph of its own, run at each step, of which nothing is seen from outside.

    Attributes:
        variables: what goes from step to step, by the names it has inside; outside are their starts.
        given: what is the same at each step, by the names it has inside.
        nodes: in running order.
        condition: the tensor, a boolean scalar, that says whether a step is done.
        following: the tensor that holds the next value of each variable.
    """

    variables: tuple[str, ...]
    given: tuple[str, ...]
    nodes: tuple[Node, ...]
    condition: str
    following: tuple[str, ...]

    def needed(self) -> Body:
        """The body without nodes and given tensors that nothing of it reads."""
        wanted, nodes = {self.condition, *self.following}, list[Node]()
        for node in reversed(self.nodes):
            if node.name in wanted:
                nodes.append(node)
                wanted.update(node.refs())
        return replace(self, nodes=tuple(nodes[::-1]), given=tuple(name for name in self.given if name in wanted))


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a network expects at one input.

    A picture with values 0..255 becomes `(value / 255 * (high - low) + low - mean) / std`
    with `range = (low, high)`. `range` is None as long as nobody knows it.
    """

    name: str
    shape: tuple[int | None, ...]  # with the batch, None where free: (None, 224, 224, 3); () where nothing is known
    dtype: str = "float32"
    layout: Layout = "other"
    channels: Literal["rgb", "bgr", "grey"] | None = None
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop: float = 1.0  # the middle share of each side that is used, as tf.image.central_crop takes it
    # "antialias" stretches; "tf1" does so by ResizeBilinear's old corner rule; "bilinear" and "bicubic" make the
    # shorter side size / crop long, with antialiasing, and cut out the middle, as torchvision and timm do;
    # "stretched-bicubic" makes each side that long before, as transformers does.
    resize: Literal["antialias", "stretched-bicubic", "tf1", "bilinear", "bicubic"] = "antialias"
    origin: Literal["file", "user", "guessed", "unknown"] = "unknown"  # who says how pictures are prepared
    # Of tokens: how texts become their numbers, in the words of a tokenizer.json.
    tokenizer: str = field(default="", repr=False)
    # Of tokens: how many of them two windows share, in which a longer text is read; None: it is cut off.
    overlap: int | None = None
    side: bool = False  # goes to every layer beside the data, as an attention mask does: a cut leaves it to the rest

    def record(self) -> dict[str, Any]:
        """All of it as a record has it: of a tokenizer, which is large, a hash."""
        digest = self.tokenizer and hashlib.blake2b(self.tokenizer.encode(), digest_size=16).hexdigest()
        return {**asdict(self), "tokenizer": digest}


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A scalar placeholder that only tells training from evaluation (is_training, keep_prob)."""

    name: str
    evaluation: bool | float
    training: bool | float


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Which part a parameter is of a larger one, under whose name TensorFlow saves all parts together."""

    whole: str
    shape: tuple[int, ...]  # of the whole
    offset: tuple[int, ...]  # where the part begins


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the source itself was trained, read from the training part of its graph."""

    loss: str  # a scalar tensor of the graph
    optimizer: Literal["sgd", "momentum", "adam", "rmsprop", "adagrad"]
    learning_rate: str  # a scalar tensor of the graph: a constant, a parameter, or a decay of the global step
    settings: Mapping[str, float] = field(default_factory=dict)  # momentum, nesterov, beta1, beta2, epsilon, rho
    clip: tuple[float, float] | None = None  # gradients are clipped to these bounds first
    parameters: tuple[str, ...] = ()  # the ones it trains
    slots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # parameter -> slot -> name of its value
    counters: Mapping[str, str] = field(default_factory=dict)  # beta1_power, beta2_power, global_step -> name
    metrics: tuple[str, ...] = ()  # scalar tensors that measure ("eval/accuracy:0")


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in running order, and what is known about them."""

    nodes: tuple[Node, ...]
    inputs: tuple[InputSpec, ...]
    outputs: tuple[str, ...]
    switches: tuple[Switch, ...] = ()
    updates: Mapping[str, str] = field(default_factory=dict)  # parameter -> tensor holding its next value in training
    slices: Mapping[str, Slice] = field(default_factory=dict)  # by parameter, where the source partitions a variable
    collections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training: Training | None = None
