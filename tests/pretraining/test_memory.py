"""A pile of texts larger than anyone wants in memory: a pretraining takes hardly more of it than for a small one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MORE = 20  # MB of text, and the most by which memory may grow for them

PRETRAIN = """
import resource, sys
import regraft
from regraft.network import New

layers = [New(kind="embedding", width=2), New(kind="conv", width=2), New(kind="global_max_pool")]
settings, text = {"epochs": 1, "batch": 4096, "device": "cpu"}, "length=16"
found = regraft.pretrain(sys.argv[1], "corruption", layers=layers, settings=settings, input=text, out=sys.argv[2])
print(found.examples, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder: Path, megabytes: int) -> tuple[int, int]:
    """How many texts a file of such a size taught with, and the most memory that took, in MB."""
    path = folder / f"{megabytes}.txt"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"text {number:9} of a pile of texts, all different\n" for number in range(megabytes * 20_000))
    command = [sys.executable, "-c", PRETRAIN, str(path), str(folder / f"run{megabytes}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    count, most = done.stdout.split()
    return int(count), int(most)


@pytest.mark.slow
def test_a_large_pile_takes_hardly_more_memory(tmp_path: Path) -> None:
    few, small = peak(tmp_path, 1)
    many, large = peak(tmp_path, 1 + MORE)
    assert (few, many) == (19_000, 21 * 20_000 - 1000)
    assert (tmp_path / "21.txt").stat().st_size > MORE * 1e6
    assert large - small < MORE
