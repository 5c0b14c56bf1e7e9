"""What a search may cost, and what it will do for that: settled and said before anything is computed.

The unit is the pass: all examples through the whole network, forward. What a training costs in passes follows from
the operations it does, not from a clock: the same budget of passes always buys the same trials. A clock tells only how
long that will take here, and how many passes go into the minutes a user gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regraft.data import Splits
from regraft.errors import BadArgument
from regraft.trials.stored import total

PASSES = 10.0  # that a search may take where nothing is said
MINUTE = 60.0  # seconds that it may always take: tiny networks get as many passes
_UNTRAINED, _SCRATCH = 0.1, 0.1  # shares of the budget for the untrained trunk, and for training from scratch
_FIXED = 1.3  # passes: the one over all data, the final look, and what is small
_MOST_EPOCHS = 20
_BACKWARD = 2.0  # a step back costs so many steps forward


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a search may cost: so many passes over the data, or so many minutes, or the default.

    Raises:
        BadArgument: both are given, or one is not above 0.
    """

    passes: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no budget."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise BadArgument("a search has one budget", got="passes and minutes", fix="give one of them")
        for name, value in given.items():
            if not value > 0:
                raise BadArgument(f"the budget of {name} must be above 0", got=str(value))


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the examples and the network make a pass cost.

    Attributes:
        flops: of the network, for one example.
        train, validation, total: how many examples there are.
    """

    flops: int
    train: int
    validation: int
    total: int

    @classmethod
    def of(cls, flops: int, splits: Splits) -> Work:
        """The work of a network on some data."""
        return cls(flops=max(1, flops), train=len(splits.train), validation=len(splits.validation), total=total(splits))

    def epoch(self, above: int, below: int = 0) -> float:
        """Passes that an epoch takes whose steps go forward through `above` operations and back through them.

        Args:
            above: operations for one example between the stored features and the logits, which are trained.
            below: operations that are done forward only.
        """
        forward = (above + below) * (self.train + self.validation)
        return (forward + _BACKWARD * above * self.train) / (self.flops * self.total)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a budget buys.

    Attributes:
        passes: the budget.
        untrained: share of the examples that go through an untrained trunk.
        scratch: passes that training from scratch may take.
        races: for each scheme of the race, the epochs after which each stretch ends; empty: it is too dear to be tried.
    """

    passes: float
    untrained: float
    scratch: float
    races: tuple[tuple[int, ...], ...]


def schedule(passes: float, epochs: Sequence[float]) -> Schedule:
    """What a budget buys.

    Args:
        passes: the budget.
        epochs: what an epoch of each scheme of the race costs in passes.
    """
    left = max(0.0, passes - _FIXED) * (1 - _UNTRAINED - _SCRATCH)
    return Schedule(
        passes=passes,
        untrained=min(1.0, _UNTRAINED * passes),
        scratch=_SCRATCH * passes,
        races=_races(left, epochs),
    )


def _races(passes: float, costs: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """Epochs after which each stretch of each scheme ends; the dearest are left out until all others can begin."""
    entered = sorted(range(len(costs)), key=lambda one: costs[one])
    while entered and costs[entered[-1]] > _shares(passes, len(entered))[0] * 1.5:
        entered.pop()
    shares = _shares(passes, len(entered)) if entered else []
    races: list[tuple[int, ...]] = [() for _ in costs]
    for one in entered:
        spent, ends = 0.0, list[int]()
        for share in shares:
            spent += share
            ends.append(min(_MOST_EPOCHS, max(1, len(ends) + 1, round(spent / costs[one]))))
        races[one] = tuple(ends)
    return tuple(races)


def race_of(epochs: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The same for schemes that say how many epochs they take: each stretch doubles what the ones before it had."""
    stretches = len(_shares(1.0, len(epochs))) if epochs else 0
    return tuple(
        tuple(max(1, -(-count // 2 ** (stretches - 1 - number))) for number in range(stretches)) for count in epochs
    )


def _shares(passes: float, count: int) -> list[float]:
    """Passes for one scheme in each stretch: half of them are left after each, and all stretches cost the same."""
    left = [count]
    while left[-1] > 1:
        left.append(-(-left[-1] // 2))
    return [passes / len(left) / schemes for schemes in left]
