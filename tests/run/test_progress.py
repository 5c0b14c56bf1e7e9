from __future__ import annotations

import subprocess
import sys
import time

import pytest

from regraft.run import Progress


def test_short_work_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().task("features", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_long_work_tells_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().task("features", 40, done=10) as advance:
        time.sleep(2.1)
        advance(10)
    assert capsys.readouterr() == ("", "features: 20/40, 4 s left\n")


def test_silent_work_still_says_what_matters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regraft.run.progress._PATIENCE", 0.0)
    progress = Progress(silent=True)
    with progress.task("features", 40) as advance:
        advance(20)
    progress.say("chunk 3 was damaged")
    assert capsys.readouterr() == ("", "chunk 3 was damaged\n")


def test_a_terminal_gets_a_bar() -> None:
    script = (
        "import regraft.run.progress as module; from regraft.run import Progress; module._PATIENCE = 0.0\n"
        "progress = Progress()\n"
        "with progress.task('outer', 4) as advance:\n"
        "    advance(1)\n"
        "    with progress.task('inner', 2) as step: step(1)\n"
        "    print('a result')\n"
        "print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"FORCE_COLOR": "1", "TERM": "xterm"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a result\ndone\n"
    assert "outer" in done.stderr
    assert "1/4" in done.stderr


def test_quiet_work_keeps_what_it_would_say(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.say("chunk 3 was damaged")
    assert capsys.readouterr() == ("", "")
    assert progress.said == ["chunk 3 was damaged"]
