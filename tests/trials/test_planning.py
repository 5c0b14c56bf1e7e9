from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from grounds import calibration_of, dense_network, digit_ground, row_splits

from regraft.errors import BadArgument, UnknownName
from regraft.features import Place
from regraft.network import Plan
from regraft.network.plan import New
from regraft.run import Progress
from regraft.trials.augmentation import Augmentation
from regraft.trials.forecast import forecast, naive, overrun, said
from regraft.trials.ground import Choices, ground_of
from regraft.trials.planning import drafted, planned, rate_test, rerouted
from regraft.trials.recipe import head_epochs
from regraft.trials.schemes import Scheme

H1, H2, H3, H4 = (f"dnn/hidden{k}/Relu:0" for k in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def ground():
    return digit_ground(train=100, validation=10)


def thaw(name, below, **settings):
    return Scheme(name=name, plan=Plan(freeze_below=below), settings=settings)


def with_room(ground, budget):
    return replace(ground, place=Place(root=ground.place.root, budget=budget))


def bytes_of(ground, tensor):
    return ground.network.tensors[tensor].shape[1] * 4 * 120 * 5


def test_the_features_of_all_schemes_are_stored_where_there_is_room(ground):
    draft = drafted(ground, [thaw("top one", H3), thaw("top two", H2)])
    assert draft.given
    assert draft.stored == {H3: bytes_of(ground, H3), H2: bytes_of(ground, H2)}
    assert draft.tensors(ground) == [level.vector for level in ground.levels]  # here a vector stands for its cut


def test_what_is_stored_takes_half_of_the_room_at_most_the_small_first(ground):
    schemes = [thaw("top three", H1), thaw("top one", H3)]
    sizes = {name: bytes_of(ground, name) for name in (H1, H3)}
    assert sizes[H1] > sizes[H3]
    for room, stored in (
        (2 * sum(sizes.values()), {H1, H3}),
        (2 * sum(sizes.values()) - 2, {H3}),
        (2 * sizes[H3] - 2, set()),
    ):
        draft = drafted(with_room(ground, room), schemes)
        assert set(draft.stored) == stored
        assert sum(draft.stored.values()) <= room // 2


def test_what_finds_no_room_is_told(ground):
    schemes = [thaw("top three", H1), thaw("top one", H3)]
    plan = planned(
        (limited := with_room(ground, 2 * bytes_of(ground, H3))),
        drafted(limited, schemes),
        calibration_of(ground),
        10.0,
    )
    lines = said(plan, forecast(plan), "torch", 4)
    assert f"there is no room for maps of {H1} (1 MB): what begins there begins lower" in lines


def test_views_are_paid_for(ground):
    viewed = replace(ground, augmentation=Augmentation(kind="cached", count=8))
    assert viewed.rows_of_views == 7 * 500 + 50
    plain, dear = (planned(one, drafted(one, None), calibration_of(one), 10.0) for one in (ground, viewed))
    assert dear.fixed["probe"] - plain.fixed["probe"] == pytest.approx(3550 * 0.01, rel=1e-3)
    assert drafted(viewed, [thaw("top one", H3)]).stored[H3] == bytes_of(ground, H3) / 600 * (600 + 3550)


def test_what_has_no_views_is_refused_before_anything_is_computed():
    network, splits = dense_network((3, 4, 2)), row_splits(np.eye(12, 3, dtype="float32"), np.arange(12) % 2, 6, 4)
    with pytest.raises(BadArgument, match="takes no pictures: there is one view of its examples"):
        ground_of(network, splits, None, Choices(augmentation=Augmentation(kind="bypass")), Progress(silent=True))


def test_a_scheme_begins_at_its_features_or_at_the_highest_stored_cut_below_or_at_the_input(ground):
    schemes = [thaw("top one", H3), thaw("top three", H1)]
    room = 2 * bytes_of(ground, H3)
    for limited, inputs in (
        (ground, (H3, H1)),
        (with_room(ground, room), (H3, "X:0")),
        (with_room(ground, 0), ("X:0",) * 2),
    ):
        plan = planned(limited, drafted(limited, schemes), calibration_of(limited), 10.0)
        assert [entry.inputs for entry in plan.entries] == [(name,) for name in inputs]
    draft = replace(drafted(ground, schemes), stored={H1: 1})
    assert planned(ground, draft, calibration_of(ground), 10.0).entries[0].inputs == (H1,)


def test_what_is_not_stored_costs_its_forward_steps(ground):
    schemes = [thaw("top one", H3)]
    level = {level.cut: level for level in ground.levels}
    for limited, begin in ((ground, level[H3].flops), (with_room(ground, 0), 0)):
        plan = planned(limited, drafted(limited, schemes), calibration_of(limited), 10.0)
        assert plan.work.upper == pytest.approx(1.0)
        steps = ceil(len(ground.splits.train) / plan.entries[0].settings.batch)
        expected = plan.work.epoch(begin, level[H3].flops, level[H4].flops, steps=steps)
        assert plan.entries[0].epoch == pytest.approx(expected)


def test_given_schemes_take_the_epochs_they_say_whatever_the_budget(ground):
    schemes = [thaw("short", H3, epochs=3), thaw("long", H2, epochs=9)]
    for passes in (0.1, 100.0):
        plan = planned(ground, drafted(ground, schemes), calibration_of(ground), passes)
        assert [entry.stretches for entry in plan.entries] == [(2, 3), (5, 9)]
        assert [entry.settings.epochs for entry in plan.entries] == [3, 9]


def test_given_schemes_keep_the_restarts_they_say(ground):
    schemes = [thaw("anew", H3, epochs=6, restarts=[2]), thaw("once", H2, epochs=6)]
    plan = planned(ground, drafted(ground, schemes), calibration_of(ground), 10.0)
    assert [entry.settings.restarts for entry in plan.entries] == [(2,), ()]


def test_dense_heads_are_no_part_of_the_race(ground):
    head = Scheme(name="head", plan=Plan(new=(New(kind="dense", width=8), New(kind="dense"))), settings={})
    draft = drafted(ground, [head, thaw("top one", H3)])
    assert [head.number for head in draft.heads] == [1]
    assert [entry.number for entry in draft.racing] == [2]


def test_the_schemes_of_a_recipe_follow_from_the_amount_of_data(ground):
    assert drafted(ground, None).rule.name == "plenty of data"
    draft = drafted(digit_ground(train=20, validation=10), None)
    assert (draft.rule.name, draft.given, draft.heads) == ("few data", False, ())
    assert [one.scheme.name for one in draft.racing] == ["top 1 block thawed", "top 2 blocks thawed"]


def test_a_budget_that_buys_no_epoch_leaves_the_dear_out_and_says_so(ground):
    measured = calibration_of(ground)
    plan = planned(ground, drafted(ground, None), measured, 1.8)
    dear = [entry.scheme.name for entry in plan.entries if not entry.stretches]
    assert "full fine-tune" in dear
    lines = said(plan, forecast(plan), "torch", len(ground.levels))
    assert f"too dear for 1.8 passes: {'; '.join(dear)}" in lines
    assert lines[1].startswith("stored in one pass by torch: the vectors of 4 cuts, and maps of dnn/hidden")


def test_a_range_test_is_forecast_where_there_is_one(ground):
    said_rates = [thaw("one", H3, lr=1e-3, epochs=40), thaw("two", H2, lr=1e-3, epochs=40)]
    unsaid = [replace(said_rates[0], settings={"epochs": 40}), said_rates[1]]
    plans = [planned(ground, drafted(ground, some), calibration_of(ground), 10.0) for some in (said_rates, unsaid)]
    assert rate_test(plans[0].entries, 500) is None
    found = rate_test(plans[1].entries, 500)
    assert found is not None
    entry, passes = found
    assert (entry.scheme.name, passes) == ("one", pytest.approx(40 * 32 / 500 * entry.epoch))
    assert forecast(plans[1])["thaw"] - forecast(plans[0])["thaw"] == pytest.approx(passes * plans[1].one_pass)
    assert rate_test([replace(entry, stretches=(4,))], 500) is None  # 40 steps are more than a tenth of four epochs


def test_minutes_that_cannot_be_kept_are_told():
    assert overrun(68.9, 1.0) == overrun(1e6, None) == []
    assert overrun(69.1, 1.0) == ["warning: 69 s are expected where 60 s were given; nothing can be left out"]


def test_after_the_probe_the_race_is_run_below_the_best_cut(ground):
    plan = planned(ground, drafted(ground, None), calibration_of(ground), 50.0)
    new = (New(kind="dense", width=8), New(kind="dense"))
    again = rerouted(ground, plan, 2, new)
    assert {entry.level.cut for entry in again.entries} == {H3}
    assert [entry.scheme.plan.new for entry in again.entries] == [new] * len(again.entries)
    assert again.drafted is plan.drafted
    stored = set(plan.drafted.stored)
    assert all(set(entry.inputs) <= {*stored, "X:0"} for entry in again.entries)


def test_forecasts_add_up(ground):
    measured = calibration_of(ground)
    plan = planned(ground, drafted(ground, [thaw("one", H3, epochs=4)]), measured, 10.0)
    one_pass = 120 * 5 * measured.example
    seconds = forecast(plan)
    assert seconds["thaw"] == pytest.approx(4 * plan.entries[0].epoch * one_pass)
    assert seconds["probe"] >= one_pass
    whole = 2 * 10 * 5 * measured.plain  # two networks trained whole look at the test part
    assert seconds["baselines"] == pytest.approx(3 * 1.0 * one_pass + whole)
    assert seconds["test"] == pytest.approx(64 * measured.plain)
    looks = 110 * 5 * measured.plain
    assert naive(plan, measured, 3, []) == pytest.approx(3 * 20 * looks)
    assert naive(plan, measured, 0, [(4, 1.5)]) == pytest.approx(4 * looks + 4 * 1.5 * one_pass)


def test_a_cut_asked_for_can_carry_a_scheme():
    x = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
    splits = row_splits(x, np.arange(60) % 2, 40, 10)
    schemes = (Scheme(name="linear units", plan=Plan(at="2", freeze_below="1"), settings={}),)
    network = dense_network((6, 5, 4, 2))
    draft = drafted(ground_of(network, splits, None, Choices(schemes=schemes), Progress(silent=True)), schemes)
    assert draft.racing[0].level.cut == "2"


def test_a_plan_that_does_not_fit_names_its_scheme(ground):
    schemes = [thaw("fits", H3), Scheme(name="fits not", plan=Plan(freeze="hiden"), settings={})]
    with pytest.raises(UnknownName) as error:
        drafted(ground, schemes)
    assert str(error.value).splitlines()[1] == "  where: scheme fits not"
    above = Scheme(name="above all", plan=Plan(at="dnn/outputs/BiasAdd:0"), settings={})
    with pytest.raises(BadArgument) as cut:
        drafted(ground, [above])
    assert str(cut.value) == (
        "no head can stand on dnn/outputs/BiasAdd:0\n"
        "  where: scheme above all\n"
        "  to do: cut where the bottleneck or a block ends"
    )


def test_of_many_rows_a_hidden_layer_sees_each_less_often():
    assert [head_epochs(rows) for rows in (20, 10_000, 20_000, 30_000, 1_000_000)] == [30, 30, 15, 10, 10]
