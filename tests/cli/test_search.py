"""`regraft search` and what is done with its run, on a small network and three hundred rows."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cli.killed import command
from grounds import dense_network
from killing import started

from regraft.cli.app import run as carry_out
from regraft.formats import saved

SCHEMES = """
- name: solved
- name: lower and solved
  plan: {at: "3"}
- name: hidden layer
  plan: {new: [{kind: dense, width: 16, activation: relu}, {kind: dense}]}
  settings: {lr: 0.01, epochs: 20}
- name: hidden layer, slowly
  plan: {new: [{kind: dense, width: 16, activation: relu}, {kind: dense}]}
  settings: {lr: 0.001, epochs: 20}
- name: top block thawed
  plan: {freeze_below: "3"}
  settings: {epochs: 8}
- name: all thawed
  plan: {freeze: null}
  settings: {epochs: 8, lr: 0.003}
"""
REPORT = {"accuracy", "loss", "n", "classes", "confusion", "per_class"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    saved.write(dense_network((8, 16, 12, 10, 3)), folder, {})
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred rows, whose three classes the second hidden layer tells, and some noise."""
    path = tmp_path_factory.mktemp("data") / "rows.npz"
    draws = np.random.default_rng(0)
    x = draws.normal(size=(300, 8)).astype(np.float32)
    told = dense_network((8, 16, 12, 10, 3)).run(x, to="3") @ draws.normal(size=(12, 3))
    told = (told - told.mean(0)) / told.std(0) + 0.3 * draws.normal(size=told.shape)
    np.savez(path, x=x, y=np.array(["ash", "birch", "cedar"])[told.argmax(1)])
    return path


