from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from regraft.errors import BadArgument, MissingFile, OutOfSpace, UnreadableFile
from regraft.run.atomic import append_line, read_json, read_lines, sweep, write_bytes, write_json, writing


def test_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "new/a.json", {"a": 1})
    assert read_json(tmp_path / "new/a.json") == {"a": 1}
    assert os.listdir(tmp_path / "new") == ["a.json"]


def test_files_have_the_rights_other_programs_give_them(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(umask)
        write_bytes(tmp_path / "x", b"1")
        os.umask(before)
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_the_old_file_stays_when_the_writer_fails(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")
    with pytest.raises(TypeError), writing(path) as file:
        file.writelines([b"half", None])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    path = small_disk / "deep" / "a"
    write_bytes(path, b"old")
    with pytest.raises(OutOfSpace) as caught:
        write_bytes(path, b"x" * 2_000_000)
    assert str(caught.value) == (
        "the disk is full: a could not be written\n"
        f"  where: {path}\n"
        "  got: No space left on device\n"
        "  to do: free some space and run the same command again; nothing was left half written"
    )
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["a"]


def test_a_full_disk_keeps_whole_lines(small_disk: Path) -> None:
    path = small_disk / "lines.jsonl"
    append_line(path, {"epoch": 1})
    with pytest.raises(OutOfSpace, match=r"^the disk is full: lines\.jsonl could not"):
        append_line(path, "x" * 2_000_000)
    assert read_lines(path) == [{"epoch": 1}]
    append_line(path, {"epoch": 2})
    assert read_lines(path) == [{"epoch": 1}, {"epoch": 2}]


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadArgument) as caught:
        write_bytes(tmp_path / "file/inside/a", b"")
    assert str(caught.value) == (
        f"a cannot be written\n  where: {tmp_path}/file/inside/a\n  got: Not a directory\n  to do: name another folder"
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_place_where_the_system_makes_no_file() -> None:
    with pytest.raises(BadArgument) as caught:
        write_bytes(Path("/proc/x/a"), b"")
    assert str(caught.value) == (
        "a cannot be written\n  where: /proc/x/a\n  got: No such file or directory\n  to do: name another folder"
    )


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(BadArgument) as caught:
        write_bytes(tmp_path / "a", b"")
    assert str(caught.value) == (
        f"a cannot be written\n  where: {tmp_path}/a\n  got: Is a directory\n  to do: name another folder"
    )
    assert os.listdir(tmp_path) == ["a"]


def test_a_mistake_found_while_writing_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^gone$"), writing(tmp_path / "a"):
        raise MissingFile("gone")
    assert os.listdir(tmp_path) == []


def test_a_half_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"epoch": 1}\n{"epo')
    assert read_lines(path) == [{"epoch": 1}]
    append_line(path, {"epoch": 2})
    assert path.read_bytes() == b'{"epoch": 1}\n{"epoch": 2}\n'


def test_a_long_half_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"1\n" + b"2" * 10_000)
    append_line(path, 3)
    assert path.read_bytes() == b"1\n3\n"


def test_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"1\n{]\n3\n")
    with pytest.raises(UnreadableFile, match=re.escape(f"where: {path}, line 2")):
        read_lines(path)


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": ')
    with pytest.raises(UnreadableFile) as caught:
        read_json(path)
    assert str(caught.value) == (
        f"a.json is not JSON\n  where: {path}\n  got: Expecting value: line 1 column 7 (char 6)"
    )


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" * 1_000_000)
    with pytest.raises(UnreadableFile, match="is not JSON"):
        read_json(path)


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from regraft.run.atomic import writing\n"
        "with writing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'new'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, path]).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["a"]
