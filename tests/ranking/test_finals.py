"""The finalists: fine-tuned for a short while, remembered, and left alone where there is no time for them."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from grounds import SILENT, demo_network, dense_network, digit_splits

import regraft
from regraft.data import Splits
from regraft.errors import BadArgument
from regraft.ranking import Ranking, allowance
from regraft.ranking.allowance import Allowance
from regraft.ranking.finals import _Final, tuned
from regraft.ranking.memory import Memory
from regraft.ranking.rounds import Rounds
from regraft.run import Progress
from regraft.zoo import Facts, Tuned, Zoo

RANGE = "range=0..1"
SPLITS = digit_splits(15, 8)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """The demo's network, twice but for its head, and two that know nothing."""
    shelf = Zoo(tmp_path / "zoo")
    network = demo_network()
    head = next(name for name in reversed(network.parameters) if network.parameters[name].value.ndim == 2)
    shelf.add(network, "digits")
    shelf.add(network.assign({head: network.parameters[head].value * 2}), "digits-1")
    shelf.add(dense_network((784, 24, 10)), "fresh")
    shelf.add(dense_network((784, 8, 10), seed=1), "narrow", Facts(tags=("small",)))
    return shelf


def ranked(zoo: Zoo, splits: Splits = SPLITS, **how: object) -> Ranking:
    return regraft.rank(splits, zoo=zoo.path, **{"input": RANGE, "progress": SILENT, **how})


def rounds_of(zoo: Zoo, minutes: float | None = None) -> Rounds:
    memory = Memory(zoo=zoo, input=RANGE, seed=0, progress=SILENT)
    return Rounds(splits=SPLITS, memory=memory, allowance=Allowance(minutes), progress=SILENT)


def remember(zoo: Zoo, accuracies: dict[str, float], share: float) -> None:
    """What a fine-tuning might have found."""
    rounds = rounds_of(zoo)
    for one in rounds.candidates([zoo[name] for name in accuracies]):
        accuracy = accuracies[one.card.name]
        found = Tuned(accuracy=accuracy, low=0.0, high=1.0, scheme="everything thawed", seconds=1.0)
        rounds.memory.keep(one, found, rounds.portion(1.0), share)


def test_the_two_best_starts_are_fine_tuned_and_remembered(zoo: Zoo) -> None:
    progress = Progress(quiet=True)
    found = ranked(zoo, progress=progress)
    first, other, *others = found.models
    # a sibling that is the same below its head is the same start, and no finalist beside it
    assert {first.card.name, others[0].card.name} == {"digits", "digits-1"}
    assert other.card.name == "fresh"
    assert first.tuned is not None
    assert other.tuned is not None
    assert first.tuned.accuracy > other.tuned.accuracy
    assert first.tuned.low < first.tuned.accuracy < first.tuned.high
    assert (first.tuned.accuracy * len(SPLITS.validation)).is_integer()
    assert " on " in first.tuned.scheme or "thawed" in first.tuned.scheme
    assert [model.tuned for model in others] == [None, None]
    assert [line for line in progress.said if line.startswith("fine-tuning")] == [
        f"fine-tuning {first.card.name}",
        "fine-tuning fresh",
    ]
    again = Progress(quiet=True)
    assert ranked(zoo, progress=again).models == found.models
    assert again.said == []
    assert found.as_json()["ranking"][0]["tuned"]["accuracy"] == first.tuned.accuracy


def test_fine_tuning_decides_between_the_two(zoo: Zoo) -> None:
    remember(zoo, {"digits": 0.5, "digits-1": 0.5, "fresh": 0.9}, 0.5)
    found = ranked(zoo)
    assert [model.card.name for model in found.models[:1]] == ["fresh"]
    assert found.models[0].score.accuracy < found.models[1].score.accuracy
    assert ranked(zoo, finals=False).models[0].card.name != "fresh"


def test_a_single_start_is_not_fine_tuned(zoo: Zoo) -> None:
    assert [model.tuned for model in ranked(zoo, pattern="digits*").models] == [None, None]


def test_where_time_is_short_less_is_done_and_it_is_said(zoo: Zoo) -> None:
    with pytest.raises(BadArgument) as refused:
        ranked(zoo, minutes=1e-6)
    assert str(refused.value) == (
        "there is no time to probe one model\n  got: 1e-06 minutes\n  to do: give it more: --minutes"
    )
    whole = ranked(zoo, finals=False)
    found = ranked(zoo, minutes=1e-4)
    assert found.models == whole.models  # what is remembered takes no time
    finalists = (whole.models[0].card.name, "fresh")
    assert found.unfinished == dict.fromkeys(finalists, "fine-tuned")
    remember(zoo, {"digits": 0.5, "digits-1": 0.5, "fresh": 0.9}, 0.25)  # a shorter one, from a time that was short too
    found = ranked(zoo, minutes=1e-4)
    assert found.models[0].card.name == "fresh"
    assert found.unfinished == {}
    with pytest.raises(BadArgument) as refused:
        ranked(zoo, minutes=0)
    assert str(refused.value) == "the budget of minutes must be above 0\n  got: 0"


def test_a_finalist_that_somebody_removes_ends_no_ranking(zoo: Zoo) -> None:
    found = ranked(zoo, finals=False).models[:2]
    zoo.remove(found[1].card.name)
    assert tuned([model.card for model in found], [model.score for model in found], rounds_of(zoo)) == {}


def test_what_there_is_no_time_for_is_said_and_the_rest_ranked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which every look takes a second: one to begin, one for each model opened, one for each probed."""
    shelf, looks = Zoo(tmp_path / "zoo"), count()
    for number in range(4):
        shelf.add(dense_network((784, 30, 10), seed=number), f"narrow-{number}")
    monkeypatch.setattr(allowance, "time", SimpleNamespace(monotonic=lambda: float(next(looks))))
    found = ranked(shelf, minutes=7.5 / 60, finals=False)
    assert len(found.models) == 3
    (left,) = {card.name for card in shelf.list()} - {model.card.name for model in found.models}
    assert found.unfinished == {left: "scored on 75 examples"}
    assert ranked(shelf, minutes=99, finals=False).unfinished == {}


def test_a_shorter_search_prepares_what_a_longer_one_remembered(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [zoo[name] for name in ("digits", "fresh")]
    remember(zoo, {"digits": 0.5}, 0.5)
    monkeypatch.setattr(_Final, "seconds", lambda _, share: 1e9 if share == 0.5 else 0.0)
    assert set(tuned(cards, [], rounds_of(zoo, minutes=10))) == {card.content for card in cards}


def test_a_model_that_took_anothers_name_is_not_scored_as_that(zoo: Zoo) -> None:
    card = zoo["narrow"]
    zoo.remove("narrow")
    zoo.add(dense_network((784, 9, 10)), "narrow")
    rounds = rounds_of(zoo)
    assert rounds.candidates([card]) == []
    assert rounds.skipped == {"narrow": "another model has its name now"}
