"""The node tests of the locked onnx package, with its own inputs, outputs and tolerances."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from formats.onnx.node_cases import Outcome, all_cases, excluded, rows, tolerance, tried

from regraft.network import functions

SHARE = 0.95
ONNX_ONLY = {
    name
    for module in vars(functions).values()
    if getattr(module, "__name__", "").rpartition(".")[2].startswith("onnx_")
    for name in module.FUNCTIONS
}
# What no node test calls: test_opsets.py and test_networks.py try it.
NOT_BY_NODES = {"concat_rows", "flat_rows", "global_lp_pool", "onnx_layer_norm", "shaped_like"}


def outcomes(names: list[str], folder: Path) -> list[Outcome]:
    return [tried(name, folder) for name in names]


def names() -> list[str]:
    return [name for name in all_cases() if not excluded(name)]


@pytest.mark.slow
def test_every_exclusion_matches_and_has_a_reason() -> None:
    for table in ("excluded.txt", "rounding.txt"):
        for pattern, *_, reason in rows(table):
            assert reason
            assert any(re.search(pattern, name) for name in all_cases()), pattern


@pytest.mark.slow
def test_all_node_tests(tmp_path: Path) -> None:
    """95 % pass, the rest is refused, and each function written for ONNX alone is tried."""
    found = outcomes(names(), tmp_path)
    counts = Counter(one.result if one.result != "passed" or not tolerance(one.name) else "rounding" for one in found)
    assert [f"{one.name}: {one.detail}" for one in found if one.result == "wrong"] == []
    assert counts["passed"] >= SHARE * len(found), counts
    assert counts["rounding"] <= 4
    called = {function for one in found if one.result == "passed" for function in one.functions}
    assert called >= ONNX_ONLY - NOT_BY_NODES
