"""`fewshot`, `recognise`, `zeroshot`, `pretrain`: with few labels or none; from addresses and paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Examples, Splits, open_data, open_splits, open_unlabelled
from regraft.data.windows import in_texts
from regraft.errors import BadArgument
from regraft.few_labels import Nearest, Recognised, Study, ZeroShot, nearest, study, zero_shot
from regraft.few_labels import recognise as told_by
from regraft.few_labels.episodes import Setup
from regraft.few_labels.nearest import recognised
from regraft.few_labels.semantics import encoded_by, read_semantics
from regraft.few_labels.sentences import AS_IT_IS, Sentences
from regraft.few_labels.zero_shot import recognised as told_unseen
from regraft.network import GraphNetwork
from regraft.network.graph import SENTENCE
from regraft.network.plan import New
from regraft.opening import as_network
from regraft.pretraining import DEFAULTS, Choices, Goal, Method, Pretrained
from regraft.pretraining import pretrain as carry_out
from regraft.run import Progress
from regraft.train.settings import Settings


def fewshot(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Examples,
    *,
    shots: Sequence[int] = (1, 5),
    ways: int = 5,
    queries: int = 15,
    episodes: int = 600,
    at: str | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
) -> Study:
    """How well a network's features tell classes apart from a few labelled examples of each.

    Args:
        source: a network, or the address of one.
        data: labelled data in one piece, or their path.
        shots: labelled examples of each class, each tried by itself.
        ways: classes of an episode.
        queries: examples of each class to be recognised.
        episodes: how many are drawn; the more, the narrower the intervals.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed; None: as the file says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        seed: of the episodes, and of the folds that choose a method.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the network or the data cannot be used, or classes have too few examples.
    """
    setup = Setup(ways=ways, shots=tuple(shots), queries=queries, count=episodes, seed=seed)
    return study(as_network(source, weights=weights), _examples(data, skip_bad), setup, at=at, input=input)


def recognise(
    source: str | PathLike[str] | GraphNetwork,
    support: str | PathLike[str] | Examples,
    query: str | PathLike[str] | Examples,
    *,
    at: str | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
) -> Recognised:
    """The class of each query, told by a few labelled examples; the network is not trained.

    Args:
        source: a network, or the address of one.
        support: labelled data in one piece, or their path.
        query: pictures, a folder or an archive of them, texts, or an array.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed; None: as the file says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        seed: of the folds by which the method is chosen.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the network or the data cannot be used.
    """
    known, asked = _examples(support, skip_bad), _unlabelled(query, skip_bad)
    return told_by(as_network(source, weights=weights), known, asked, at=at, input=input, seed=seed)


def zeroshot(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Examples | None,
    classes: str | PathLike[str] | None = None,
    *,
    query: str | PathLike[str] | Examples | None = None,
    unseen: Sequence[str] | None = None,
    encoder: str | None = None,
    templates: Sequence[str] = (AS_IT_IS,),
    at: str | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
) -> ZeroShot | Nearest | Recognised:
    """Tell classes of which there is no example, by what is known of all; how well that goes, or for use.

    A source that makes points of texts too (`hf:FOLDER` of a sentence encoder, or of CLIP) tells an example by the
    nearest description, and learns from none. Of another one a matrix is learned to what is known of the classes.

    Args:
        source: a network, or the address of one.
        data: labelled data in one piece, or their path; None: there are none, and none are needed.
        classes: a .csv or .tsv file: in each line a class, then its attributes as numbers, or its description; None:
            the names of the classes of the data are what is known.
        query: what is to be told, in place of a test on the data.
        unseen: classes whose examples are not learned from; None: each class in turn.
        encoder: the address of a text encoder that reads descriptions, `hf:FOLDER`; a source needs none that reads
            texts itself.
        templates: what a description is put into, "a photo of a {}"; of several the mean is taken.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed; None: as the file says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        seed: of the examples of seen classes that are held back.
        weights: of the source, as for `open`.

    Returns:
        The classes of the queries; else what came of the nearest descriptions, or of each choice of unseen classes.

    Raises:
        RegraftError: something cannot be used, nothing is known of a class, or too few are seen.
    """
    network = as_network(source, weights=weights)
    examples = None if data is None else _examples(data, skip_bad)
    asked = None if query is None else _unlabelled(query, skip_bad)
    if SENTENCE in network.outputs and encoder is None:
        _require_nothing_learned(unseen, at)
        known = _known(classes, examples, Sentences(network, templates).described)
        if asked is not None:
            return recognised(network, asked, known, input=input)
        return nearest(network, _given(examples), known, input=input)
    examples = _given(examples)
    known = _known(classes, examples, _encode(encoder, templates))
    if asked is not None:
        return told_unseen(network, examples, asked, known, at=at, input=input)
    return zero_shot(network, examples, known, unseen, at=at, input=input, seed=seed)


def _given(examples: Examples | None) -> Examples:
    if examples is None:
        raise BadArgument("there are no labelled examples to learn from or to tell", fix="give DATA")
    return examples


def _require_nothing_learned(unseen: Sequence[str] | None, at: str | None) -> None:
    if unseen or at:
        raise BadArgument(
            "a source that reads texts itself learns from no class, and its points are where texts are",
            got="unseen classes" if unseen else f"at {at}",
            fix="leave that out, or name a text encoder: --encoder hf:FOLDER",
        )


Encode = Callable[[Sequence[str]], np.ndarray]


def _known(
    classes: str | PathLike[str] | None, examples: Examples | None, encode: Encode | None
) -> Mapping[str, np.ndarray]:
    """What is known of the classes: what a file says, or else their names."""
    if classes is not None:
        return read_semantics(Path(classes), encode)
    if examples is None:
        raise BadArgument("without labelled examples something must be known of the classes", fix="--classes FILE")
    return dict(zip(examples.classes, encoded_by(encode, examples.classes, examples.source), strict=True))


def _encode(encoder: str | None, templates: Sequence[str]) -> Encode | None:
    """What turns descriptions into points; None: there is no text encoder."""
    return None if encoder is None else Sentences(as_network(encoder), templates).described


def pretrain(  # noqa: PLR0913 - each but one has a default
    data: str | PathLike[str] | Examples,
    method: Method = "autoencoder",
    *,
    layers: Sequence[New] = (),
    turns: bool = False,
    labelled: str | PathLike[str] | Splits | None = None,
    source: str | PathLike[str] | GraphNetwork | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> Pretrained:
    """Make a network of layers that learns from examples without the labels that are wanted later.

    Args:
        data: pictures, a folder or an archive of them, or an array; of the method "classes", labelled.
        method: "autoencoder": give back what was masked, layer by layer and then all together; "corruption": tell what
            was done to an example; "classes": tell classes apart that are others than those wanted later.
        layers: of the network, from the lowest; (): what is usual for such data.
        turns: of "classes": each class turned by a quarter, two and three is a further class.
        labelled: data as `fit` takes them, to see on what the pretraining is worth; None: it is not seen.
        source: a trained network to compare it with there.
        settings: of each training, those that differ from the defaults: {"epochs": 50}.
        out: the run folder; None: a new one in `runs`.
        input: what the network shall take: "size=32,channels=grey".
        skip_bad: leave out pictures that cannot be read.
        resume: go on with the run in `out`.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the data are too few, or layers, method and data do not go together.
    """
    known = _examples if method == "classes" else _unlabelled
    given = Settings.from_json({**DEFAULTS, **(settings or {})})
    goal = None
    if labelled is not None:
        if not isinstance(labelled, Splits):
            labelled = open_splits(Path(labelled), seed=given.seed, skip_bad=skip_bad)
        goal = Goal(data=labelled, source=None if source is None else as_network(source, weights=weights))
    elif source is not None:
        raise BadArgument("a source is compared on labelled data", fix="name some: --labelled PATH")
    return carry_out(
        known(data, skip_bad),
        Choices(method=method, layers=tuple(layers), turns=turns, settings=given),
        goal=goal,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def _unlabelled(data: str | PathLike[str] | Examples, skip_bad: bool) -> Examples:
    """Examples whatever their labels."""
    opened = isinstance(data, Examples)
    return in_texts(data if opened else open_unlabelled([Path(data)], skip_bad=skip_bad, progress=Progress()))


def _examples(data: str | PathLike[str] | Examples, skip_bad: bool) -> Examples:
    """Labelled examples in one piece."""
    examples = data if isinstance(data, Examples) else open_data(Path(data), skip_bad=skip_bad)
    examples.require_classes()
    return examples
