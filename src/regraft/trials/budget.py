"""What a search may cost, and what it will do for that: settled and said before anything is computed.

The unit is the pass: all examples prepared and computed once, by the engine that was chosen. What a training costs in
passes follows from the operations it does, and from how much slower they are in training than in a pass, which is
measured once for a source, data and machine and kept: the same budget then buys the same trials again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regraft.errors import BadArgument

_PASSES = 10.0  # that a search may take where nothing is said
_MINUTE = 60.0  # seconds that it may always take: tiny networks get as many passes
_UNTRAINED, _WHOLE = 0.1, 0.1  # shares of the budget for the untrained trunk, and for each training of everything
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

    def in_passes(self, pass_seconds: float) -> float:
        """The budget in passes that take so many seconds each."""
        if self.passes is not None:
            return self.passes
        seconds = max(_PASSES * pass_seconds, _MINUTE) if self.minutes is None else self.minutes * 60
        return round(seconds / pass_seconds, 2)

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
        slowness: what an operation takes in training, beside what it takes in a pass.
    """

    flops: int
    train: int
    validation: int
    total: int
    slowness: float

    @property
    def tested(self) -> int:
        """How many examples the test part has."""
        return self.total - self.train - self.validation

    def epoch(self, above: int, below: int = 0) -> float:
        """Passes that an epoch takes whose steps go forward through `above` operations and back through them.

        Args:
            above: operations for one example between the stored features and the logits, which are trained.
            below: operations that are done forward only.
        """
        forward = (above + below) * (self.train + self.validation)
        return self.slowness * (forward + _BACKWARD * above * self.train) / (self.flops * self.total)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a budget buys.

    Attributes:
        passes: the budget.
        untrained: share of the examples that go through an untrained trunk.
        whole: passes that training from scratch may take, and training all layers of the source.
        races: for each scheme of the race, the epochs after which each stretch ends; empty: it is too dear to be tried.
    """

    passes: float
    untrained: float
    whole: float
    races: tuple[tuple[int, ...], ...]


def schedule(passes: float, fixed: float, epochs: Sequence[float]) -> Schedule:
    """What a budget buys.

    Args:
        passes: the budget.
        fixed: passes that the probe and the final look take.
        epochs: what an epoch of each scheme of the race costs in passes.
    """
    left = max(0.0, passes * (1 - _UNTRAINED - 2 * _WHOLE) - fixed)
    return Schedule(
        passes=passes,
        untrained=min(1.0, _UNTRAINED * passes),
        whole=_WHOLE * passes,
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
