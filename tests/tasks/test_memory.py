"""A file of texts larger than anyone wants in memory: a prediction takes no more of it than for a small one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regraft.formats import saved
from regraft.network import InputSpec, New, Plan
from regraft.network.from_layers import from_layers
from regraft.network.surgery import graft

MORE = 18  # MB of text
MOST = 6  # MB by which memory may grow for them

PREDICT = """
import resource, sys
from regraft.cli.app import run

assert run(["predict", *sys.argv[1:], "--json", "--device", "cpu"]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def peak(model: Path, folder: Path, megabytes: int) -> tuple[int, int]:
    """How many texts a file of such a size has by what is said of it, and the most memory that took, in MB."""
    path, told = folder / f"{megabytes}.txt", folder / f"{megabytes}.json"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"text {number:9} of a pile {'.' * 175}\n" for number in range(megabytes * 5000))
    command = [sys.executable, "-c", PREDICT, str(model), str(path)]
    with told.open("w") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return told.read_text().count('"input"'), int(done.stderr.split()[-1])


@pytest.mark.slow
def test_predictions_of_a_large_file_take_no_more_memory(tmp_path: Path) -> None:
    spec = InputSpec(name="texts", shape=(None, 16), dtype="int64", layout="bytes")
    layers = [New(kind="embedding", width=2), New(kind="conv", width=2), New(kind="global_max_pool")]
    saved.write(graft(from_layers(spec, layers), Plan(), classes=2).network, tmp_path / "model", {})
    few, small = peak(tmp_path / "model", tmp_path, 2)
    many, large = peak(tmp_path / "model", tmp_path, 2 + MORE)
    assert (few, many) == (10_000, 100_000)
    assert (tmp_path / "20.txt").stat().st_size > MORE * 1e6
    assert large - small < MOST
