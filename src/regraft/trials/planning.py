"""What a search will do, settled before anything is computed: schemes, what is stored for them, what a budget buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from regraft.network.surgery import Graft
from regraft.tasks.defaults import settings_for
from regraft.train.settings import Settings
from regraft.trials.budget import Schedule, Work, race_of, schedule
from regraft.trials.ground import Ground
from regraft.trials.heads import DenseHead, dense_head
from regraft.trials.levels import Level
from regraft.trials.recipe import Rule, rule_for, thawed
from regraft.trials.schemes import Scheme
from regraft.trials.stored import total


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A scheme that is to enter the race.

    Attributes:
        inputs: the stored tensors, or the network's input, that its steps begin at.
        epoch: what an epoch of it costs, in passes.
        stretches: epochs after which each stretch of the race ends; empty: it is too dear for the budget.
    """

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings
    inputs: tuple[str, ...]
    epoch: float
    stretches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """What a search will do.

    Attributes:
        heads: dense heads that are given; a recipe's are chosen when the cuts have been probed.
        stored: tensors whose maps are stored beside the vectors of all cuts, with the bytes they take.
    """

    rule: Rule
    work: Work
    schedule: Schedule
    heads: tuple[DenseHead, ...]
    entries: tuple[Entry, ...]
    stored: dict[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draft:
    """A scheme before it is known what is stored for it."""

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings


def planned(ground: Ground, passes: float, given: Sequence[Scheme] | None) -> Planned:
    """The plan for a budget of so many passes, with the schemes given or those of the recipe."""
    splits = ground.splits
    rule = rule_for(len(splits.train) / len(splits.classes), len(ground.levels))
    schemes = given if given is not None else tuple(thawed(rule, ground.levels, len(ground.levels) - 1))
    drafts = [_draft(ground, number, scheme) for number, scheme in enumerate(schemes, 1)]
    heads = {d.number: head for d in drafts if (head := dense_head(d.number, d.scheme, d.level, d.graft, d.settings))}
    racing = [draft for draft in drafts if draft.number not in heads]
    stored = _stored(ground, racing)
    work = Work.of(ground.flops, splits)
    inputs = [ground.inputs(draft.graft.features, stored) for draft in racing]
    epochs = [_epoch(ground, work, draft, own) for draft, own in zip(racing, inputs, strict=True)]
    bought = schedule(passes, epochs)
    races = bought.races if given is None else race_of([draft.settings.epochs for draft in racing])
    entries = tuple(
        Entry(**vars(_for(draft, stretches)), inputs=own, epoch=epoch, stretches=stretches)
        for draft, own, epoch, stretches in zip(racing, inputs, epochs, races, strict=True)
    )
    return Planned(rule=rule, work=work, schedule=bought, heads=tuple(heads.values()), entries=entries, stored=stored)


def _draft(ground: Ground, number: int, scheme: Scheme) -> _Draft:
    grafted = ground.graft(scheme.plan)
    given: dict[str, Any] = {"seed": ground.seed, **scheme.settings}
    return _Draft(
        number=number,
        scheme=scheme,
        level=ground.level_of(grafted.at),
        graft=grafted,
        settings=settings_for(grafted, len(ground.splits.train), given),
    )


def _for(draft: _Draft, stretches: Sequence[int]) -> _Draft:
    """A draft whose learning rate falls over the epochs it can have."""
    return replace(draft, settings=replace(draft.settings, epochs=stretches[-1])) if stretches else draft


def _epoch(ground: Ground, work: Work, draft: _Draft, inputs: Sequence[str]) -> float:
    features, begin = ground.flops_below(draft.graft.features), ground.flops_below(inputs)
    return work.epoch(draft.level.flops - features, features - begin)


def _stored(ground: Ground, racing: Sequence[_Draft]) -> dict[str, int]:
    """The maps to store: those that trials begin at, the small ones first, in half of the room for features."""
    wanted = {name for draft in racing for name in draft.graft.features if name in ground.network.nodes}
    sizes = {name: _bytes(ground, name) for name in wanted if name != ground.spec.name}
    found: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        if sum(found.values()) + sizes[name] <= ground.place.budget // 2:
            found[name] = sizes[name]
    return found


def _bytes(ground: Ground, name: str) -> int:
    tensor = ground.network.tensors[name]
    shape = [size or 0 for size in (tensor.shape or ())[1:]]
    return prod(shape) * np.dtype(tensor.dtype).itemsize * total(ground.splits)


def said(ground: Ground, plan: Planned, seconds: Mapping[str, float], engine: str) -> list[str]:
    """The plan in words: the rule, what is stored, what is tried, and how long each stage will take."""
    megabytes = sum(plan.stored.values()) / 1e6
    vectors = f"the vectors of {len(ground.levels)} cuts"
    maps = f", and maps of {', '.join(plan.stored)} ({megabytes:,.0f} MB)" if plan.stored else ""
    dear = [entry.scheme.name for entry in plan.entries if not entry.stretches]
    tried = [f"{entry.scheme.name} ({entry.stretches[-1]} epochs)" for entry in plan.entries if entry.stretches]
    stages = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items())
    return [
        f"{plan.rule.name}: {plan.rule.text}",
        f"stored in one pass by {engine}: {vectors}{maps}",
        *([f"to be thawed, at most: {'; '.join(tried)}"] if tried else []),
        *([f"too dear for {plan.schedule.passes:g} passes: {'; '.join(dear)}"] if dear else []),
        f"budget: {plan.schedule.passes:g} passes; expected: {sum(seconds.values()):.0f} s ({stages})",
    ]
