"""What every command promises: exit codes, errors in full, one JSON object, no waiting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import numpy as np
import pytest

from regraft.cli.app import app
from regraft.cli.zoo import zoo

# What typer prints help with.
LIGHT = {"annotated_doc", "click", "markdown_it", "mdurl", "pygments", "regraft", "rich", "shellingham", "typer"}


def test_help_loads_only_what_prints_it() -> None:
    code = (
        "import sys; before = set(sys.modules); from regraft.cli.app import run\n"
        "run(['--help']); print({name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "show" in done.stdout
    assert literal_eval(done.stdout.splitlines()[-1]) - sys.stdlib_module_names <= LIGHT


def test_without_arguments_it_prints_its_help(regraft) -> None:
    assert regraft().out == regraft("--help").out


def test_neither_help_nor_a_usage_error_loads_torch_or_numpy() -> None:
    code = (
        "import sys; from regraft.cli.app import app, run\n"
        "run(['--help']); run(['show']); [run([c.callback.__name__, '--help']) for c in app.registered_commands]\n"
        "run(['zoo', '--help']); run(['zoo', 'list', '--help']); run(['zoo', 'add'])\n"
        "print([name for name in ('torch', 'numpy', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_has_json() -> None:
    for command in (*app.registered_commands, *zoo.registered_commands):
        assert command.callback is not None
        assert "json" in command.callback.__annotations__, command.callback.__name__


def test_an_unknown_command(regraft) -> None:
    done = regraft("sho", "x")
    assert done.code == 2
    assert done.out == ""
    assert (
        done.err
        == "No such command 'sho'. Did you mean 'show', 'fewshot'?\n  to do: regraft --help lists what it takes\n"
    )


def test_an_unknown_option(regraft) -> None:
    done = regraft("show", "x", "--param", "y")
    assert done.code == 2
    assert done.err == (
        "No such option: --param (Possible options: --params)\n  to do: regraft show --help lists what it takes\n"
    )


def test_with_json_an_error_is_the_one_object_on_stdout(regraft) -> None:
    done = regraft("show", "--json")
    assert done.code == 2
    assert done.err == "Missing argument 'SOURCE'.\n  to do: regraft show --help lists what it takes\n"
    assert done.record == {
        "error": {
            "kind": "BadArgument",
            "what": "Missing argument 'SOURCE'.",
            "where": None,
            "expected": None,
            "got": None,
            "nearest": [],
            "fix": "regraft show --help lists what it takes",
        }
    }


def test_what_the_system_refuses_is_no_fault_of_ours(regraft) -> None:
    name = "x" * 5000
    done = regraft("show", name)
    assert done.code == 2
    assert done.err == f"the system refuses: File name too long\n  where: {name}/model.json\n"


def test_a_full_disk_behind_standard_output(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", w=np.ones(3))  # shown without torch
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "regraft", "show", str(tmp_path / "weights.npz")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "the system refuses: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("show", "--tensors", ".*"), ("show", "--json"), ("--help",), ("show",)])
def test_a_reader_that_is_gone_is_no_fault(model: Path, arguments: tuple[str, ...]) -> None:
    words = [*arguments, str(model)] if "show" in arguments else arguments
    for both in (False, True):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as gone:
            command = [sys.executable, "-m", "regraft", *words]
            done = subprocess.run(command, stdout=gone, stderr=gone if both else subprocess.PIPE)
        assert (done.returncode, done.stderr) == (141, None if both else b"")


def test_an_error_nobody_reads(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        command = [sys.executable, "-m", "regraft", "show", str(tmp_path / "nothing")]
        assert subprocess.run(command, stdout=gone, stderr=gone).returncode == 141


def test_a_fault_of_ours_is_said_to_be_one(tmp_path: Path) -> None:
    code = (
        "import sys, regraft; from regraft.cli.app import run\n"
        "regraft.open = lambda source, weights: 1 / 0\n"
        "sys.exit(run(['show', 'x', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith(
        "ZeroDivisionError: division by zero\n"
        "regraft failed: ZeroDivisionError: division by zero\n"
        "  to do: this is a fault in regraft, not in your call; please report it with the lines above\n"
    )
    assert json.loads(done.stdout)["error"]["kind"] == "RegraftError"


def test_ctrl_c_in_the_moment_an_extension_is_loaded(tmp_path: Path) -> None:
    code = """
import sys, regraft
from regraft.cli.app import run

def loaded(source, weights):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as behind:
        raise ImportError("initialization failed") from behind

regraft.open = loaded
sys.exit(run(["show", "x"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "")
