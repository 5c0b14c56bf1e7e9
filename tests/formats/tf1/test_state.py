from __future__ import annotations

from pathlib import Path

import pytest

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.state import read_state, state_text


def state(folder: Path, text: bytes) -> Path:
    (folder / "checkpoint").write_bytes(text)
    return folder / "checkpoint"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'model_checkpoint_path: "model.ckpt-5"\nall_model_checkpoint_paths: "model.ckpt-1"', "model.ckpt-5"),
        (b"model_checkpoint_path:'a b'", "a b"),
        (b'# note\n  model_checkpoint_path : "x"', "x"),
        (rb'model_checkpoint_path: "C:\\run\\m-5"', r"C:\run\m-5"),
        (rb'model_checkpoint_path: "stra\303\237e\n\"\x41"', 'straße\n"A'),
        ('model_checkpoint_path: "straße"'.encode(), "straße"),
        (b'all_model_checkpoint_paths: "a"\nmodel_checkpoint_path: ""', ""),
    ],
)
def test_what_is_named(tmp_path: Path, text: bytes, name: str) -> None:
    assert read_state(state(tmp_path, text)) == name


@pytest.mark.parametrize("name", ["model.ckpt-7", "a b", 'quo"te\\', "straße", "line\nbreak"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    assert read_state(state(tmp_path, state_text(name).encode())) == name


@pytest.mark.parametrize(("text", "got"), [(b"", "an empty file"), (b"hello: 5\n", "b'hello: 5\\n'")])
def test_nothing_is_named(tmp_path: Path, text: bytes, got: str) -> None:
    path = state(tmp_path, text)
    with pytest.raises(UnreadableFile) as caught:
        read_state(path)
    assert str(caught.value) == (
        "checkpoint names no checkpoint.\n"
        f"  where: {path}\n"
        '  expected: a line such as model_checkpoint_path: "model.ckpt-18"\n'
        f"  got: {got}\n"
        "  to do: Name the checkpoint itself instead of its folder, or repair the file."
    )
