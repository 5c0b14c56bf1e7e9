"""Features larger than the memory a search may have: it is limited by the system, and only the disk can hold them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 1500  # MB, beyond what torch alone takes
PICTURES = 2400  # whose maps take 1 MB each

SEARCH = """
import json, resource, sys
from pathlib import Path

import torch

torch.ones(64, 64) @ torch.ones(64, 64)  # its threads are begun
(held,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
limit = (int(held) << 10) + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

import numpy as np
from torch import nn

import regraft

random, count = np.random.default_rng(0), int(sys.argv[2])
y = random.integers(0, 2, count)
x = random.normal(size=(count, 3, 64, 64)).astype("float32") + y[:, None, None, None] * 0.2
np.savez("pictures.npz", x=x, y=y)
del x
torch.manual_seed(0)
convolutions = nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 8, 3, stride=4), nn.ReLU()
module = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(2048, 2))
source = regraft.open(module, sample=torch.zeros(1, 3, 64, 64))
scheme = {"name": "thawed above the first", "plan": {"freeze_below": "1", "freeze": None}, "settings": {"epochs": 1}}
found = regraft.search(source, "pictures.npz", schemes=[scheme], passes=20, out="run")
print(json.dumps(found.as_json()["budget"]["stored"]))
"""


@pytest.mark.slow
def test_features_larger_than_memory(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", SEARCH, str(LIMIT), str(PICTURES)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert '"tensor": "1"' in done.stdout
    stored = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert stored > 1.5 * LIMIT * 2**20
