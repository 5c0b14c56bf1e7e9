"""`regraft show` on a small network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regraft.formats.tf1.checkpoint.bundle_writer import write_checkpoint


def test_the_outline(regraft, model: Path) -> None:
    done = regraft("show", model)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[0] == (f"{model} (saved): 3 layers, 5 parameters with 24 numbers, 23 of them trainable")
    assert "x:0 ?×4 float32 flat – 0..1 user" in lines
    assert "Switch is_training:0: False in evaluation, True in training" in lines
    assert "hidden[1] mat_mul bias_add relu hidden[1]/Relu:0 ?×3 15 24 yes" in lines


def test_json_holds_the_contract(regraft, model: Path) -> None:
    done = regraft("show", model, "--json")
    assert (done.code, done.err) == (0, "")
    record = done.record
    assert record["format"] == "saved"
    assert record["inputs"][0]["name"] == "x:0"
    assert record["inputs"][0]["shape"] == [None, 4]
    assert record["outputs"] == ["logits/BiasAdd:0"]
    assert [layer["name"] for layer in record["layers"]] == ["hidden[1]", "drop", "logits"]
    assert {"name": "hidden[1]/Relu:0", "shape": [None, 3], "dtype": "float32"} in record["tensors"]
    assert record["parameters"][-1] == {"name": "steps", "shape": [], "dtype": "int64", "trainable": False}
    assert record["cuts"][0]["tensor"] == "hidden[1]/Relu:0"


def test_patterns_choose_parameters_and_tensors(regraft, model: Path) -> None:
    done = regraft("show", model, "--params", "logits", "--tensors", r"hidden\[1\]/Rel")
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[1:] == [
        "Parameters",
        "name shape type trainable",
        lines[3],
        "logits/kernel 3×2 float32 yes",
        "logits/bias 2 float32 yes",
        "Tensors",
        "name shape type",
        lines[8],
        "hidden[1]/Relu:0 ?×3 float32",
    ]


def test_a_pattern_that_is_found_inside_only_is_told_how(regraft, model: Path) -> None:
    done = regraft("show", model, "--params", "kernel")
    assert done.code == 2
    assert done.err == (
        "--params: the pattern 'kernel' matches no parameter\n"
        "  got: 5 parameters, first: hidden[1]/kernel, hidden[1]/bias, logits/kernel, logits/bias, steps\n"
        "  nearest: hidden[1]/kernel, logits/kernel\n"
        "  to do: a pattern is matched from the start of the name: use '.*kernel' (it matches 2 parameters)\n"
    )


@pytest.mark.slow
def test_a_pattern_for_tensors_speaks_of_tensors(regraft, model: Path) -> None:
    done = regraft("show", model, "--tensors", "BiasAdd")
    assert done.code == 2
    listed = "x:0, is_training:0, hidden[1]/kernel:0, hidden[1]/bias:0, hidden[1]/MatMul:0"
    assert done.err == (
        "--tensors: the pattern 'BiasAdd' matches no tensor\n"
        f"  got: 13 tensors, first: {listed}\n"
        "  nearest: hidden[1]/BiasAdd:0, logits/BiasAdd:0\n"
        "  to do: a pattern is matched from the start of the name: use '.*BiasAdd' (it matches 2 tensors)\n"
    )
    assert regraft("show", model, "--tensors", "zzz").err == (
        "--tensors: the pattern 'zzz' matches no tensor\n"
        f"  got: 13 tensors, first: {listed}\n"
        "  to do: `regraft show --tensors '.*'` lists all tensors\n"
    )
    assert regraft("show", model, "--params", ".*logits").code == 0
    assert regraft("show", model, "--params", "bias").err.endswith("use '.*bias' (it matches 2 parameters)\n")


def test_no_such_file(regraft) -> None:
    done = regraft("show", "nothing/here.ckpt")
    assert done.code == 2
    assert done.err == (
        "There is no checkpoint here.ckpt.\n"
        "  where: nothing/here.ckpt\n"
        "  expected: here.ckpt.index or a V1 checkpoint\n"
        "  to do: Give the prefix of a checkpoint, one of its files, or its folder; or a graph (.meta, .pb, .pbtxt) or "
        "a SavedModel folder.\n"
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint without a graph."""
    prefix = tmp_path_factory.mktemp("weights") / "model.ckpt"
    write_checkpoint(prefix, {"dense/kernel": np.ones((3, 2), np.float32), "global_step": np.array(5, np.int64)})
    return prefix


def test_weights_without_a_graph(regraft, weights: Path) -> None:
    done = regraft("show", weights)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[0] == f"{weights} (tf1-checkpoint): no graph, 2 parameters with 7 numbers, 6 of them trainable"
    assert "dense/kernel 3×2 float32 yes" in lines
    assert regraft("show", weights, "--json").record["layers"] == []


def test_weights_have_no_tensors(regraft, weights: Path) -> None:
    done = regraft("show", weights, "--tensors", "dense")
    assert done.code == 2
    assert done.err == (
        "this tf1-checkpoint file holds weights but no graph\n"
        "  got: 2 parameters\n"
        "  to do: no graph: regraft.load_weights puts them into a module of your own\n"
    )


@pytest.mark.parametrize("more", [(), ("--json",), ("--params", "dense")])
def test_showing_weights_needs_no_torch(weights: Path, more: tuple[str, ...]) -> None:
    arguments = ["show", str(weights), *more]
    code = f"import sys; from regraft.cli.app import run; run({arguments!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
