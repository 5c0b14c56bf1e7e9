"""A stacked denoising autoencoder (Vincent et al. 2010): each layer learns to undo damage, then all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional

from regraft.errors import BadArgument
from regraft.features import Place, cache_folder, extract
from regraft.network import GraphNetwork
from regraft.network.from_layers import from_layers
from regraft.network.new_layers import Stack, into, put
from regraft.network.plan import New
from regraft.network.surgery import begun, joined
from regraft.pretraining.course import Course, with_values
from regraft.pretraining.rows import Denoised
from regraft.tasks.head import Head, own_copy
from regraft.tasks.rows import FeatureRows
from regraft.train.learner import Rows
from regraft.train.loop import Measured

WITH_WEIGHTS = ("dense", "conv")


def autoencoded(
    network: GraphNetwork, layers: Sequence[New], course: Course
) -> tuple[GraphNetwork, Mapping[str, Mapping[str, Any]]]:
    """A network of these layers, trained; and what was measured, by training.

    First each layer with weights alone, with what follows it without: it reads what the layers below it give, masked,
    and has to give back what it was. Then all together from masked inputs. The loss is the mean square of what is
    missed.

    Raises:
        BadArgument: nothing leads back from one of the layers.
    """
    seed = course.settings.seed
    tops = [course.spec.name, *(_top(course, layers[:end]) for end in range(1, len(layers) + 1))]
    _require_invertible(network, layers, tops)
    inputs, found = course.inputs(), dict[str, Mapping[str, Any]]()
    back: dict[str, np.ndarray] = {}
    for number, (start, end) in enumerate(_steps(layers), 1):
        name = f"layer-{number}"
        whole = _mirrored(network, layers, tops, (start, end), seed)
        head = _head(whole, tops[start], course)
        rows = inputs if start == 0 else _rows_of(network, tops[start], course)
        found[name] = _trained(name, head, rows, course)
        network, back = with_values(network, head), {**back, **head.values()}
    whole = _mirrored(network, layers, tops, (0, len(layers)), seed)
    whole = whole.assign({name: value for name, value in back.items() if name in whole.parameters})
    head = _head(whole, course.spec.name, course)
    found["all-layers"] = _trained("all-layers", head, inputs, course)
    return with_values(network, head), found


def _top(course: Course, layers: Sequence[New]) -> str:
    """The tensor in which some of the layers end."""
    return from_layers(course.spec, layers).outputs[0]


def _steps(layers: Sequence[New]) -> list[tuple[int, int]]:
    """For each layer with weights, where it begins and where the next one does; what lies below the first is its."""
    starts = [place for place, layer in enumerate(layers) if layer.kind in WITH_WEIGHTS]
    return list(zip([0, *starts[1:]], [*starts[1:], len(layers)], strict=True))


def _require_invertible(network: GraphNetwork, layers: Sequence[New], tops: Sequence[str]) -> None:
    for layer, below in zip(layers, tops, strict=False):
        shape = network.tensors[below].shape or ()
        if layer.kind == "dense" and len(shape) != 2:
            raise BadArgument(
                "an autoencoder cannot give back what a dense layer averages over",
                where=below,
                expected="one vector an example (b, d)",
                got=str(shape),
                fix="put flatten below the dense layer, or begin with it",
            )


def _mirrored(
    network: GraphNetwork, layers: Sequence[New], tops: Sequence[str], span: tuple[int, int], seed: int
) -> GraphNetwork:
    """The network up to the end of a span of its layers, and on it what leads back to where the span begins."""
    start, end = span
    trunk = network.towards(tops[end])
    stack = begun(trunk, tops[end], seed)
    lowest = next(place for place in range(start, end) if layers[place].kind in WITH_WEIGHTS)
    for place in reversed(range(start, end)):
        shape = tuple(size or 0 for size in (network.tensors[tops[place]].shape or ())[1:])
        _put_back(stack, layers[place], shape, f"back{place + 1}", last=place == lowest)
    return joined(trunk, stack)


def _put_back(stack: Stack, layer: New, shape: tuple[int, ...], name: str, *, last: bool) -> None:
    """What leads from a layer's output back to its input of a shape; the last one may give any number."""
    if layer.kind == "flatten":
        into(stack, shape, name)
    elif layer.kind == "max_pool":
        size = stack.constant(f"{name}/size:0", shape[:2], "int32")
        stack.top = stack.add(f"{name}/ResizeNearestNeighbor:0", "resize_nearest_neighbor", stack.top, size).name
        stack.shape = (*shape[:2], stack.shape[2])
    elif layer.kind in WITH_WEIGHTS:
        activation = None if last else layer.activation
        put(stack, New(kind=layer.kind, width=shape[-1], kernel=layer.kernel, activation=activation), name)


def _head(whole: GraphNetwork, below: str, course: Course) -> Head:
    return Head(own_copy(whole), (below,), whole.outputs[0], course.device, loss=functional.mse_loss)


def _rows_of(network: GraphNetwork, tensor: str, course: Course) -> tuple[Rows, Rows]:
    """What the layers below give, computed once."""
    place, examples = Place(root=cache_folder(), device=str(course.device)), course.train.examples
    features = extract(network, [tensor], examples, course.spec, place, course.progress)
    return FeatureRows(course.train, features), FeatureRows(course.validation, features)


def _trained(name: str, head: Head, rows: tuple[Rows, Rows], course: Course) -> Mapping[str, Any]:
    def measure(rows: Rows, batch: int) -> Measured:
        given, wanted = head.logits(rows, batch)
        loss = float(functional.mse_loss(given, wanted))
        return Measured(score=(-loss,), metrics={"loss": loss, "loss_of_the_mean": _spread(wanted)})

    return course.trained(name, head, (Denoised(rows[0]), Denoised(rows[1])), measure)


def _spread(wanted: Tensor) -> float:
    """The loss of who gives back the mean of all examples for each."""
    return float((wanted - wanted.mean(0)).square().mean())
