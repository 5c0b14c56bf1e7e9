"""`predict`, `predict_in_pieces`, `evaluate`: what a finished model says of examples; from addresses and paths."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

from regraft.network import GraphNetwork
from regraft.opening import as_network, classes_of
from regraft.tasks.evaluate import evaluate as compared
from regraft.tasks.predict import Piece, joined
from regraft.tasks.predict import predict_in_pieces as carry_out
from regraft.tasks.scores import AnyReport


def predict(
    model: str | PathLike[str] | GraphNetwork,
    inputs: Any,
    *,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    weights: str | PathLike[str] | None = None,
) -> Piece:
    """The class of each example and how probable it is; or its labels, its numbers, the tags of its words.

    Args:
        model: a run, a model folder or any source, as an address; or a network.
        inputs: pictures, folders and archives of them, texts or sentences as paths, one array (n ...), or pairs of
            texts, two strings each.
        to: the tensor that tells classes apart, where there are several outputs.
        labels: a file with the names of the classes, one a line; None: the model's own, or their numbers.
        input: how pictures are fed; None: as the model says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        device: auto, cpu or cuda.
        weights: of the model, as for `open`.
    """
    return joined(
        predict_in_pieces(
            model, inputs, to=to, labels=labels, input=input, skip_bad=skip_bad, device=device, weights=weights
        )
    )


def predict_in_pieces(
    model: str | PathLike[str] | GraphNetwork,
    inputs: Any,
    *,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    weights: str | PathLike[str] | None = None,
) -> Iterator[Piece]:
    """What `predict` gives, a few examples at a time: a file of texts and what is said of it may exceed the memory.

    Args:
        model, inputs, to, labels, input, skip_bad, device, weights: as for `predict`.

    Returns:
        One after the other, in the order of the examples; each is computed when it is asked for.
    """
    network = as_network(model, to, weights=weights)
    classes = classes_of(model, labels, network)
    return carry_out(network, inputs, classes=classes, input=input, skip_bad=skip_bad, device=device)


def evaluate(
    model: str | PathLike[str] | GraphNetwork,
    data: Any,
    *,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    weights: str | PathLike[str] | None = None,
) -> AnyReport:
    """How much of labelled data a model gets right, class by class.

    Args:
        data: labelled data as `fit` takes them; of data that come in parts, the test part.
        model, to, labels, input, skip_bad, device, weights: as for `predict`.
    """
    network = as_network(model, to, weights=weights)
    classes = classes_of(model, labels, network)
    return compared(network, data, classes=classes, input=input, skip_bad=skip_bad, device=device)
