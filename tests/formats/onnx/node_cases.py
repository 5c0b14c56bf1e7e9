"""The node tests of the onnx package: which are tried, and what comes of one."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from regraft.errors import BadArgument, UnsupportedFormat, UnsupportedOp
from regraft.formats import read
from regraft.network import GraphNetwork

HERE = Path(__file__).parent
REFUSALS = (UnsupportedOp, BadArgument, UnsupportedFormat)


@dataclass(frozen=True)
class Outcome:
    """What came of a case: "passed", "rounding", "refused" or "wrong"; and the functions its network calls."""

    name: str
    result: str
    detail: str = ""
    functions: frozenset[str] = frozenset()


def rows(name: str) -> list[list[str]]:
    """The lines of a table beside this file, cut at their tabs."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def all_cases() -> dict[str, Any]:
    """Every node test by name."""
    with warnings.catch_warnings(action="ignore"):  # numpy's, of infinities the cases are made of
        from onnx.backend.test.case.node import collect_testcases

        return {case.name: case for case in collect_testcases(None)}


def excluded(name: str) -> bool:
    """Whether a case is left out."""
    return any(re.search(pattern, name) for pattern, _ in rows("excluded.txt"))


def tried(name: str, folder: Path) -> Outcome:
    """Open a case's model, run it on its data, and compare with what the case expects."""
    case, path = all_cases()[name], folder / "model.onnx"
    path.write_bytes(case.model.SerializeToString())
    try:
        with warnings.catch_warnings(action="ignore"):  # that a batch stays fixed is said
            network = read(path)
        functions = frozenset(node.function for node in network.graph.nodes)
        worst = [one for inputs, outputs in case.data_sets for one in differences(case, network, inputs, outputs)]
    except REFUSALS as error:
        return Outcome(name, "refused", f"{type(error).__name__}: {error}")
    if not worst:
        return Outcome(name, "passed", functions=functions)
    return Outcome(name, "wrong", "; ".join(worst), functions)


def differences(case: Any, network: GraphNetwork, inputs: Any, outputs: Any) -> list[str]:
    """What of the outputs is not as expected."""
    fed = {info.name: array(value) for info, value in zip(case.model.graph.input, inputs, strict=False)}
    given = network.run({name: value for name, value in fed.items() if name in network.inputs}, list(network.outputs))
    found = dict(zip(network.outputs, given, strict=True))
    wrong: list[str] = []
    for info, value in zip(case.model.graph.output, outputs, strict=True):
        have, want = found[info.name], array(value)
        if (have.dtype, have.shape) != (want.dtype, want.shape):
            wrong.append(f"{info.name}: {want.dtype} {want.shape} expected, got {have.dtype} {have.shape}")
            continue
        slack = tolerance(case.name)
        if not np.allclose(*(one.astype("f8") if one.dtype.kind == "f" else one for one in (have, want)),
                           rtol=case.rtol, atol=max(slack, case.atol), equal_nan=True):  # fmt: skip
            wrong.append(f"{info.name}: {have.reshape(-1)[:5]} and not {want.reshape(-1)[:5]}")
    return wrong


def tolerance(name: str) -> float:
    """What a case may be off by, besides its own tolerance."""
    return next((float(bound) for pattern, bound, _ in rows("rounding.txt") if re.search(pattern, name)), 0.0)


def array(value: Any) -> np.ndarray:
    """The array of a test's value."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
