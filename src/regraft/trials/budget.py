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
_COMPARED = _UNTRAINED + 2 * _WHOLE
LEAST_EPOCHS = 3  # of a stretch, which is a whole cycle of the learning rate
_MOST_EPOCHS = 25  # of the dearest scheme of a race
_BACKWARD = 2.0  # a step back costs so many steps forward


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a search may cost: so many passes over the data, or so many minutes, or what is usual.

    Usual are ten passes, or a minute where those take less; where schemes are given, what these take.

    Raises:
        BadArgument: both are given, or one is not above 0.
    """

    passes: float | None = None
    minutes: float | None = None

    def in_passes(self, pass_seconds: float, given: float | None = None, spent: float = 0.0) -> float:
        """The budget in passes that take so many seconds each.

        Args:
            given: seconds that the schemes take which were given; None: they are the recipe's.
            spent: seconds that planning took, which are part of the minutes.
        """
        if self.passes is not None:
            return self.passes
        if self.minutes is not None:
            seconds = max(pass_seconds, self.minutes * 60 - spent)
        elif given is not None:
            seconds = given / (1 - _COMPARED)
        else:
            seconds = max(_PASSES * pass_seconds, _MINUTE)
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
        middle: of its lower half, whose large maps make an operation dearer in training.
        train, validation, total: how many examples there are.
        lower, upper: what an operation below and above the middle takes in training, beside what one takes in a pass.
        preparing: what preparing an example takes, beside its whole pass.
        step: passes that a step of a training takes, however little it computes.
    """

    flops: int
    middle: int
    train: int
    validation: int
    total: int
    lower: float
    upper: float
    preparing: float
    step: float

    @property
    def tested(self) -> int:
        """How many examples the test part has."""
        return self.total - self.train - self.validation

    @property
    def whole(self) -> float:
        """Passes that an epoch takes which trains everything and looks at no validation."""
        return self.look(self.train) + self.back(0, self.flops)

    def epoch(self, begin: int, trained: int, top: int, *, steps: int) -> float:
        """Passes that an epoch takes, with a look at validation after it.

        Args:
            begin: operations for one example below what its steps begin at; 0: they begin at the examples.
            trained: operations below what is trained.
            top: operations below the new head.
            steps: how many there are.
        """
        forward = self._price(begin, top) + (0.0 if begin else self.preparing)
        each = steps * self.step + self.back(trained, top)
        return forward * (self.train + self.validation) / self.total + each

    def look(self, count: int) -> float:
        """Passes that running the whole network on so many examples takes."""
        return (self._price(0, self.flops) + self.preparing) * count / self.total

    def back(self, trained: int, top: int) -> float:
        """Passes that the steps back of an epoch take, from a head on `top` operations down to `trained` ones."""
        return _BACKWARD * self._price(trained, top) * self.train / self.total

    def _price(self, start: int, end: int) -> float:
        low = min(end, self.middle) - min(start, self.middle)
        return (self.lower * low + self.upper * (end - start - low)) / self.flops


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


def schedule(passes: float, fixed: float, epochs: Sequence[float], *, tested: bool) -> Schedule:
    """What a budget buys.

    Args:
        passes: the budget.
        fixed: passes that all else takes, whatever the budget is.
        epochs: what an epoch of each scheme of the race costs in passes.
        tested: whether there is a test part, and so anything to compare the winner with.
    """
    left = max(0.0, passes * (1 - _COMPARED * tested) - fixed)
    return Schedule(
        passes=passes,
        untrained=min(1.0, _UNTRAINED * passes),
        whole=_WHOLE * passes,
        races=_races(left, epochs),
    )


def _races(passes: float, costs: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """Epochs after which each stretch of each scheme ends; the dearest are left out until all others can begin."""
    entered = sorted(range(len(costs)), key=lambda one: costs[one])
    while entered and LEAST_EPOCHS * costs[entered[-1]] > _shares(passes, len(entered))[0] * 1.25:
        entered.pop()
    # All cost the same in each stretch: whoever stays ahead, the race takes what was forecast.
    shares = _shares(min(passes, _useful(costs, entered)), len(entered)) if entered else []
    races: list[tuple[int, ...]] = [() for _ in costs]
    for one in entered:
        spent, ends = 0.0, list[int]()
        for share in shares:
            spent += share
            least = (ends[-1] if ends else 0) + LEAST_EPOCHS
            ends.append(max(least, round(spent / costs[one])))
        races[one] = tuple(ends)
    return tuple(races)


def _useful(costs: Sequence[float], entered: Sequence[int]) -> float:
    """Passes after which the dearest scheme of a race has its most epochs."""
    return _MOST_EPOCHS * costs[entered[-1]] / sum(_shares(1.0, len(entered)))


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
