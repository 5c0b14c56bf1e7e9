"""The command as users run it: a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ready import ReadyPython

from regraft.formats import saved
from regraft.network.graph import Graph, InputSpec, Node, Ref, Switch
from regraft.network.network import GraphNetwork


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """Standard output, which must be one JSON object on one line."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


Regraft = Callable[..., Done]


@pytest.fixture(scope="session")
def regraft(tmp_path_factory: pytest.TempPathFactory) -> Regraft:
    """Runs `python -m regraft ...` in an empty folder; torch, with what it loads at its first use, is there already."""
    folder = tmp_path_factory.mktemp("here")
    python = ReadyPython(sys.executable, ["torch._dynamo"], os.environ)

    def run(*arguments: str | Path, timeout: float = 120.0, **environment: str) -> Done:
        given = os.environ | environment
        done = python.run("regraft", *map(str, arguments), cwd=folder, environment=given, timeout=timeout)
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def toy() -> GraphNetwork:
    """Two dense layers, 4-3-2, with a dropout switch between them; names with brackets stay as they are."""
    return GraphNetwork(
        Graph(
            nodes=(
                Node(name="x:0", function="input"),
                Node(name="is_training:0", function="input"),
                *dense("hidden[1]", "x:0"),
                Node(name="hidden[1]/Relu:0", function="relu", args=(Ref("hidden[1]/BiasAdd:0"),)),
                Node(
                    name="drop/cond:0",
                    function="select",
                    args=(Ref("is_training:0"), Ref("hidden[1]/Relu:0"), Ref("hidden[1]/Relu:0")),
                ),
                *dense("logits", "drop/cond:0"),
                Node(name="steps:0", function="parameter", args=("steps",), kwargs={"trainable": False}),
            ),
            inputs=(InputSpec(name="x:0", shape=(None, 4), layout="flat", range=(0.0, 1.0), origin="user"),),
            outputs=("logits/BiasAdd:0",),
            switches=(Switch(name="is_training:0", evaluation=False, training=True),),
            collections={"trainable_variables": ("hidden[1]/kernel", "logits/kernel")},
        ),
        {
            "hidden[1]/kernel": np.arange(12, dtype=np.float32).reshape(4, 3),
            "hidden[1]/bias": np.zeros(3, np.float32),
            "logits/kernel": np.ones((3, 2), np.float32),
            "logits/bias": np.zeros(2, np.float32),
            "steps": np.array(7, np.int64),
        },
        format="saved",
    )


@pytest.fixture(scope="session")
def model(toy: GraphNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy network as a model folder."""
    folder = tmp_path_factory.mktemp("toy") / "model"
    folder.mkdir()
    saved.write(toy, folder, {})
    return folder


@pytest.fixture(scope="session")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders whole/ and holed/ with pictures of roses and tulips; in holed/ the folder of the tulips is empty."""
    folder = tmp_path_factory.mktemp("flowers")
    random = np.random.default_rng(0)
    for part, name in (("whole", "rose"), ("whole", "tulip"), ("holed", "rose")):
        (folder / part / name).mkdir(parents=True)
        for k in range(6):
            pixels = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / part / name / f"{k}.png")
    (folder / "holed/tulip").mkdir()
    return folder


def dense(name: str, below: str) -> list[Node]:
    """The nodes TensorFlow writes for a dense layer."""
    return [
        Node(name=f"{name}/kernel:0", function="parameter", args=(f"{name}/kernel",), kwargs={"trainable": True}),
        Node(name=f"{name}/bias:0", function="parameter", args=(f"{name}/bias",), kwargs={"trainable": True}),
        Node(name=f"{name}/MatMul:0", function="mat_mul", args=(Ref(below), Ref(f"{name}/kernel:0"))),
        Node(name=f"{name}/BiasAdd:0", function="bias_add", args=(Ref(f"{name}/MatMul:0"), Ref(f"{name}/bias:0"))),
    ]
