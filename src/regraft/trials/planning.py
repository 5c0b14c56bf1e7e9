"""What a search will do, settled before anything is computed: schemes, what is stored for them, what a budget buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np

from regraft.data import Splits
from regraft.network.plan import New
from regraft.network.surgery import Graft
from regraft.train.range_test import STEPS as TEST_STEPS
from regraft.train.settings import Settings
from regraft.trials.augmentation import plainly
from regraft.trials.budget import Schedule, Work, race_of, schedule
from regraft.trials.calibration import Calibration
from regraft.trials.dense import DenseHead, dense_head
from regraft.trials.folds import Folds
from regraft.trials.ground import Ground
from regraft.trials.levels import Level
from regraft.trials.linear import STEPS
from regraft.trials.probe import SPREADS
from regraft.trials.recipe import BEST_CUTS, CROSSED, HEAD_BATCH, RATES, Rule, head_epochs, rule_for, thawed
from regraft.trials.schemes import Scheme, placed
from regraft.trials.stored import total

_TESTING = 0.1  # share of the race that a range test may take
_WHOLE = 64  # examples that the whole network is run on in the final look, forward, with its making


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """A scheme that trains more than a head; a plain one does so on pictures as they are, whatever the augmentation."""

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings
    plain: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Drafted:
    """What is to be tried, whatever it costs.

    Attributes:
        given: whether a user named the schemes; else they are the recipe's.
        heads: dense heads that are given; a recipe's are chosen when the cuts have been probed.
        racing: schemes that train more.
        stored: tensors whose maps are stored beside the vectors of all cuts, with the bytes they take.
        unstored: those for whose maps there is no room, with what they would take.
    """

    rule: Rule
    given: bool
    heads: tuple[DenseHead, ...]
    racing: tuple[Draft, ...]
    stored: Mapping[str, int]
    unstored: Mapping[str, int]

    def tensors(self, ground: Ground) -> list[str]:
        """All that the one pass computes: the vectors of all cuts, and the maps that trials begin at."""
        return list(dict.fromkeys([*(level.vector for level in ground.levels), *self.stored]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A scheme in the race.

    Attributes:
        plain: whether it trains on pictures as they are, whatever the augmentation.
        inputs: the stored tensors, or the network's input, that its steps begin at.
        epoch: what an epoch of it costs, in passes.
        stretches: epochs after which each stretch of the race ends; empty: it is too dear for the budget.
    """

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings
    plain: bool
    inputs: tuple[str, ...]
    epoch: float
    stretches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """What a search will do.

    `one_pass` are the seconds of a pass, `fixed` those that stages take whatever the budget is.
    """

    drafted: Drafted
    work: Work
    one_pass: float
    fixed: Mapping[str, float]
    schedule: Schedule
    entries: tuple[Entry, ...]


def drafted(ground: Ground, given: Sequence[Scheme] | None) -> Drafted:
    """The schemes given, or those of the recipe, and the maps they begin at."""
    splits = ground.splits
    rule = _rule(splits, len(ground.levels))
    schemes = tuple(thawed(rule, ground.levels, len(ground.levels) - 1)) if given is None else given
    drafts = [_draft(ground, number, scheme) for number, scheme in enumerate(schemes, 1)]
    heads = {d.number: head for d in drafts if (head := dense_head(d.number, d.scheme, d.level, d.graft, d.settings))}
    racing = _with_plain(ground, [draft for draft in drafts if draft.number not in heads])
    stored, unstored = _stored(ground, racing)
    return Drafted(
        rule=rule,
        given=given is not None,
        heads=tuple(heads.values()),
        racing=racing,
        stored=stored,
        unstored=unstored,
    )


def _rule(splits: Splits, blocks: int) -> Rule:
    """The rule for so many examples; of tags it is the median that counts: most words bear one of them."""
    if splits.train.tags is None:
        return rule_for(len(splits.train) / len(splits.classes), blocks)
    counts = np.bincount(splits.train.truth, minlength=len(splits.classes))
    return rule_for(float(np.median(counts)), blocks, "words of a tag, in the median,")


def planned(ground: Ground, draft: Drafted, measured: Calibration, passes: float) -> Planned:
    """The plan for a budget of so many passes."""
    splits, one = ground.splits, ground.rows_of_all * measured.example
    views = ground.rows_of_views * measured.example
    storing = sum(draft.stored.values()) * 1e-6 * measured.storing
    dearer = ground.flops * 1e-9 / measured.example
    work = Work(
        flops=ground.flops,
        middle=ground.middle.flops,
        train=len(splits.train),
        validation=len(splits.validation),
        total=total(splits),
        lower=measured.lower * dearer,
        upper=measured.upper * dearer,
        preparing=measured.preparing / measured.example,
        step=measured.step / one,
    )
    fixed = {
        "probe": one + views + storing + solving(ground.levels, ground.folds, len(splits.classes)) * measured.product,
        "heads": _heads(ground, draft, measured),
        "baselines": 2 * work.look(len(splits.test)) * one + measured.start if len(splits.test) else 0.0,
        "test": work.look(_WHOLE) * one,
    }
    bought = schedule(passes, 0.0, (), tested=work.tested > 0)
    plan = Planned(drafted=draft, work=work, one_pass=one, fixed=fixed, schedule=bought, entries=())
    return _with_race(ground, plan, draft.racing)


def rerouted(ground: Ground, plan: Planned, top: int, new: tuple[New, ...] | None) -> Planned:
    """The plan of a recipe once the cuts are probed: the race is run below `levels[top]`, with `new` layers on it.

    What is stored stays as it is: a scheme whose features are not begins at the highest cut below that is.
    """
    schemes = thawed(plan.drafted.rule, ground.levels, top, new)
    drafts = [_draft(ground, number, scheme) for number, scheme in enumerate(schemes, 1)]
    return _with_race(ground, plan, _with_plain(ground, drafts))


