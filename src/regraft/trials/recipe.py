"""The recipe the field teaches, as a rule: which schemes are tried, and in which order, for few data and for plenty.

Freeze all that is reused and look. Then unfreeze the top one or two blocks and look again; the more data, the more
blocks. Where data are few and it is still bad, drop top layers and freeze the rest; where they are plenty, add layers
or train all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from regraft.network import Plan
from regraft.network.plan import New
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme

_PLENTY = 100  # training examples of a class from which on data are plenty
HEAD_BATCH = 64  # of a hidden layer
_LOOKS, _MOST, _FEWEST = 300_000, 30, 10  # at all rows while it is trained, and how many epochs these may be
RATES = (3e-3, 1e-3)  # at which each is tried
_SETTLING = {"schedule": "cosine", "keep": "last", "l2": 1e-3}  # no epoch is chosen by validation
BEST_CUTS = 2  # on which one is tried
CROSSED = 1  # hidden layers, those that look best, are judged by folds: each is five trainings more
_LAYER_DECAY = 0.8  # the lower a block, the smaller its steps
FULL = "full fine-tune"  # all that is reused up to the bottleneck is trained

# Frozen batch norms keep their statistics: a few hundred examples would spoil them.
_THAWED = {"optimizer": "adamw", "schedule": "one-cycle", "keep": "last", "look_first": True}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the amount of data means for the order of things.

    Attributes:
        name: "few data" or "plenty of data".
        text: why, and what is done, for people.
        width: of the hidden layer that is tried on the best cuts.
        thaw: how many blocks from the top are thawed, in the order they are tried.
        all: whether training everything is tried, the lower layers more slowly.
        bottom: whether training the lowest block alone is tried.
        in_doubt: what stays where validation cannot tell what is frozen from what was thawed.
    """

    name: str
    text: str
    width: int
    thaw: tuple[int, ...]
    all: bool
    bottom: bool
    in_doubt: Literal["frozen", "thawed"]


def rule_for(per_class: float, blocks: int, rows: str = "examples of a class") -> Rule:
    """The rule for so many training examples of a class, in the words of `rows`, and blocks of a network."""
    if per_class < _PLENTY:
        return Rule(
            name="few data",
            text=f"{per_class:.0f} {rows} are few: all cuts with everything reused frozen, a small hidden layer on the "
            "best; then the top one and two blocks thawed, which have to be better beyond doubt",
            width=64,
            thaw=_up_to((1, 2), blocks),
            all=False,
            bottom=False,
            in_doubt="frozen",
        )
    return Rule(
        name="plenty of data",
        text=f"{per_class:.0f} {rows} are plenty: all cuts frozen, a large hidden layer on the best; then more and "
        "more blocks thawed from the top, the lowest alone, and everything, which stay unless worse beyond doubt",
        width=256,
        thaw=_up_to((2, 4, 8), blocks),
        all=True,
        bottom=blocks > 2,
        in_doubt="thawed",
    )


def linear(level: Level, penalty: float) -> Scheme:
    """A linear head on a cut, everything below frozen."""
    return Scheme(name=f"linear on {level.cut}", plan=Plan(at=level.cut), settings={"l2": penalty})


def head_epochs(rows: int) -> int:
    """How long a hidden layer is trained on so many rows: of many, each is looked at less often."""
    return min(_MOST, max(_FEWEST, _LOOKS // rows))


def added_layers(rule: Rule, levels: Sequence[Level], rows: int) -> Iterator[Scheme]:
    """A hidden layer on each of some cuts, everything below frozen, to be trained on so many rows."""
    new = (New(kind="dense", width=rule.width, activation="relu"), New(kind="dense"))
    for level in levels:
        for lr in RATES:
            yield Scheme(
                name=f"dense {rule.width} on {level.cut}, lr {lr:g}",
                plan=Plan(at=level.cut, new=new),
                settings={"lr": lr, "epochs": head_epochs(rows), "batch": HEAD_BATCH, **_SETTLING},
            )


def thawed(rule: Rule, levels: Sequence[Level], top: int, new: tuple[New, ...] | None = None) -> Iterator[Scheme]:
    """Schemes that go on training the blocks below `levels[top]`, and the head that was found for it.

    Args:
        new: the layers of the head; None: one linear layer.
    """
    at = levels[top].cut
    for depth in rule.thaw:
        if depth <= top:
            plan = Plan(at=at, freeze=None, freeze_below=levels[top - depth].cut, freeze_statistics=True, new=new)
            yield Scheme(name=f"top {depth} {_blocks(depth)} thawed", plan=plan, settings=_THAWED)
    if rule.bottom and top > 1:
        plan = Plan(at=at, freeze=None, freeze_above=levels[0].cut, freeze_statistics=True, new=new)
        yield Scheme(name="lowest block thawed", plan=plan, settings=_THAWED)
    if rule.all:
        plan = Plan(at=at, freeze=None, freeze_statistics=True, new=new)
        name = FULL if top == len(levels) - 1 else "everything thawed"
        yield Scheme(name=name, plan=plan, settings={**_THAWED, "layer_decay": _LAYER_DECAY})


def _up_to(depths: Sequence[int], blocks: int) -> tuple[int, ...]:
    return tuple(depth for depth in depths if depth < blocks)


def _blocks(count: int) -> str:
    return "block" if count == 1 else "blocks"
