"""Writes golden/layers.npz: what OpenCV computes for the layer cases. Run with tests/ and src/ on the path."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import oracle
from formats.caffe.layer_cases import CASES
from formats.caffe.making import inputs, shape_of, written
from formats.caffe.references import REFERENCES

HERE = Path(__file__).parent

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, text in CASES.items():
            if case not in REFERENCES:
                written(folder, case, text)
                inputs(folder, case, shape_of(text))
        oracle.run(HERE / "opencv_oracle.py", folder)
        said = dict(np.load(folder / "answers.npz"))
    refused = [key for key in said if key.endswith("/error")]
    assert not refused, {key: str(said[key]) for key in refused}
    (HERE / "golden").mkdir(exist_ok=True)
    np.savez_compressed(HERE / "golden/layers.npz", **said)
    print(len(said), "arrays")
