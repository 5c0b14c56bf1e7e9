"""Which tensors a graph was made for: what its loss looks at, or where its data end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_

from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.frozen import WEIGHT_INPUTS
from regraft.formats.tf1.graph.source import CONDITIONAL, LOOP, PASSING, Flow, Operation, operation_of

# These read a tensor's shape, not its values.
SHAPE_READS = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")
# These say which class, not how much: what they look at is the output.
VERDICTS = (
    "ArgMax", "ArgMin", "TopK", "TopKV2", "InTopK", "InTopKV2", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
    "LessEqual", "Where", "Round", "Rint", "Floor",
)  # fmt: skip
# A verdict may be given in another shape or type.
_RESHAPED = ("Identity", "Cast", "ExpandDims", "Squeeze", "Reshape", PASSING)
# Operations that give text, and where others say that they do.
_WRITING = ("AsString", "StringJoin", "EncodeJpeg", "EncodePng", "SerializeTensor")
_KINDS = ("Tparams", "Tout", "dtype", "T")
# What losses are written with, and what keeps their logarithms finite.
_OF_LOSSES = ("Log", "Neg", "Square")
_SHIFTS = ("Add", "AddV2", "Sub", "Maximum", "Minimum", "ClipByValue")
# Operations for their effect: what only they read is an end all the same.
EFFECTS = (
    "NoOp",
    "Assert",
    "Print",
    "PrintV2",
    "SaveV2",
    "Save",
    "SaveSlices",
    "ShardedFilename",
    "MergeV2Checkpoints",
)


class Ends:
    """The data flow from the inputs to the ends of a graph.

    Args:
        flow: the graph.
        inputs: tensors given from outside, switches and other scalars left out.
        weights: the tensors of its parameters.
        ignored: tensors that belong to training only.
    """

    def __init__(self, flow: Flow, inputs: Collection[str], weights: Collection[str], ignored: Collection[str]) -> None:
        self._flow = flow
        self._inputs = inputs
        self._ignored = ignored
        self.fed = flow.descendants(inputs, ignoring=SHAPE_READS)
        below_weights = flow.descendants(weights, ignoring=SHAPE_READS)
        self.weighted = below_weights & self.fed
        self._parameters = below_weights - self.fed
        self._uses = flow.uses()

    def of_losses(self, losses: Collection[str]) -> list[str]:
        """What the network gives to its losses."""
        found: set[str] = set()
        for loss in losses:
            inside = self._flow.ancestors([loss])
            labels = self._labels(inside) or self.fed - self.weighted  # an autoencoder's label is its input
            found |= self._met(inside, labels)[1] or self._last_layers(inside)
        return self._in_order(found)

    def of_graph(self) -> list[str]:
        """What nothing else reads; where that compares with labels, what is compared; by-products left out."""
        sinks = self.sinks()
        inside = self._flow.ancestors(sinks)
        met, given = self._met(inside, self._labels(inside))
        unlabelled = self._judged(sinks - self._flow.descendants(met))
        return self._in_order(self._finished(unlabelled, given) or self._judged(given))

    def _finished(self, ends: Collection[str], others: Collection[str]) -> set[str]:
        """The ends that are no by-products: those no other end, or one of `others`, goes on from by a layer."""
        layers = self._layers_above({*ends, *others})
        return {end for end in ends if not any(_is_part(layers[end], whole) for whole in layers.values())}

    def _layers_above(self, ends: Collection[str]) -> dict[str, int]:
        """The layers each of these tensors is computed by, one bit for each."""
        above: dict[str, int] = {}
        count = 0
        for tensor in self._flow.ordered(sorted(ends)):
            above[tensor] = reduce(or_, (above.get(read, 0) for read in self._flow.reads(tensor)), 0)
            if tensor in self.weighted and self._is_layer(tensor):
                above[tensor] |= 1 << count
                count += 1
        return {end: above[end] for end in ends}

    def labelled(self) -> set[str]:
        """The tensors in which the network's results meet labels, and all after them."""
        inside = self._flow.ancestors(self.sinks())
        return self._flow.descendants(self._met(inside, self._labels(inside))[0])

    def sinks(self) -> set[str]:
        """The tensors computed from inputs and weights that nothing but summaries reads."""
        return {tensor for tensor in self.loose() if all(map(self._is_effect, self._uses.get(tensor, ())))}

    def loose(self, beyond: Collection[str] = ()) -> set[str]:
        """The tensors computed from inputs and weights that are read by summaries and assignments at most.

        Args:
            beyond: other tensors that may read them, and are left out themselves.
        """
        return {
            tensor
            for tensor in self.weighted - set(self._ignored) - set(beyond)
            if not self._is_effect(tensor)
            and not self._is_assignment(tensor)
            and not self._is_side(tensor)
            and all(
                use in beyond or self._is_effect(use) or self._is_assignment(use) for use in self._uses.get(tensor, ())
            )
        }

    def _is_assignment(self, tensor: str) -> bool:
        return self._flow.of(tensor).type.startswith("Assign")

    def _is_side(self, tensor: str) -> bool:
        """Whether a tensor is no result: in a loop, its counter, one side of a conditional, or kept for a gradient."""
        operation = self._flow.of(tensor)
        if operation.type == PASSING or operation.guards or operation.loop or self._is_count(operation):
            return True
        kept = self._flow.through(tensor, ("Identity", PASSING))
        sides = self._flow.reads(kept)[1:] if self._flow.of(kept).type == CONDITIONAL else ()
        return any(self._flow.of(side).type.startswith("Optional") for side in sides)

    def _is_count(self, operation: Operation) -> bool:
        """Whether an operation hands on a whole number that a loop ends with: its counters are no results."""
        whole = "T" in operation.attrs and str(attribute_of(operation.attrs["T"])).startswith("int")
        return whole and self._flow.of(self._flow.through(f"{operation.name}:0", ("Identity", PASSING))).type == LOOP

    def _is_effect(self, tensor: str) -> bool:
        operation = self._flow.of(tensor)
        type = operation.type
        return type in EFFECTS or type.endswith("Summary") or type.startswith("Summary") or _is_text(operation)

    def _labels(self, inside: set[str]) -> set[str]:
        """The tensors computed from inputs that feed no layer."""
        feeding = self._below_layers(inside)
        labels = [tensor for tensor in self._inputs if tensor in inside and tensor not in feeding]
        return self._flow.descendants(labels) - self.weighted

    def _met(self, inside: set[str], labels: Collection[str]) -> tuple[set[str], set[str]]:
        """Where the network's results meet labels: the meeting tensors, and the results.

        A meeting reads a tensor that depends on weights and one that depends on labels only, and no layer
        follows it.
        """
        met: set[str] = set()
        given: set[str] = set()
        for tensor in inside & self.weighted - self._below_layers(inside):
            reads = set(self._flow.reads(tensor)) & self.fed
            if reads & self.weighted and not reads.isdisjoint(labels):
                met.add(tensor)
                given |= reads & self.weighted
        given -= self._flow.descendants(met)
        return met, {self._before_reshape(self._before_loss(tensor)) for tensor in given}

    def _below_layers(self, inside: set[str]) -> set[str]:
        return self._flow.ancestors(tensor for tensor in inside & self.weighted if self._is_layer(tensor))

    def _last_layers(self, inside: set[str]) -> set[str]:
        """What no layer follows: where a loss has no labels (a discriminator's), it looks at these."""
        layers = {tensor for tensor in inside & self.weighted if self._is_layer(tensor)}
        return {layer for layer in layers if not (self._flow.descendants([layer]) - {layer}) & layers}

    def _is_layer(self, tensor: str) -> bool:
        operation = self._flow.of(tensor)
        slots = WEIGHT_INPUTS.get(operation.type, {})
        return any(operation.inputs[k] in self._parameters for k in slots if k < len(operation.inputs))

    def _before_loss(self, tensor: str) -> str:
        """What a loss written by hand takes the logarithm, the square or the negative of."""
        found = tensor
        while (above := self._through_constants(tensor)) is not None:
            is_loss = self._flow.of(tensor).type in _OF_LOSSES
            tensor = above
            found = self._unshifted(tensor) if is_loss else found
        return found

    def _unshifted(self, tensor: str) -> str:
        """The tensor before it was moved away from zero, cut off, or turned round: p + 1e-9, 1 - p."""
        while self._flow.of(tensor).type in _SHIFTS and (above := self._through_constants(tensor)) is not None:
            tensor = above
        return tensor

    def _through_constants(self, tensor: str) -> str | None:
        """What goes into an operation of one tensor and constants, if it is one that losses are made of."""
        operation = self._flow.of(tensor)
        if operation.type not in (*_OF_LOSSES, *_SHIFTS, "Identity"):
            return None
        data = [read for read in self._flow.reads(tensor) if read in self.weighted]
        others = [read for read in self._flow.reads(tensor) if read not in data]
        constant = all(self._flow.of(self._flow.through(read, ("Identity",))).type == "Const" for read in others)
        return data[0] if len(data) == 1 and constant else None

    def _before_reshape(self, tensor: str) -> str:
        """A loss often reshapes what it gets; the network's own tensor comes before that."""
        operation = self._flow.of(tensor)
        readers = {operation_of(use) for use in self._uses.get(tensor, ()) if use not in self._ignored}
        if operation.type != "Reshape" or len(readers) > 1:
            return tensor
        shape = self._flow.of(operation.inputs[1]).type
        return operation.inputs[0] if shape in ("ConcatV2", "Pack", "Concat") else tensor

    def _judged(self, tensors: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for tensor in tensors:
            while self._flow.of(verdict := self._flow.through(tensor, _RESHAPED)).type in VERDICTS:
                tensor = next(iter(self._flow.reads(verdict)))
            found.add(tensor)
        return found

    def _in_order(self, tensors: Collection[str]) -> list[str]:
        position = {name: k for k, name in enumerate(self._flow.operations)}
        ordered = [tensor for tensor in self._flow.ordered(sorted(tensors)) if tensor in tensors]
        return sorted(ordered, key=lambda tensor: position[operation_of(tensor)])


def _is_part(one: int, whole: int) -> bool:
    return one != whole and one & whole == one


def _is_text(operation: Operation) -> bool:
    """Whether an operation gives text: the names of classes, written out."""
    if operation.type in _WRITING:
        return True
    kinds = (operation.attrs[key] for key in _KINDS if key in operation.attrs)
    return operation.type not in VERDICTS and any(attribute_of(kind) == "string" for kind in kinds)
