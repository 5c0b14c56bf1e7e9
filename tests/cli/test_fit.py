"""`regraft fit` and what is done with its run, on a small network and forty rows."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from grounds import mnist_digits

from regraft.cli.app import run as carry_out
from regraft.cli.fit import same_again


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows of two classes that a line can tell apart."""
    path = tmp_path_factory.mktemp("data") / "rows.npz"
    labels = np.arange(60) % 2
    values = np.random.default_rng(0).random((60, 4)) + labels[:, None]
    np.savez(path, x=(values / 2).astype(np.float32), y=np.array(["low", "high"])[labels])
    return path


@pytest.fixture(scope="module")
def run(regraft, model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    done = regraft("fit", model, rows, "--out", folder, "--json")
    assert done.code == 0, done.err
    record = done.record
    assert record["run"] == str(folder)
    assert record["matched"] == {"tensors": 2, "of": 2, "percent": 100.0}
    assert record["validation"]["accuracy"] == record["test"]["accuracy"] == 1.0
    assert set(record["baselines"]) == {"majority class", "nearest neighbours"}
    assert record["seconds"] > 0
    assert (Path(record["model"]) / "model.json").is_file()
    return folder


def test_a_dry_run_says_all_and_writes_nothing(regraft, model: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    plan = ("--at", "hidden[1]/Relu", "--freeze", "none", "--new", "dense:5:relu:more", "--new", "dense")
    done = regraft("fit", model, rows, *plan, "--dry-run", "--out", out, "--lr", "0.25")
    assert done.code == 0
    assert not out.exists()
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[3:] == [
        "hidden[1]/kernel reused 12",
        "hidden[1]/bias reused 3",
        "more/kernel new 15",
        "more/bias new 5",
        "outputs/kernel new 10",
        "outputs/bias new 2",
        "logits/kernel dropped 6",
        "logits/bias dropped 2",
        "steps dropped 1",
    ]
    assert "trunk up to hidden[1]/Relu:0: 2/2 tensors reused, 100 % of the trunk's parameters\n" in done.err
    assert "lr 0.25" in done.err


def test_a_plan_file_and_flags_over_it(regraft, model: Path, rows: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("at: hidden[1]/Relu\nnew: [{kind: dense, width: 7}, {kind: dense}]\n", encoding="utf-8")
    done = regraft("fit", model, rows, "--plan", plan, "--freeze", ".*kernel", "--dry-run", "--json")
    assert done.code == 0
    states = {row["parameter"]: row["state"] for row in done.record["parameters"]}
    assert states["hidden[1]/kernel"] == "frozen"
    assert states["hidden[1]/bias"] == "reused"
    assert done.record["plan"]["new"][0]["width"] == 7


@pytest.mark.slow
def test_tensors_say_what_is_frozen(regraft, model: Path, rows: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("at: hidden[1]/Relu\nfreeze_statistics: true\nnew: [{kind: dense, width: 7}, {kind: dense}]\n")
    done = regraft("fit", model, rows, "--plan", plan, "--freeze-below", "hidden[1]/MatMul", "--dry-run", "--json")
    assert done.code == 0, done.err
    states = {row["parameter"]: row["state"] for row in done.record["parameters"]}
    assert (states["hidden[1]/kernel"], states["hidden[1]/bias"]) == ("frozen", "reused")
    words = {word: value for word, value in done.record["plan"].items() if word.startswith("freeze")}
    assert words == {
        "freeze": None, "freeze_below": "hidden[1]/MatMul", "freeze_above": None, "freeze_statistics": True
    }  # fmt: skip
    done = regraft("fit", model, rows, "--freeze-above", "x", "--freeze-statistics", "--dry-run", "--json")
    assert done.record["matched"]["percent"] == 100
    assert {"frozen", "new", "dropped"} == {row["state"] for row in done.record["parameters"]}
    assert done.record["plan"]["freeze_statistics"] is True


@pytest.mark.slow
def test_predict_evaluate_and_export_take_the_run(regraft, run: Path, rows: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.npy"
    np.save(one, np.array([[0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1, 0.1]], np.float32))
    first, second = regraft("predict", run, one, "--json").record["predictions"]
    assert (first["input"], first["class"], second["class"]) == ("row 0", "high", "low")
    assert 0.5 < first["probability"] <= 1
    assert "row 1" in regraft("predict", run, one, "--top", "2").out
    record = regraft("evaluate", run, rows, "--json").record
    assert (record["accuracy"], record["n"]) == (1.0, 60)
    done = regraft("export", run, tmp_path / "again.ckpt", "--json")
    assert sorted(Path(path).name for path in done.record["files"]) == [
        "again.ckpt.data-00000-of-00001",
        "again.ckpt.index",
        "again.ckpt.meta",
        "checkpoint",
    ]
    names = [layer["name"] for layer in regraft("show", tmp_path / "again.ckpt", "--json").record["layers"]]
    assert "outputs" in names


@pytest.mark.slow
def test_a_folder_that_is_taken(regraft, run: Path, model: Path, rows: Path) -> None:
    done = regraft("fit", model, rows, "--out", run)
    assert done.code == 2
    assert done.err.endswith(
        "there is a run in this folder already\n"
        f"  where: {run}\n"
        "  got: a run that is done\n"
        "  to do: go on with it: --resume; or name another folder: --out DIR\n"
    )
    assert regraft("fit", model, rows, "--out", run, "--resume").code == 0


@pytest.mark.parametrize("like_source", [(), ("--like-source",)])
def test_there_must_be_a_run_to_resume(regraft, tmp_path: Path, like_source: tuple[str, ...]) -> None:
    done = regraft("fit", "no source", "no data", "--resume", *like_source)
    assert (done.code, done.err) == (2, "which run shall be resumed?\n  to do: name its folder: --out DIR\n")
    done = regraft("fit", "no source", "no data", "--resume", "--out", tmp_path / "run", *like_source)
    assert (done.code, done.err) == (
        2,
        f"there is no run to resume\n  where: {tmp_path / 'run'}\n  to do: start it: leave out --resume\n",
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "--out OUT --resume"),
        (("--out", "OUT"), "--out OUT --resume"),
        (("--out=OUT", "--resume"), "--out=OUT --resume"),
        (("--resume", "--out", "OUT"), "--resume --out OUT"),
    ],
)
def test_how_to_go_on_repeats_no_flag(tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    words = [word.replace("OUT", str(tmp_path)) for word in ("fit", "s", "d", *given)]
    assert same_again(tmp_path, words) == f"go on with: regraft fit s d {said.replace('OUT', str(tmp_path))}"
    assert same_again(tmp_path / "absent", words) == "nothing was begun yet"


def test_a_run_folder_that_cannot_be_made(regraft, model: Path, rows: Path) -> None:
    done = regraft("fit", model, rows, "--out", "/proc/x")
    assert done.code == 2
    assert done.err.endswith(
        "\nx cannot be written\n  where: /proc/x\n  got: No such file or directory\n  to do: name another folder\n"
    )


@pytest.mark.slow
def test_going_on_as_the_source_did(regraft, tmp_path: Path) -> None:
    """Digits 1, 3 and 4 are those numbers for the network of the digits 0-4, and what comes out can be used."""
    pictures, digits = mnist_digits()
    chosen = np.flatnonzero(np.isin(digits, (1, 3, 4)))[::10]
    np.savez(tmp_path / "digits.npz", x=(pictures[chosen] / 255).astype(np.float32), y=digits[chosen])
    source, out = resources.files("regraft") / "demo_source", tmp_path / "run"
    done = regraft("fit", str(source), tmp_path / "digits.npz", "--like-source", "--epochs", "1", "--out", out)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].strip() == "The source's own measures"
    done = regraft("evaluate", out, tmp_path / "digits.npz", "--json")
    assert done.record["n"] == len(chosen)
    assert done.record["accuracy"] > 0.95


def test_going_on_as_the_source_did_takes_no_plan(regraft, model: Path, rows: Path) -> None:
    done = regraft("fit", model, rows, "--like-source", "--at", "x", "--dry-run")
    assert done.code == 2
    assert done.err == (
        "--like-source trains the whole network as its source did\n"
        "  got: --at, --dry-run\n"
        "  to do: leave out these, or --like-source\n"
    )


@pytest.mark.slow
def test_the_source_s_own_measures_stand_there_once(regraft, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data, source = tmp_path / "rows.npz", resources.files("regraft") / "demo_source"
    np.savez(data, x=random.random((100, 784)).astype(np.float32), y=np.arange(100) % 5)
    given = ("fit", str(source), data, "--like-source", "--epochs", "1")
    done = regraft(*given, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    names = [line.split()[0] for line in done.out.splitlines() if line.strip()]
    assert names[2:] == [names[2], "loss/loss:0", "eval/accuracy:0", "Run:", "Model:", "Next:"]
    measured = regraft(*given, "--out", tmp_path / "again", "--json").record["test"]
    assert measured["accuracy"] == pytest.approx(measured["eval/accuracy:0"], abs=1e-6)


@pytest.mark.parametrize(
    "data",
    [("holed",), ("whole", "--validation", "holed"), ("whole", "--test", "holed"), ("holed", "--like-source")],
)
def test_a_class_folder_without_pictures(
    model: Path, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: tuple[str, ...]
) -> None:
    given = [str(flowers / word) if word in ("whole", "holed") else word for word in data]
    assert carry_out(["fit", str(model), *given, "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        "1 class folder holds no picture: tulip\n"
        f"  where: {flowers / 'holed'}\n"
        "  to do: put pictures there, or remove the folder\n"
    )
    assert not (tmp_path / "run").exists()


def test_settings_that_cannot_be_used(regraft, model: Path, rows: Path) -> None:
    done = regraft("fit", model, rows, "--lr", "-1", "--optimizer", "sdg", "--dry-run")
    assert done.code == 2
    assert done.err.endswith(
        "these training settings cannot be used\n"
        "  got: optimizer 'sdg' is none of sgd, momentum, adam, adamw, rmsprop, adagrad, did you mean sgd?\n"
    )


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_resume_ends_the_same(regraft, model: Path, rows: Path, tmp_path: Path) -> None:
    long = ("--epochs", "300", "--at", "hidden[1]/Relu", "--freeze", "none", "--patience", "300")
    command = [sys.executable, "-m", "regraft", "fit", str(model), str(rows), *long, "--out", str(tmp_path / "stopped")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        while not (tmp_path / "stopped" / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    words = [*command[3:], "--resume"]
    assert err.splitlines()[-1] == f"stopped; go on with: {shlex.join(['regraft', *words])}"
    resumed = regraft("fit", model, rows, *long, "--out", tmp_path / "stopped", "--resume", "--json")
    straight = regraft("fit", model, rows, *long, "--out", tmp_path / "straight", "--json")
    assert resumed.record["test"] == straight.record["test"]
    stopped, whole = (tmp_path / name / "model/weights.safetensors" for name in ("stopped", "straight"))
    assert stopped.read_bytes() == whole.read_bytes()
