from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from regraft.errors import BadArgument
from regraft.trials.budget import Budget, Work, race_of, schedule

WORK = Work(flops=100, middle=50, train=700, validation=150, total=1000, lower=1.0, upper=1.0, preparing=0.0, step=0.0)
COSTS = (0.1, 0.3, 0.7, 2.1)


def test_an_epoch_through_everything_costs_three_passes_over_the_training_part_and_one_over_validation():
    assert WORK.epoch(0, 0, 100, steps=0) == pytest.approx(3 * 0.7 + 0.15)
    assert WORK.whole == pytest.approx(3 * 0.7)


def test_an_epoch_from_stored_features_costs_its_share_of_the_operations():
    assert WORK.epoch(80, 80, 100, steps=0) == pytest.approx(0.2 * (3 * 0.7 + 0.15))
    assert WORK.epoch(80, 80, 90, steps=0) == pytest.approx(0.1 * (3 * 0.7 + 0.15))


def test_what_is_frozen_but_not_stored_is_run_forward_only():
    assert WORK.epoch(0, 80, 100, steps=0) == pytest.approx(0.2 * 2 * 0.7 + 0.85)


def test_where_training_is_slower_than_a_pass_an_epoch_costs_as_much_more():
    slower = replace(WORK, lower=2.5, upper=2.5)
    assert slower.epoch(50, 80, 100, steps=0) == pytest.approx(2.5 * WORK.epoch(50, 80, 100, steps=0))


def test_each_half_of_the_network_has_its_own_price():
    uneven = replace(WORK, lower=4.0, upper=2.0)
    assert uneven.back(0, 100) == pytest.approx(2 * (0.5 * 4 + 0.5 * 2) * 0.7)
    assert uneven.back(40, 60) == pytest.approx(2 * (0.1 * 4 + 0.1 * 2) * 0.7)
    assert uneven.back(70, 90) == pytest.approx(2 * 0.2 * 2 * 0.7)


def test_only_what_begins_at_the_examples_prepares_them():
    prepared = replace(WORK, preparing=0.5)
    assert prepared.epoch(0, 50, 100, steps=0) == pytest.approx(WORK.epoch(0, 50, 100, steps=0) + 0.5 * 0.85)
    assert prepared.epoch(1, 50, 100, steps=0) == pytest.approx(WORK.epoch(1, 50, 100, steps=0))
    assert prepared.whole == pytest.approx(WORK.whole + 0.5 * 0.7)


def test_a_step_costs_something_however_little_it_computes():
    stepping = replace(WORK, step=0.002)
    assert stepping.epoch(100, 100, 100, steps=22) == pytest.approx(22 * 0.002)
    assert stepping.epoch(80, 80, 100, steps=22) == pytest.approx(WORK.epoch(80, 80, 100, steps=0) + 22 * 0.002)