def _with_race(ground: Ground, plan: Planned, drafts: Sequence[Draft]) -> Planned:
    """The plan with the race that its budget pays for."""
    inputs = [ground.inputs(draft.graft.features, plan.drafted.stored) for draft in drafts]
    epochs = [_epoch(ground, plan.work, draft, own) for draft, own in zip(drafts, inputs, strict=True)]
    fixed = sum(plan.fixed.values()) / plan.one_pass
    bought = schedule(plan.schedule.passes, fixed, epochs, tested=plan.work.tested > 0)
    races = race_of([draft.settings.epochs for draft in drafts]) if plan.drafted.given else bought.races
    entries = tuple(
        Entry(**vars(draft if plan.drafted.given else _over(draft, ends)), inputs=own, epoch=epoch, stretches=ends)
        for draft, own, epoch, ends in zip(drafts, inputs, epochs, races, strict=True)
    )
    return replace(plan, schedule=bought, entries=entries)


def rate_test(entries: Sequence[Entry], rows: int) -> tuple[Entry, float] | None:
    """The entry that trains most of those that say no learning rate, and the passes of a range test on it.

    None: there is none, or the test would take too large a share of what they do.
    """
    entered = [entry for entry in entries if entry.stretches and "lr" not in entry.scheme.settings]
    if not entered:
        return None
    most = max(entered, key=lambda entry: entry.epoch)
    passes = TEST_STEPS * most.settings.batch / rows * most.epoch
    whole = sum(entry.epoch * entry.stretches[-1] for entry in entries if entry.stretches)
    return (most, passes) if passes <= _TESTING * whole else None


def _over(draft: Draft, ends: Sequence[int]) -> Draft:
    """A draft whose learning rate comes down in each stretch: what has not cannot be compared."""
    if not ends:
        return draft
    return replace(draft, settings=replace(draft.settings, epochs=ends[-1], restarts=tuple(ends[:-1])))


def _draft(ground: Ground, number: int, scheme: Scheme) -> Draft:
    with placed(f"scheme {scheme.name}"):
        grafted = ground.graft(scheme.plan)
        level = ground.level_of(grafted.at)
    given = {"batch": ground.batch(grafted.features), **scheme.settings}
    return Draft(
        number=number,
        scheme=scheme,
        level=level,
        graft=grafted,
        settings=ground.settings(grafted, given),
    )


def _with_plain(ground: Ground, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    """The drafts; where nothing is kept of crops, the first once more without them, which shows what they do."""
    if ground.augmentation.kind != "bypass" or not drafts:
        return tuple(drafts)
    first, number = drafts[0], drafts[-1].number + 1
    named = replace(first.scheme, name=plainly(first.scheme.name))
    return *drafts, replace(first, number=number, scheme=named, plain=True)


def _epoch(ground: Ground, work: Work, draft: Draft, inputs: Sequence[str]) -> float:
    steps = ceil(len(ground.splits.train) / draft.settings.batch)
    trained = ground.flops_below(draft.graft.features)
    return work.epoch(ground.flops_below(inputs), trained, draft.level.flops, steps=steps)


def _stored(ground: Ground, racing: Sequence[Draft]) -> tuple[dict[str, int], dict[str, int]]:
    """The maps that trials begin at: those that are stored, the small ones first, and those that find no room."""
    if ground.augmentation.kind == "bypass":
        return {}, {}
    wanted = {name for draft in racing for name in draft.graft.features if name in ground.network.nodes}
    sizes = {name: _bytes(ground, name) for name in wanted if name != ground.spec.name}
    found: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        if sum(found.values()) + sizes[name] <= ground.place.budget // 2:
            found[name] = sizes.pop(name)
    return {**{name: _bytes(ground, name) for name in ground.beside if found}, **found}, sizes


def _bytes(ground: Ground, name: str) -> int:
    tensor = ground.network.tensors[name]
    shape = [size or 0 for size in (tensor.shape or ())[1:]]
    return prod(shape) * np.dtype(tensor.dtype).itemsize * (ground.rows_of_all + ground.rows_of_views)


def _heads(ground: Ground, draft: Drafted, measured: Calibration) -> float:
    """Seconds that the groups of dense heads take; a look at validation is half as dear as training."""
    once, folded = len(ground.splits.train.truth) + len(ground.splits.validation.truth) / 2, 0.0
    if ground.crossing:  # each fold learns from all that others judge
        folded = ground.folds.crossed * len(ground.folds.truth) - int(ground.folds.judged.sum()) / 2

    def seconds(steps: float, weights: float) -> float:
        return steps * measured.step + weights * 1e-6 * measured.weights

    if draft.given:
        groups = {head.alike: head.settings for head in draft.heads}
        weights = sum(head.settings.epochs / head.settings.batch * head.weights for head in draft.heads)
        steps = sum(settings.epochs / settings.batch for settings in groups.values())
        return (once + folded) * seconds(steps, weights)
    steps = head_epochs(len(ground.splits.train.truth)) / HEAD_BATCH
    weights = steps * draft.rule.width * max(level.width for level in ground.levels)
    each = once * BEST_CUTS * seconds(steps, len(RATES) * weights)
    return each + folded * CROSSED * seconds(steps, weights)


def solving(levels: Sequence[Level], turns: Folds, classes: int) -> float:
    """Thousand millions of multiplications that solving the heads of all cuts takes."""
    rows, folds = turns.learns.shape
    numbers = sum(min(rows, level.width) for level in levels)
    return 2e-9 * STEPS * rows * numbers * folds * len(SPREADS) * classes
