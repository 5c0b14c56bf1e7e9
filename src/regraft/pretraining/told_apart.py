"""Pretraining by telling apart: good examples from corrupted ones, or classes that are not the ones wanted later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.network import GraphNetwork, Plan
from regraft.network.surgery import graft
from regraft.pretraining.corruption import changes, require_square
from regraft.pretraining.course import Course, with_values
from regraft.pretraining.rows import Corrupted, Moved, Turned
from regraft.pretraining.words import WAYS, CorruptedTexts
from regraft.tasks.head import Head, own_copy
from regraft.train.learner import Rows


def of_corruption(network: GraphNetwork, course: Course) -> tuple[GraphNetwork, Mapping[str, Any]]:
    """The network, trained to tell what was done to an example, if anything."""
    if course.spec.layout == "bytes":
        texts = CorruptedTexts(course.train, course.spec), CorruptedTexts(course.validation, course.spec)
        return _trained("corruption", network, 1 + len(WAYS), texts, course)
    known = changes(course.spec)
    train, validation = (Corrupted(rows, list(known.values())) for rows in course.inputs())
    return _trained("corruption", network, 1 + len(known), (train, validation), course)


def of_classes(network: GraphNetwork, course: Course, *, turns: bool) -> tuple[GraphNetwork, Mapping[str, Any]]:
    """The network, trained to tell the classes of its examples apart; pictures are moved a little in each look.

    Args:
        turns: each class turned by one, two and three quarters is a further class, as with drawn characters.

    Raises:
        BadArgument: what is to be turned are no square pictures.
    """
    if turns:
        require_square(course.spec)
    count, (train, validation) = len(course.train.examples.classes), course.inputs()
    if course.spec.layout == "NHWC":
        train = Moved(train)
    if not turns:
        return _trained("classes", network, count, (train, validation), course)
    return _trained("classes", network, 4 * count, (Turned(train), Turned(validation)), course)


def _trained(
    name: str, network: GraphNetwork, kinds: int, rows: tuple[Rows, Rows], course: Course
) -> tuple[GraphNetwork, Mapping[str, Any]]:
    grafted = graft(network, Plan(freeze=None), classes=kinds, seed=course.settings.seed)
    head = Head(own_copy(grafted.network), (course.spec.name,), grafted.logits, course.device)
    measured = course.trained(name, head, rows, head.measured)
    return with_values(network, head), {name: {**measured, "kinds": kinds}}
