"""`regraft evaluate`: what it cannot use, and a training that it watches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regraft.cli.app import run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Sixty rows of two classes."""
    values = np.random.default_rng(0).random((60, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=values, y=(values[:, 0] > values[:, 1]).astype(np.int64))
    return tmp_path / "rows.npz"


def test_a_class_folder_without_pictures(model: Path, flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(model), str(flowers / "holed")]) == 2
    assert capsys.readouterr().err == (
        "1 class folder holds no picture: tulip\n"
        f"  where: {flowers / 'holed'}\n"
        "  to do: put pictures there, or remove the folder\n"
    )


def test_a_run_is_watched_to_its_end(
    model: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = ["--out", str(tmp_path / "run"), "--epochs", "2", "--freeze", "none", "--ema", "0.9"]
    assert run(["fit", str(model), str(rows), *training]) == 0
    capsys.readouterr()
    watching = ["evaluate", str(tmp_path / "run"), "--watch", "0.01", "--ema"]
    assert run(watching) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" = ")[0] for line in lines][-1] == "After 4 training steps, validation accuracy"
    assert run([*watching, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(records) == len(lines)
    assert set(records[-1]) == {"step", "path", "accuracy", "n", "loss"}
    assert lines[-1].endswith(f" = {records[-1]['accuracy']:.4f}")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "which data shall be judged?\n  to do: name them: regraft evaluate MODEL DATA\n"),
        (
            ("data", "--ema"),
            "--ema goes with --watch\n"
            "  to do: a run's model has the averages, and its folder raw the weights as they were\n",
        ),
        (
            ("data", "--watch", "1", "--weights", "w.npz"),
            "--watch takes the weights of each checkpoint\n  got: --weights w.npz\n",
        ),
    ],
)
def test_words_that_say_nothing_together(words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "model", *words]) == 2
    assert capsys.readouterr().err == text


@pytest.mark.slow
def test_ctrl_c_ends_a_watch_that_nothing_else_ends(model: Path, rows: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "training/model.ckpt-5"
    assert run(["export", str(model), str(prefix)]) == 0
    command = [
        sys.executable,
        "-m",
        "regraft",
        "evaluate",
        prefix.parent,
        rows,
        "--watch",
        "0.1",
        "--input",
        "range=0..1",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["step"] == 5
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 130