def cost(schedule_, epochs):
    """Passes of a race in which the dearest always survive."""
    ends = [race for race in schedule_.races if race]
    spent, left = 0.0, sorted(((e, r) for e, r in zip(epochs, schedule_.races, strict=True) if r), reverse=True)
    for stretch in range(len(ends[0]) if ends else 0):
        spent += sum(e * (r[stretch] - (r[stretch - 1] if stretch else 0)) for e, r in left)
        left = left[: -(-len(left) // 2)]
    return spent


@pytest.mark.parametrize("passes", [4, 8, 10, 20, 40])
def test_a_race_costs_about_what_is_left_of_the_budget(passes):
    bought = schedule(passes, 1.3, COSTS, tested=True)
    assert any(bought.races)
    assert cost(bought, COSTS) <= (passes * 0.8 - 1.3) * 1.3


def test_what_the_baselines_take_is_a_share_of_the_budget():
    bought = schedule(5, 1.3, COSTS, tested=True)
    assert (bought.passes, bought.untrained, bought.whole) == (5, 0.5, 0.5)
    assert schedule(40, 1.3, COSTS, tested=True).untrained == 1  # all examples; more there are none


@pytest.mark.parametrize("passes", [30, 60, 1000])
def test_every_stretch_of_every_scheme_is_a_cycle_of_three_epochs_or_more(passes):
    for race in schedule(passes, 1.3, (0.3, 0.5, 0.7), tested=True).races:
        assert race
        assert all(later - earlier >= 3 for earlier, later in pairwise((0, *race)))


def test_the_dearest_scheme_trains_for_25_epochs_at_most():
    assert schedule(1000, 1.3, COSTS, tested=True).races[-1] == (4, 11, 25)


@pytest.mark.parametrize("passes", [60, 1000])
def test_all_schemes_cost_the_same_in_each_stretch(passes):
    costs = (0.3, 0.5, 0.7)
    races = schedule(passes, 1.3, costs, tested=True).races
    for ends in zip(*races, strict=True):
        spent = [end * one for end, one in zip(ends, costs, strict=True)]
        assert max(spent) - min(spent) <= max(costs)  # as far as whole epochs go


def test_what_is_too_dear_is_left_out_first():
    assert schedule(3, 1.3, [0.1, 0.3, 2.1], tested=True).races[2] == ()
    assert schedule(1, 0.9, [0.5], tested=True).races == ((),)
    assert schedule(10, 1.3, [], tested=True).races == ()


def test_a_larger_budget_never_gives_a_scheme_fewer_epochs():
    before = 0
    for passes in (2, 5, 10, 20, 50):
        (race,) = schedule(passes, 1.3, [0.7], tested=True).races
        assert (race[-1] if race else 0) >= before
        before = race[-1] if race else 0


def test_given_schemes_are_halved_until_the_last_has_all_its_epochs():
    assert race_of([20, 20, 8]) == ((5, 10, 20), (5, 10, 20), (2, 4, 8))
    assert race_of([7]) == ((7,),)
    assert race_of([]) == ()


def test_a_given_scheme_of_few_epochs_never_has_more():
    assert race_of([1, 1, 1, 1, 1]) == ((1, 1, 1, 1),) * 5


def test_a_budget_of_nothing_said_is_ten_passes_or_a_minute():
    assert Budget().in_passes(60.0) == 10
    assert Budget().in_passes(3.0) == 20
    assert Budget(minutes=2).in_passes(30.0) == 4
    assert Budget(minutes=2).in_passes(30.0, spent=60.0) == 2
    assert Budget(minutes=2).in_passes(30.0, spent=600.0) == 1
    assert Budget(passes=3.5).in_passes(1e-3) == 3.5


def test_given_schemes_get_what_they_take_and_three_tenths_of_the_whole_for_comparison():
    assert Budget().in_passes(3.0, given=21.0) == 10
    assert Budget(minutes=2).in_passes(30.0, given=21.0) == 4
    assert Budget(passes=3.5).in_passes(3.0, given=21.0) == 3.5


def test_a_budget_is_passes_or_minutes_and_above_nothing():
    with pytest.raises(BadArgument) as both:
        Budget(passes=1, minutes=1)
    assert str(both.value) == "a search has one budget\n  got: passes and minutes\n  to do: give one of them"
    with pytest.raises(BadArgument) as none:
        Budget(minutes=0)
    assert str(none.value) == "the budget of minutes must be above 0\n  got: 0"
    with pytest.raises(BadArgument) as nan:
        Budget(passes=float("nan"))
    assert str(nan.value) == "the budget of passes must be above 0\n  got: nan"


def test_without_a_test_part_all_of_the_budget_is_for_the_race():
    tested, untested = (schedule(10, 1.3, [0.7], tested=tested).races[0][-1] for tested in (True, False))
    assert untested == pytest.approx((10 - 1.3) / 0.7, abs=0.5)
    assert tested == pytest.approx((7 - 1.3) / 0.7, abs=0.5)
