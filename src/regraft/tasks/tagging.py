"""Words of tagged sentences as rows of a training, and where a network's answers for them stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part, Splits
from regraft.data.examples import Examples
from regraft.data.tokens import encoded_words
from regraft.data.windows import Windows, usual_window, windowed
from regraft.errors import ShapeMismatch
from regraft.features import Features
from regraft.network import InputSpec
from regraft.network.surgery import Graft
from regraft.run import Progress
from regraft.tasks.rows import MEMORY, batches
from regraft.train.learner import Batch

_SENTENCES = 256  # that are looked at together
_BY_WORD = ("dense", "dropout")  # layers whose answer for a word hangs on that word's features alone


def of_one_window(spec: InputSpec, examples: Examples, progress: Progress) -> InputSpec:
    """The input with a length where it has none: sentences longer than that are read in pieces."""
    if spec.shape[1] is not None:
        return spec
    length = usual_window(examples, spec)
    progress.say(f"note: sentences are read as {length} {spec.layout}, longer ones in pieces")
    return replace(spec, shape=(spec.shape[0], length))


def divided(splits: Splits, spec: InputSpec) -> Splits:
    """The splits with sentences that are no longer than the input."""
    known: dict[int, Windows] = {}

    def part(of: Part) -> Part:
        if id(of.examples) not in known:
            known[id(of.examples)] = windowed(of.examples, spec)
        return known[id(of.examples)].part(of)

    return replace(splits, train=part(splits.train), validation=part(splits.validation), test=part(splits.test))


def word_targets(part: Part, spec: InputSpec) -> np.ndarray:
    """What is to be answered for words: tags (n t) at the places where they begin, and -1 elsewhere."""
    assert part.tags is not None
    found = np.full((len(part), spec.shape[1] or 0), -1)
    sentences = np.repeat(np.arange(len(part)), part.tags.counts)
    found[sentences, places(part, spec)] = part.tags.flat
    return found


def targets(part: Part, spec: InputSpec) -> np.ndarray:
    """What is to be answered for the examples of a part: their labels (n ...), or what `word_targets` gives."""
    return part.labels if part.tags is None else word_targets(part, spec)


def rows_of(part: Part, graft: Graft) -> int:
    """How many rows of a part a graft is trained on: examples, or words."""
    return len(part.truth) if part.tags is not None and by_word(graft) else len(part)


def places(part: Part, spec: InputSpec) -> np.ndarray:
    """(w) the places at which the words of all sentences begin."""
    found = [np.zeros(0, np.int64)]
    for numbers in batches(len(part), _SENTENCES):
        sentences = [part.examples.sentences[index] for index in part.indices[numbers]]
        found += encoded_words(sentences, spec)[1]
    return np.concatenate(found)


def answered(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (b k) and labels (b) as they are; of (b t k) and (b t) those of words alone, (w k) and (w).

    Raises:
        ShapeMismatch: there is no answer for each place.
    """
    if labels.ndim != 2 or labels.dtype != torch.int64:  # one row an example
        return logits, labels
    if logits.shape[:2] != labels.shape:
        raise ShapeMismatch(
            "the network does not answer for each place of its input",
            expected=f"(b, {labels.shape[1]}, classes)",
            got=str(tuple(logits.shape)),
            fix="cut below the layer that pools: --at NAME",
        )
    words = labels >= 0
    return logits[words.to(logits.device)], labels[words]


def counted(labels: Tensor) -> list[int]:
    """How many words there are in each of some sentences, of which labels (b t) tell; nothing of other labels."""
    return (labels >= 0).sum(1).tolist() if labels.ndim == 2 else []


def by_word(graft: Graft) -> bool:
    """Whether all that is trained answers for a word by that word's features alone: then words are the rows."""
    return graft.features == (graft.at,) and all(layer.kind in _BY_WORD for layer in graft.plan.new or ())


class WordVectors:
    """One tensor of the features of sentences, word by word."""

    def __init__(self, part: Part, features: Features, places: np.ndarray) -> None:
        """`places` (w) are those of the part's words."""
        assert part.tags is not None
        (self._name,) = features.names
        self._features = features
        self._sentences = np.repeat(part.indices, part.tags.counts)
        self._places = places
        self.width = features.shape(self._name)[-1]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        return self._features.nbytes // len(self._features) // self._features.shape(self._name)[0] * len(self)

    def read(self, rows: np.ndarray) -> Tensor:
        """Those of some words (b d); of many, a few at a time are read with the sentences they stand in."""
        found = [self._few(rows[numbers]) for numbers in batches(len(rows), _SENTENCES)]
        return torch.from_numpy(np.concatenate(found)) if found else torch.zeros(0, self.width)

    def _few(self, rows: np.ndarray) -> np.ndarray:
        sentences, own = np.unique(self._sentences[rows], return_inverse=True)
        return self._features.rows(self._name, sentences)[own, self._places[rows]]


class WordRows:
    """The words of tagged sentences, as the frozen part of the network left them."""

    def __init__(self, part: Part, vectors: WordVectors) -> None:
        self._vectors = vectors
        self._labels = torch.from_numpy(part.truth)
        self._held = vectors.read(np.arange(len(vectors))) if vectors.nbytes <= MEMORY else None

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, rows: np.ndarray) -> Batch:
        """The features of words (b d), and their tags."""
        chosen = torch.from_numpy(rows)
        values = self._vectors.read(rows) if self._held is None else self._held[chosen]
        return values, self._labels[chosen]
