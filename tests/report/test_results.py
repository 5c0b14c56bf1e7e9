from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report.small import Changed, Search

from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.report import write_card, write_report
from regraft.report.results import read_results
from regraft.run import RunFolder


def test_what_the_search_wrote_is_what_is_read(search: Search) -> None:
    results = read_results(search.run)
    assert results.won.name == results.winner.name == search.results["winner"]["name"]
    assert results.most_layers == 3
    assert [cut.untrained for cut in results.curve] == [0.3, 0.3, None]
    assert results.winner.test.confusion == tuple(map(tuple, search.results["winner"]["test"]["confusion"]))
    assert results.budget.minutes is None


def test_more_keys_are_left_alone(changed: Changed) -> None:
    run = changed(lambda results: results["winner"].update(novelty=[1, 2]))
    assert read_results(run).winner.number == 4


def test_a_run_without_results(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    with pytest.raises(MissingFile) as caught:
        write_report(run, None)
    assert str(caught.value) == f"the run has no results.json\n  where: {run.path}\n  got: a run that is running"


def test_results_of_a_fit_are_not_those_of_a_search(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    run.write_json("results.json", {"run": "runs/fit", "seconds": 3.2})
    with pytest.raises(UnreadableFile) as caught:
        write_card(run)
    assert str(caught.value) == (
        "results.json does not hold what a search writes\n"
        f"  where: {run.results}\n"
        "  got: model is missing; task is missing; measure is missing; source is missing; data is missing; "
        "and 12 more\n"
        "  to do: search again, into a new folder"
    )


def test_a_search_without_a_test_part_has_no_report(changed: Changed) -> None:
    run = changed(lambda results: results["winner"].update(test=None, score=None, interval=None))
    with pytest.raises(BadArgument) as caught:
        write_report(run, None)
    assert str(caught.value) == (
        "the search had no test part: there is nothing to report on\n"
        f"  where: {run.path}\n"
        "  to do: search again, with a test part"
    )


def test_a_list_is_no_document(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    run.write_json("results.json", [1])
    with pytest.raises(UnreadableFile, match=r"got: the document: an object expected, got \[1\]\n"):
        read_results(run)


def _damage(results: dict[str, Any]) -> None:
    results["curve"][1]["score"] = "high"
    results["trials"][0]["epochs"] = 2.5
    results["winner"]["interval"] = [0.1]
    results["baselines"]["majority class"] = None
    results["winner"]["test"]["confusion"][0][0] = True


def test_every_damaged_place_is_named(changed: Changed) -> None:
    run = changed(_damage)
    with pytest.raises(UnreadableFile) as caught:
        write_report(run, None)
    assert str(caught.value) == (
        "results.json does not hold what a search writes\n"
        f"  where: {run.results}\n"
        "  got: curve[1].score: a number expected, got 'high'; trials[0].epochs: a whole number expected, got 2.5; "
        "winner.test.confusion[0][0]: a whole number expected, got True; "
        "winner.interval: a list of 2 expected, got [0.1]; baselines.majority class: a number expected, got None\n"
        "  to do: search again, into a new folder"
    )
    assert not (run.path / "report.html").exists()


def _contradict(results: dict[str, Any]) -> None:
    results["winner"]["number"] = 77
    results["winner"]["test"]["confusion"].pop()
    results["winner"]["validation"]["per_class"].reverse()
    results["mistakes"][1]["index"] = -1


def test_what_contradicts_itself_is_refused(changed: Changed) -> None:
    run = changed(_contradict)
    with pytest.raises(UnreadableFile) as caught:
        read_results(run)
    assert caught.value.got == (
        "winner.number: no trial has the number 77; "
        "winner.validation.per_class: the 4 classes in their order expected; "
        "winner.test.confusion: 4 rows of 4 numbers expected; "
        "mistakes[1].index: a position expected, got -1"
    )


def test_numbers_that_are_none(changed: Changed) -> None:
    run = changed(lambda results: None)
    text = run.results.read_text().replace('"naive_seconds": 400.0', '"naive_seconds": NaN')
    run.write_bytes("results.json", text.encode())
    with pytest.raises(UnreadableFile, match=r"got: budget\.naive_seconds: a number expected, got nan\n"):
        read_results(run)
