from __future__ import annotations

from typing import Any

import pytest
from report.small import Changed, Search

from regraft.report import words
from regraft.report.results import read_results


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.00003, "30 µs"),
        (0.0004, "0.4 ms"),
        (0.041, "41 ms"),
        (0.999, "1.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (8400, "2 h 20 min"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == _spaced(said)


@pytest.mark.parametrize(("count", "said"), [(812, "812 B"), (31_360_000, "31.4 MB"), (2.5e9, "2.5 GB")])
def test_sizes(count: float, said: str) -> None:
    assert words.size(count, "B").replace("\N{NO-BREAK SPACE}", " ") == said


def test_numbers() -> None:
    assert words.percent(0.9133) == "91.3\N{NO-BREAK SPACE}%"
    assert words.percent(None) == words.between(None, 0.3) == words.number(None) == "–"
    assert words.between(0.864, 0.953) == "86–95"
    assert [words.difference(value) for value in (None, 0.0, 3e-6)] == ["–", "0", "3.0e-06"]


def test_the_verdict(changed: Changed) -> None:
    results = read_results(changed(_scored(0.9133, {"full fine-tune": 0.88, "majority class": 0.2})))
    assert words.verdict(results).replace("\N{NO-BREAK SPACE}", " ") == (
        "“top 2 layers thawed” gets 91.3 % of the 24 test examples right (95 %: 86 to 95), full fine-tune 88.0 %; "
        "it reuses all 3 layers below the deepest cut."
    )


def test_fewer_layers_than_there_are(changed: Changed) -> None:
    results = read_results(changed(lambda data: data["trials"][3].update(layers_reused=2)))
    assert words.verdict(results).endswith("; it reuses 2 of 3 layers.")


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (0.95, "On the test part rival did better than the winner, which was chosen before that part was looked at."),
        (0.88, "The best baseline, rival, lies inside the winner's interval: the test part does not separate them."),
        (0.85, "Every baseline lies below the winner's interval."),
    ],
)
def test_where_the_best_baseline_stands(changed: Changed, baseline: float, said: str) -> None:
    assert words.standing(read_results(changed(_scored(0.9133, {"rival": baseline})))) == said


def test_the_winner_is_no_rival_of_itself(changed: Changed) -> None:
    results = read_results(changed(_scored(0.9133, {"top 2 layers thawed": 0.9133})))
    assert words.standing(results) == "No other baseline was measured."
    assert "right (95 %: 86 to 95); it" in words.verdict(results).replace("\N{NO-BREAK SPACE}", " ")


def test_ties(search: Search, changed: Changed) -> None:
    assert words.ties(read_results(search.run)).replace("\N{NO-BREAK SPACE}", " ") == (
        "It is a tie: the winner cannot be told apart from “linear on three/Relu:0” (paired bootstrap, 95 %)."
    )
    alone = read_results(changed(lambda results: results["winner"].update(ties=[])))
    assert words.ties(alone).startswith("No other scheme ties with it")


def test_of_many_ties_the_best_are_named(changed: Changed) -> None:
    def change(results: dict[str, Any]) -> None:
        results["winner"]["ties"] = ["a", "b", "linear on one/Relu:0", "linear on three/Relu:0", "c"]

    assert "apart from “linear on three/Relu:0”, “linear on one/Relu:0”, “a” and 2 others (" in words.ties(
        read_results(changed(change))
    )


def test_a_source_without_a_name_is_called_by_its_format(changed: Changed) -> None:
    results = read_results(changed(lambda data: data["source"].update(name="small")))
    assert words.source(results) == "small"


def test_a_source_is_called_by_name_and_format(search: Search) -> None:
    assert words.source(read_results(search.run)) == "shapes.net (small)"


def test_what_the_curve_shows(search: Search, changed: Changed) -> None:
    assert words.curve_of(read_results(search.run)) == (
        "The accuracy of a linear head on each frozen cut, by 5 folds over training and validation; that of the "
        "winner, on validation."
    )
    single = read_results(changed(lambda results: results.update(folds=1)))
    assert words.curve_of(single) == "The accuracy on validation of a linear head on each frozen cut."


def test_what_augmentation_does(search: Search, changed: Changed) -> None:
    assert words.augmented(read_results(search.run)).replace("\N{NO-BREAK SPACE}", " ") == (
        "With 2 kept views of each example “linear on three/Relu:0” gets 81.0 % on validation, "
        "with pictures as they are 79.0 %."
    )
    cropped = read_results(changed(lambda results: results["augmentation"].update(views=None, scheme="top 2")))
    assert words.augmented(cropped).startswith("With another crop each time “top 2” gets ")


def test_of_no_augmentation_nothing_is_said(changed: Changed) -> None:
    assert words.augmented(read_results(changed(lambda results: results.update(augmentation=None)))) == ""


def test_what_decided(search: Search, changed: Changed) -> None:
    assert words.chosen_on(read_results(search.run)) == (
        "5 folds over the 136 examples of training and validation decided between the cuts, the 24 validation examples "
        "between the schemes."
    )
    single = read_results(changed(lambda results: results.update(folds=1)))
    assert words.chosen_on(single) == "The 24 validation examples decided."


@pytest.mark.parametrize(
    ("passes", "minutes", "said"),
    [
        (6.0, None, "6 passes"),
        (None, 2.5, "2.5 minutes"),
        (6.0, 10.0, "10 minutes, which are 6 passes"),
        (None, None, "no limit"),
    ],
)
def test_the_budget(changed: Changed, passes: float | None, minutes: float | None, said: str) -> None:
    results = read_results(changed(lambda data: data["budget"].update(passes=passes, minutes=minutes)))
    assert words.allowed(results) == said


def test_the_pairs_confused_most_often(changed: Changed) -> None:
    confusion = [[5, 1, 0, 0], [0, 2, 4, 0], [0, 0, 6, 0], [3, 0, 0, 3]]
    results = read_results(changed(lambda data: data["winner"]["test"].update(confusion=confusion)))
    found = [(pair.truth, pair.taken, pair.times, pair.of) for pair in words.most_confused(results.winner.test)]
    assert found == [("cross", "disc", 4, 6), ("wedge", "bar", 3, 6), ("bar", "cross", 1, 6)]


def _scored(accuracy: float, baselines: dict[str, float]) -> Any:
    def change(results: dict[str, Any]) -> None:
        results["winner"]["score"] = accuracy
        results["winner"]["interval"] = [0.86, 0.953]
        results["baselines"] = baselines

    return change


def _spaced(text: str) -> str:
    """With a space that keeps together before each unit."""
    for unit in ("µs", "ms", "s", "min", "h"):
        text = text.replace(f" {unit}", f"\N{NO-BREAK SPACE}{unit}")
    return text
