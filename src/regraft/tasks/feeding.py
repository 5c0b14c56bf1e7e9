"""Where the examples of a job come from: stored features, features computed each time, or the input itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from regraft.data import Examples, Part
from regraft.features import Features, Place, cache_folder, extract
from regraft.features.trimming import Trimming
from regraft.network.flow import ancestors
from regraft.network.surgery import Graft
from regraft.run import Progress
from regraft.tasks.head import trunk
from regraft.tasks.job import Job
from regraft.tasks.long_texts import MeanRows, vector_below
from regraft.tasks.rows import ComputedRows, FeatureRows, InputRows
from regraft.tasks.tagging import WordRows, WordVectors, places, targets
from regraft.train.learner import Rows


@dataclass(frozen=True, kw_only=True)
class Fed:
    """The three parts as rows of the tensors `inputs`, and how many bytes of them are stored."""

    inputs: tuple[str, ...]
    train: Rows
    validation: Rows
    test: Rows
    stored: int


def feed(job: Job, progress: Progress) -> Fed:
    """Rows for the part of the network that is trained; frozen outputs are computed first, once.

    Raises:
        OutOfSpace: the features do not fit on the disk or into their budget.
        BadData: a picture is damaged.
    """
    parts = (job.splits.train, job.splits.validation, job.splits.test)
    if not has_trunk(job.graft):
        return _fed((job.spec.name,), _inputs(job, parts))
    features = job.graft.features
    if job.settings.features == "off":
        module = trunk(job.graft.network, features, job.spec.name, job.device)
        return _fed(features, tuple(_computed(job, rows, module) for rows in _inputs(job, parts)))
    stored = _extracted(job, parts, progress)
    rows = tuple(_stored(job, part, stored[id(part.examples)]) for part in parts)
    return _fed(features, rows, sum(found.nbytes for found in stored.values()))


def _inputs(job: Job, parts: tuple[Part, ...]) -> tuple[Rows, ...]:
    return tuple(InputRows(part, job.spec, _targets(job, part)) for part in parts)


def _targets(job: Job, part: Part) -> np.ndarray:
    """What is to be answered: classes (n), labels (n k), numbers (n m) in the units they are learned in, tags (n t)."""
    return job.units.of(part.labels) if job.units else targets(part, job.spec)


def _computed(job: Job, inputs: Rows, module: nn.Module) -> Rows:
    rows = ComputedRows(inputs, module, job.device)
    return MeanRows(rows, rows.shares) if rows.shares and _whole(job.graft) else rows


def _stored(job: Job, part: Part, features: Features) -> Rows:
    if job.by_word:
        return WordRows(part, WordVectors(part, features, places(part, job.spec)))
    return FeatureRows(part, features, _targets(job, part), whole=_whole(job.graft))


def _whole(graft: Graft) -> bool:
    """Whether a text is one row, in however many windows it is read: what is frozen ends where they meet."""
    return graft.features == (vector_below(graft.network, graft.logits),)


def has_trunk(graft: Graft) -> bool:
    """Whether there is anything below the features that is worth keeping: frozen weights, not just arithmetic."""
    nodes = graft.network.nodes
    return any(nodes[name].function == "parameter" for name in ancestors(nodes, graft.features))


def _extracted(job: Job, parts: tuple[Part, ...], progress: Progress) -> dict[int, Features]:
    """The features of each set of examples, by its identity: parts mostly share one set."""
    place = Place(root=cache_folder(), device=str(job.device))
    different: dict[int, Examples] = {id(part.examples): part.examples for part in parts}
    network, tensors = job.graft.network, job.graft.features
    within = job.by_word or Trimming(network, tensors).filler is not None
    return {
        key: extract(network, tensors, examples, job.spec, place, progress, within=within)
        for key, examples in different.items()
    }


def _fed(inputs: tuple[str, ...], rows: tuple[Rows, ...], stored: int = 0) -> Fed:
    train, validation, test = rows
    return Fed(inputs=inputs, train=train, validation=validation, test=test, stored=stored)
