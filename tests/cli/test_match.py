"""`regraft match` on a small network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ARRAYS = {"hidden.weight": np.arange(12, dtype="f4").reshape(3, 4), "logits.weight": np.ones((2, 3), "f4")}


def test_the_table_and_the_file(regraft, model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **ARRAYS, extra=np.ones((9, 9)))
    done = regraft("match", tmp_path / "w.npz", model, "--out", tmp_path / "names.yaml")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[0].startswith("2 pairs, ")
    assert "hidden.weight 3×4 hidden[1]/kernel 4×3 o i -> i o high only fit" in lines
    assert "logits.weight 2×3 logits/kernel 3×2 o i -> i o high name" in lines
    assert "fits nowhere: extra" in lines
    assert "nothing for: logits/bias" in lines
    assert lines[-1] == f"written: {tmp_path}/names.yaml"
    text = (tmp_path / "names.yaml").read_text(encoding="utf-8")
    assert "hidden.weight: {to: 'hidden[1]/kernel', turn: o i -> i o}\n" in text


def test_json_holds_the_contract(regraft, model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **ARRAYS)
    record = regraft("match", tmp_path / "w.npz", model, "--json").record
    assert record["pairs"][1] == {
        "source": "logits.weight", "shape": [2, 3], "target": "logits/kernel", "target_shape": [3, 2],
        "turn": "o i -> i o", "confidence": "high", "why": "name",
    }  # fmt: skip
    assert (record["undecided"], record["unused"], record["difference"], record["file"]) == ({}, [], None, None)


def test_a_model_without_a_graph(regraft, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **ARRAYS)
    done = regraft("match", tmp_path / "w.npz", tmp_path / "w.npz")
    assert done.code == 2
    assert done.err == (
        "this npz file holds weights but no graph\n"
        "  got: 2 parameters\n"
        "  to do: no graph: regraft.load_weights puts them into a module of your own\n"
    )
