"""`regraft export`: its table and its JSON, places that cannot be used, and Ctrl-C; the files are tested by format."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from regraft import open as open_source
from regraft.cli.app import run as carry_out


@pytest.mark.parametrize(
    ("out", "where", "why"),
    [
        ("/proc/x", "/proc/x", "No such file or directory"),
        ("/proc/x/y.ckpt", "/proc/x/y.ckpt", "No such file or directory"),
        ("/dev/null/y.pth", "/dev/null/y.pth", "File exists"),
        ("/proc/x.safetensors", "/proc/x.safetensors", "No such file or directory"),
    ],
)
def test_a_place_that_cannot_be_written(out: str, where: str, why: str, model: Path, capsys) -> None:
    assert carry_out(["export", str(model), out]) == 2
    assert capsys.readouterr().err == (
        f"{Path(where).name} cannot be written\n  where: {where}\n  got: {why}\n  to do: name another folder\n"
    )


def test_a_folder_in_place_of_a_file(model: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "model.ckpt.index").mkdir()
    assert carry_out(["export", str(model), str(tmp_path / "model.ckpt")]) == 2
    assert capsys.readouterr().err == (
        "model.ckpt.index cannot be written\n"
        f"  where: {tmp_path / 'model.ckpt.index'}\n"
        "  got: Is a directory\n"
        "  to do: name another folder\n"
    )


def test_an_ending_that_says_nothing(model: Path, tmp_path: Path, capsys) -> None:
    assert carry_out(["export", str(model), str(tmp_path / "model.h5"), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["what"] == "the ending of model.h5 does not say in which format to write it"
    assert error["fix"] == "--to tf1, onnx, safetensors, torch, pt2, caffemodel"


def test_what_was_written_is_said(model: Path, tmp_path: Path, capsys) -> None:
    assert carry_out(["export", str(model), str(tmp_path / "model.bin"), "--to", "safetensors", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "format": "safetensors",
        "files": [str(tmp_path / "model.bin")],
        "difference": 0.0,
        "left_out": "",
    }
    assert carry_out(["export", str(model), str(tmp_path / "model.pth")]) == 0
    shown = capsys.readouterr().out
    assert "Written as torch" in shown
    assert "Opened again and compared: the same to the last bit." in shown


def test_only_what_computes_a_tensor(model: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "trunk.npz")
    assert carry_out(["export", str(model), path, "--to", "safetensors", "--at", "hidden[1]/Relu"]) == 0
    assert set(open_source(path).parameters) == {"hidden[1]/kernel", "hidden[1]/bias"}


@pytest.mark.slow
def test_onnx_at_the_command_line(regraft, model: Path, tmp_path: Path) -> None:
    import onnxruntime

    done = regraft("export", model, tmp_path / "model.onnx")
    assert (done.code, done.err) == (0, "")  # nothing of torch's warnings
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    x = np.random.default_rng(0).uniform(size=(3, 4)).astype(np.float32)
    (found,) = session.run(["logits/BiasAdd:0"], {"x:0": x})
    assert found.shape == (3, 2)


@pytest.mark.slow
def test_ctrl_c_leaves_what_was_there(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"older")
    command = [sys.executable, "-m", "regraft", "export", str(model), str(tmp_path / "model.onnx")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while len(list(tmp_path.iterdir())) == 1 and process.poll() is None:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGINT)  # it is being opened again and compared
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("model.onnx", b"older")]
