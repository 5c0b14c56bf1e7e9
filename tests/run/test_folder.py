from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from regraft.errors import BadArgument, MissingFile, OutOfSpace, RegraftError, UnreadableFile, UnsupportedFormat
from regraft.run import RunFolder, is_run, place_of


def test_a_new_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "deep/run")
    assert is_run(run.path)
    assert run.status == "running"
    run.write_json("settings.json", {"seed": 1})
    run.append_line("metrics.jsonl", {"epoch": 1})
    run.append_line("metrics.jsonl", {"epoch": 2})
    run.write_bytes("checkpoints/last", b"state")
    again = RunFolder(run.path)
    assert again.read_json("settings.json") == {"seed": 1}
    assert again.read_lines("metrics.jsonl") == [{"epoch": 1}, {"epoch": 2}]
    assert (again.checkpoints / "last").read_bytes() == b"state"
    again.keep_lines("metrics.jsonl", [{"epoch": 1}])
    assert run.read_lines("metrics.jsonl") == [{"epoch": 1}]


def test_a_run_is_not_started_over_another(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path).working():
        pass
    with pytest.raises(BadArgument) as caught:
        RunFolder.create(tmp_path)
    assert str(caught.value) == (
        f"there is a run in this folder already\n  where: {tmp_path}\n  got: a run that is done\n"
        "  to do: go on with it: --resume; or name another folder: --out DIR"
    )


def test_a_run_is_not_started_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BadArgument) as caught:
        RunFolder.create(tmp_path)
    assert str(caught.value) == (
        f"the folder for the run is not empty\n  where: {tmp_path}\n  got: thesis.tex\n"
        "  to do: name another folder: --out DIR"
    )
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_run_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadArgument) as caught:
        RunFolder.create(tmp_path / "file")
    assert str(caught.value) == (
        f"a run needs a folder\n  where: {tmp_path}/file\n  got: a file\n  to do: name another folder: --out DIR"
    )


@pytest.mark.parametrize("left", [[], [".lock"], [".run.json.x1.partial", ".lock"]])
def test_a_run_killed_in_its_first_moment_can_be_resumed_and_started_again(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).touch()
    for resume in (False, True):
        assert place_of(tmp_path, resume=resume) == tmp_path
    assert RunFolder.at(tmp_path, resume=True).status == "running"
    assert RunFolder.at(tmp_path, resume=True).path == tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (None, BadArgument, "which run shall be resumed?\n  to do: name its folder: --out DIR"),
        (
            "none",
            BadArgument,
            "there is no run to resume\n  where: {}/none\n  to do: start it: leave out --resume",
        ),
        ("file", MissingFile, "there is no such run folder\n  where: {}/file"),
        (
            "other",
            UnsupportedFormat,
            "this folder is no run\n  where: {}/other\n  expected: a folder that `regraft fit` wrote, with a run.json",
        ),
    ],
)
def test_what_cannot_be_resumed(tmp_path: Path, name: str | None, kind: type[RegraftError], message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").touch()
    with pytest.raises(kind) as caught:
        place_of(name and tmp_path / name, resume=True)
    assert str(caught.value) == message.format(tmp_path)


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        RunFolder(tmp_path / "none")
    assert str(caught.value) == f"there is no such run folder\n  where: {tmp_path}/none"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        RunFolder(tmp_path)
    assert str(caught.value) == (
        f"this folder is no run\n  where: {tmp_path}\n  expected: a folder that `regraft fit` wrote, with a run.json"
    )


@pytest.mark.parametrize("mark", ["[]", "{}", '{"format": 1, "status": "lost"}', "7"])
def test_a_damaged_mark(tmp_path: Path, mark: str) -> None:
    (tmp_path / "run.json").write_text(mark)
    with pytest.raises(UnreadableFile, match=r"^run.json does not say what became of the run\n"):
        RunFolder(tmp_path)


def test_a_run_of_a_later_version(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 2, "status": "done"}')
    with pytest.raises(UnsupportedFormat) as caught:
        RunFolder(tmp_path)
    assert str(caught.value) == (
        "this run was written by another version of regraft\n"
        f"  where: {tmp_path}\n  expected: format 1\n  got: format 2"
    )


def test_a_missing_document(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    assert run.read_lines("metrics.jsonl") == []
    with pytest.raises(MissingFile) as caught:
        run.read_json("results.json")
    assert str(caught.value) == f"the run has no results.json\n  where: {tmp_path}\n  got: a run that is running"


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    with pytest.raises(BadArgument, match="a run keeps its files in its own folder"):
        run.write_bytes("../outside", b"")
    assert os.listdir(tmp_path) == ["run"]


def test_ctrl_c_leaves_a_run_to_resume(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    with pytest.raises(KeyboardInterrupt), run.working():
        raise KeyboardInterrupt
    assert run.status == "interrupted"
    with run.working():
        assert run.status == "running"
    assert run.status == "done"


def test_a_killed_run_can_be_resumed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from regraft.run import RunFolder\n"
        "with RunFolder.create(sys.argv[1]).working(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path]).returncode == -signal.SIGKILL
    run = RunFolder(tmp_path)
    assert run.status == "running"
    with run.working():
        pass
    assert run.status == "done"


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    script = (
        "import sys; from regraft.run import RunFolder\n"
        "with RunFolder(sys.argv[1]).working(): print('working', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "working\n"
        with pytest.raises(BadArgument) as caught, run.working():
            pass
        other.communicate("")
    assert str(caught.value) == (
        f"another process works on this run now\n  where: {tmp_path}\n  to do: wait for it, or name another folder"
    )


def test_a_full_disk_stops_a_run_cleanly(small_disk: Path) -> None:
    run = RunFolder.create(small_disk / "run")
    run.write_bytes("checkpoints/best", b"x")
    with pytest.raises(OutOfSpace, match="the disk is full: last could not be written"), run.working():
        run.write_bytes("checkpoints/last", b"x" * 2_000_000)
    assert run.status == "interrupted"
    assert [path.name for path in run.checkpoints.iterdir()] == ["best"]


def test_a_mistake_found_before_the_first_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    run.write_json("settings.json", {})
    run.append_line("metrics.jsonl", {"epoch": 1})
    run.write_bytes("tensorboard/events", b"")
    with pytest.raises(BadArgument, match=r"^no$"), run.working():
        raise BadArgument("no")
    assert os.listdir(tmp_path) == []


def test_what_else_lies_in_the_folder_is_never_removed(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BadArgument, match=r"^no$"), run.working():
        raise BadArgument("no")
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_fault_of_ours_keeps_the_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    with pytest.raises(ZeroDivisionError), run.working():
        _ = 1 / 0
    assert run.status == "interrupted"