@pytest.fixture(scope="module")
def schemes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schemes") / "schemes.yaml"
    path.write_text(SCHEMES, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def record(regraft, source: Path, rows: Path, schemes: Path, tmp_path_factory) -> dict[str, Any]:
    """What a finished search of six schemes says."""
    out = tmp_path_factory.mktemp("runs") / "first"
    given = ["--weights", source, "--schemes", schemes, "--passes", "40", "--out", out, "--json"]
    done = regraft("search", source, rows, *given)
    assert done.code == 0, done.err
    assert done.record["run"] == str(out)
    return done.record


@pytest.mark.slow
def test_the_record_keeps_its_contract(record: dict[str, Any]) -> None:
    assert set(record) >= {
        "run", "model", "source", "data", "rule", "folds", "budget", "seconds", "curve", "trials", "winner",
        "baselines", "baseline_notes", "augmentation", "warnings", "mistakes",
    }  # fmt: skip
    assert set(record["source"]) >= {"format", "name", "parameters", "flops", "blocks"}
    assert record["data"]["classes"] == ["ash", "birch", "cedar"]
    assert record["data"]["train"] + record["data"]["validation"] + record["data"]["test"] == 300
    assert record["rule"]["name"] in ("few data", "plenty of data")
    assert set(record["budget"]) >= {
        "passes", "minutes", "pass_seconds", "engine", "engines", "stored", "forecast", "naive_seconds"
    }  # fmt: skip
    assert (record["budget"]["passes"], record["budget"]["minutes"]) == (40, None)
    assert set(record["seconds"]) - {"planning"} == set(record["budget"]["forecast"]) == {
        "probe", "heads", "thaw", "baselines", "test"
    }  # fmt: skip
    assert set(record["baselines"]) >= {
        "majority class", "nearest neighbours", "frozen + linear", "untrained trunk", "from scratch"
    }  # fmt: skip
    for mistake in record["mistakes"]:
        assert set(mistake) == {"index", "input", "truth", "taken", "probability", "loss"}
        assert mistake["truth"] != mistake["taken"]


@pytest.mark.slow
def test_the_curve_has_a_point_for_each_cut(record: dict[str, Any]) -> None:
    assert [(point["cut"], point["layers_reused"]) for point in record["curve"]] == [("1", 1), ("3", 2), ("5", 3)]
    for point in record["curve"]:
        assert set(point) == {"cut", "layers_reused", "accuracy", "score", "low", "high", "knn", "untrained"}
        assert 0 <= point["low"] <= point["accuracy"] <= point["high"] <= 1
    assert max(record["curve"], key=lambda point: point["accuracy"])["cut"] == "3"


@pytest.mark.slow
def test_every_scheme_became_a_trial(record: dict[str, Any]) -> None:
    assert [trial["number"] for trial in record["trials"]] == [1, 2, 3, 4, 5, 6]
    names = [scheme["name"] for scheme in yaml.safe_load(SCHEMES)]
    assert sorted(trial["name"] for trial in record["trials"]) == sorted(names)
    for trial in record["trials"]:
        assert set(trial) >= {
            "number", "name", "stage", "cut", "layers_reused", "accuracy", "score", "low", "high", "loss", "epochs",
            "seconds", "state", "note", "plan", "settings", "learning",
        }  # fmt: skip
        assert trial["low"] <= trial["accuracy"] <= trial["high"]
        assert all("validation_accuracy" in line and "validation_loss" in line for line in trial["learning"])
    stages = {trial["name"]: trial["stage"] for trial in record["trials"]}
    assert stages["hidden layer"] == "heads"
    assert stages["all thawed"] == "thaw"


@pytest.mark.slow
def test_the_winner_is_one_of_them(record: dict[str, Any]) -> None:
    winner = record["winner"]
    assert set(winner) >= {
        "number", "name", "plan", "settings", "plan_text", "command", "validation", "test", "interval", "ties"
    }  # fmt: skip
    (trial,) = (trial for trial in record["trials"] if trial["number"] == winner["number"])
    assert trial["name"] == winner["name"]
    assert trial["accuracy"] == max(trial["accuracy"] for trial in record["trials"])
    assert set(winner["validation"]) == set(winner["test"]) == REPORT
    assert winner["validation"]["accuracy"] == pytest.approx(trial["accuracy"])
    assert winner["interval"][0] <= winner["test"]["accuracy"] <= winner["interval"][1]
    assert winner["name"] not in winner["ties"]
    assert sum(map(sum, winner["test"]["confusion"])) == winner["test"]["n"] == record["data"]["test"]


@pytest.mark.slow
def test_pages_name_the_winner(record: dict[str, Any]) -> None:
    for page in ("report.html", "model_card.md"):
        assert record["winner"]["name"] in (Path(record["run"]) / page).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_takes_the_plan(regraft, record: dict[str, Any], source: Path, rows: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(record["winner"]["plan_text"], encoding="utf-8")
    places = {"DATA": rows, "plan.yaml": plan}
    words = [places.get(word, word) for word in shlex.split(record["winner"]["command"])]
    assert words[:5] == ["regraft", "fit", str(source), rows, f"--weights={source}"]
    done = regraft(*words[1:], "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    assert done.record["plan"] == record["winner"]["plan"]


@pytest.mark.slow
def test_predict_evaluate_and_export_take_the_run(regraft, record: dict[str, Any], rows: Path, tmp_path: Path) -> None:
    with np.load(rows) as arrays:
        np.save(tmp_path / "some.npy", arrays["x"][:5])
    done = regraft("predict", record["run"], tmp_path / "some.npy", "--json")
    assert done.code == 0, done.err
    predicted = done.record["predictions"]
    assert {one["class"] for one in predicted} <= {"ash", "birch", "cedar"}
    done = regraft("export", record["run"], tmp_path / "winner.onnx", "--to", "onnx", "--json")
    assert done.code == 0, done.err
    again = regraft("predict", tmp_path / "winner.onnx", tmp_path / "some.npy", "--json").record["predictions"]
    assert [one["probability"] for one in again] == pytest.approx([one["probability"] for one in predicted], abs=1e-4)
    assert regraft("evaluate", record["run"], rows, "--json").record["n"] == 300


@pytest.mark.slow
def test_what_a_person_reads(regraft, source: Path, rows: Path, schemes: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = regraft("search", source, rows, "--schemes", schemes, "--passes", "40", "--out", out)
    assert done.code == 0, done.err
    words, lines = " ".join(done.out.split()), done.out.splitlines()  # a title is broken where its table is narrow
    assert words.startswith("Accuracy of a linear head by layers reused layers cut accuracy 95 % neighbours untrained")
    assert " Accuracy on the test part, looked at once of accuracy note " in words
    assert "winner: " in words
    assert lines[-5].endswith("times as long.")
    page, model = out / "report.html", out / "model"
    end = [f"Run:    {out}", f"Report: {page}", f"Model:  {model}", f"Next:   regraft predict {out} FILES"]
    assert lines[-4:] == end
    assert "stored in one pass by " in done.err
    again = regraft("search", source, rows, "--out", out)
    assert again.code == 2
    assert again.err == (
        "there is a run in this folder already\n"
        f"  where: {out}\n"
        "  got: a run that is done\n"
        "  to do: go on with it: --resume; or name another folder: --out DIR\n"
    )


# --- stopped and resumed ------------------------------------------------------------------------------------


class Search:
    """`regraft search` by the recipe, as a process that can be stopped."""

    def __init__(self, source: Path, rows: Path, out: Path) -> None:
        self.words = ["search", str(source), str(rows), "--passes", "1000", "--out", str(out)]
        self.out, self.said = out, out.with_suffix(".said")  # what it says on standard error

    @contextmanager
    def started(self) -> Generator[BaseProcess]:
        """The process, once it has said what it will do; gone when the block ends."""
        words = [*self.words, *(["--resume"] if self.out.exists() else [])]
        self.said.write_text("")
        process = started(command, words, self.said, dict(os.environ))
        try:
            while "\nbudget: " not in self.said.read_text():
                assert process.is_alive(), "the search did not begin"
                time.sleep(0.005)
            yield process
        finally:
            process.kill()
            process.join()

    def finish(self) -> float:
        """Run it to its end; returns the seconds it took after it had said what it will do."""
        with self.started() as process:
            began = time.monotonic()
            process.join()
            assert process.exitcode == 0
            return time.monotonic() - began

    def killed(self, after: float) -> bool:
        """Kill it after some seconds; False where it had ended by then."""
        with self.started() as process:
            process.join(after)
            assert process.exitcode in (None, 0)
            return process.exitcode is None

    def results(self) -> dict[str, Any]:
        record = json.loads((self.out / "results.json").read_text(encoding="utf-8"))
        winner = record["winner"]
        trials = [(trial["name"], trial["accuracy"], trial["epochs"], trial["state"]) for trial in record["trials"]]
        return {
            "trials": trials,
            "baselines": record["baselines"],
            **{key: winner[key] for key in ("name", "plan", "settings", "validation", "test", "ties")},
        }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_twenty_random_moments_and_resumed_it_finds_the_same(
    source: Path, rows: Path, tmp_path: Path
) -> None:
    straight = Search(source, rows, tmp_path / "straight")
    took = straight.finish()
    moments = random.Random(4)
    search = Search(source, rows, tmp_path / "0")
    kills = whole = 0
    while kills < 20:
        if search.killed(moments.uniform(0, took)):
            kills += 1
        else:
            assert search.results() == straight.results()
            whole += 1
            search = Search(source, rows, tmp_path / str(whole))
    search.finish()
    assert search.results() == straight.results()
    model = (straight.out / "model" / "weights.safetensors").read_bytes()
    assert (search.out / "model" / "weights.safetensors").read_bytes() == model


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(regraft, source: Path, rows: Path, tmp_path: Path) -> None:
    search = Search(source, rows, tmp_path / "stopped")
    with search.started() as process:
        os.kill(process.pid, signal.SIGINT)
        process.join()
        assert process.exitcode == 130
    words = shlex.join(["regraft", *search.words, "--resume"])
    assert search.said.read_text().splitlines()[-1] == f"stopped; go on with: {words}"
    assert json.loads((search.out / "run.json").read_text())["status"] == "interrupted"
    assert regraft(*search.words, "--resume").code == 0
    straight = Search(source, rows, tmp_path / "straight")
    straight.finish()
    assert search.results() == straight.results()


@pytest.mark.slow
def test_other_data_cannot_go_on_with_a_run(regraft, source: Path, rows: Path, tmp_path: Path) -> None:
    search = Search(source, rows, tmp_path / "run")
    assert search.killed(0)
    with np.load(rows) as arrays:
        np.savez(tmp_path / "others.npz", x=arrays["x"][::-1], y=arrays["y"])
    before = (search.out / "settings.json").read_text()
    done = regraft("search", source, tmp_path / "others.npz", "--passes", "1000", "--out", search.out, "--resume")
    assert done.code == 2
    lines = done.err.splitlines()
    assert "the run was about something else: another data" in lines
    assert lines[-1] == "  to do: give the same again, or name another folder: --out DIR"
    assert (search.out / "settings.json").read_text() == before


# --- mistakes -----------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """What is said to a call that is refused."""
    assert carry_out(["search", *map(str, words)]) == 2
    return capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_one_class_is_nothing_to_tell_apart(source: Path, tmp_path: Path, run: Path, capsys) -> None:
    data = tmp_path / "one.npz"
    np.savez(data, x=np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32), y=["ash"] * 30)
    assert refused(capsys, source, data, "--out", run) == (
        f"there is one class only\n  where: {data}\n  expected: two classes or more to tell apart\n  got: ash\n"
    )
    assert not run.exists()


def test_too_few_examples_to_divide(source: Path, tmp_path: Path, run: Path, capsys) -> None:
    data = tmp_path / "few.npz"
    np.savez(data, x=np.eye(3, 8, dtype=np.float32), y=["ash", "birch", "cedar"])
    assert refused(capsys, source, data, "--out", run) == (
        "too few different examples to divide off a test set\n"
        f"  where: {data}\n"
        "  got: 3 different examples of 3 classes\n"
        "  to do: add examples, or give the sets: --validation PATH --test PATH\n"
    )
    assert not run.exists()


def test_rows_of_another_width(source: Path, tmp_path: Path, run: Path, capsys) -> None:
    data = tmp_path / "narrow.npz"
    np.savez(data, x=np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32), y=np.arange(60) % 2)
    said = refused(capsys, source, data, "--out", run)
    assert "8" in said
    assert "5" in said
    assert "Traceback" not in said
    assert not run.exists()


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (
            ("--passes", "3", "--minutes", "1"),
            "a search has one budget\n  got: passes and minutes\n  to do: give one of them\n",
        ),
        (("--minutes", "0"), "the budget of minutes must be above 0\n  got: 0.0\n"),
        (("--passes", "-1"), "the budget of passes must be above 0\n  got: -1.0\n"),
    ],
)
def test_a_budget_that_is_none(source: Path, rows: Path, run: Path, capsys, budget: tuple[str, ...], said: str) -> None:
    assert refused(capsys, source, rows, *budget, "--out", run) == said
    assert not run.exists()


def test_a_cut_that_is_not_there(source: Path, rows: Path, tmp_path: Path, run: Path, capsys) -> None:
    schemes = tmp_path / "schemes.yaml"
    schemes.write_text('- {name: one, plan: {at: "33"}}\n', encoding="utf-8")
    said = refused(capsys, source, rows, "--schemes", schemes, "--out", run)
    assert "33" in said.splitlines()[1]
    assert "nearest: 3" in said
    assert not run.exists()


def test_a_mistake_is_one_object_with_json(source: Path, rows: Path, run: Path, capsys) -> None:
    words = ["search", str(source), str(rows), "--schemes", "absent.yaml", "--out", str(run), "--json"]
    assert carry_out(words) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["what"], error["where"]) == (
        "MissingFile",
        "there is no such file of schemes",
        "absent.yaml",
    )


def test_there_must_be_a_run_to_resume(capsys, run: Path) -> None:
    assert refused(capsys, "no source", "no data", "--resume") == (
        "which run shall be resumed?\n  to do: name its folder: --out DIR\n"
    )
    assert refused(capsys, "no source", "no data", "--resume", "--out", run) == (
        f"there is no run to resume\n  where: {run}\n  to do: start it: leave out --resume\n"
    )
