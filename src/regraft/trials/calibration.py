"""A few short measurements that tell how long a search takes on this machine, made once and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from regraft.data import Part, prepare
from regraft.features import Engine, Timing, Trunk, choose, piped, same_engine, seconds_of
from regraft.features.extraction import trimming_of
from regraft.network import Plan
from regraft.network.graph import WORD
from regraft.run.atomic import disk_errors, read_json, write_json
from regraft.tasks.head import Head, own_copy
from regraft.tasks.tagging import targets
from regraft.train.optimizers import make_optimizer
from regraft.train.settings import Settings
from regraft.trials.ground import Ground
from regraft.trials.recipe import HEAD_BATCH
from regraft.trials.stored import total
from regraft.trials.threads import one_thread

_SAMPLE = 32  # examples that are measured on
_FORMAT = 11
_HEADS, _HIDDEN = 2, 128  # heads trained together, and their hidden layer
_WRITTEN = 2**25  # bytes, about a chunk of features
_LEAST, _MOST = 8, 1024  # the vector below it


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was measured, in seconds.

    Attributes:
        engine: the one that runs the pass.
        timings: what was found out about each engine.
        start: making the engine ready once more, for other weights.
        preparing: one example, prepared for the network.
        example: the same, and computed by the engine, other examples being prepared meanwhile.
        storing: a million bytes of features, written where they are kept.
        plain: the same by torch as it is, which is how schemes are tried one by one.
        lower, upper: a thousand million operations in training, a third of them forward, below and above the middle.
        fresh: how many times as long a step of everything takes whose batch norms use the statistics of the batch.
        product: a thousand million multiplications of a head's matrix products.
        step: a step of a head of next to no weights.
        weights: what a million of them add to it.
    """

    engine: Engine
    timings: tuple[Timing, ...]
    start: float
    preparing: float
    example: float
    storing: float
    plain: float
    lower: float
    upper: float
    fresh: float
    product: float
    step: float
    weights: float

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        kept = {"engine", "timings"}
        seconds = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in kept}
        timings = [asdict(timing) for timing in self.timings]
        engine = {"engine": self.engine.kind, "name": self.engine.name}
        return {"format": _FORMAT, **engine, "timings": timings, "seconds": seconds}


def calibrated(ground: Ground, tensors: Sequence[str], before: Mapping[str, Any] | None, *, anew: bool) -> Calibration:
    """What is measured now, or was before for the same network, tensors, data and machine.

    A search is to do the same again when it is repeated, and what it does with its budget depends on these numbers. The
    engine that was chosen is taken again as long as it can be; else it is chosen and all is measured anew.

    Args:
        before: the calibration, `as_json`, a search began with that is resumed: it is taken.
        anew: measure where these are the first or old ones; else old ones are taken.
    """
    trunk = Trunk(ground.surveyed, tensors, ground.spec)
    path = ground.place.root / "calibrations" / f"{_key(ground, trunk)}.json"
    kept = before or (read_json(path) if path.is_file() else {})
    current = kept.get("format") == _FORMAT
    engine = same_engine(kept["engine"], kept["name"], trunk, str(ground.device)) if current else None
    if engine:
        timings = tuple(Timing(**timing) for timing in kept["timings"])
    else:
        examples, device = ground.splits.train.examples, str(ground.device)
        count, within = ground.rows_of_all, ground.tagged
        engine, timings = choose(trunk, examples, device, count, within=within)
        kept = {}
    if kept and (before or not anew):
        return Calibration(engine=engine, timings=timings, **kept["seconds"])
    # a search that is resumed keeps its plan, and so its numbers, whatever engine it has now
    known = before if before and before.get("format") == _FORMAT else None
    seconds = known["seconds"] if known else _measured(ground, engine, timings)
    found = Calibration(engine=engine, timings=timings, **seconds)
    if not kept:  # else what a budget in passes buys would change with every search in between
        write_json(path, found.as_json())
    return found


def _key(ground: Ground, trunk: Trunk) -> str:
    preparation = {**ground.spec.record(), "name": "", "origin": ""}
    told = [trunk.hashes, preparation, ground.splits.train.examples.fingerprint, total(ground.splits)]
    told += [str(ground.device), torch.get_num_threads(), torch.__version__]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def _measured(ground: Ground, engine: Engine, timings: Sequence[Timing]) -> dict[str, float]:
    """The numbers of a calibration; torch's pass as it was beside the engine's when that was chosen."""
    examples, indices = ground.splits.train.examples, ground.splits.train.indices[:_SAMPLE]

    def make() -> np.ndarray:
        return prepare(examples, indices, ground.spec)

    batch = make()
    run = (trimming_of(engine) if ground.tagged else None) or engine
    run(batch)
    example = min(piped(run, batch, make) for _ in range(2)) / len(indices)
    chosen = {timing.kind: timing.seconds or 0.0 for timing in timings}
    slower = chosen["torch"] / chosen[engine.kind] if chosen[engine.kind] else 1.0
    lower, upper, fresh = _training(ground)
    step = _head(_LEAST)
    return {
        "start": next(timing.start or 0.0 for timing in timings if timing.kind == engine.kind),
        "preparing": seconds_of(make) / len(indices),
        "example": example,
        "storing": _storing(ground.place.root / "calibrations"),
        "plain": example * slower,
        "lower": lower,
        "upper": upper,
        "fresh": fresh,
        "product": product(),
        "step": step,
        "weights": max(0.0, _head(_MOST) - step) / (_HEADS * _MOST * _HIDDEN * 1e-6),
    }


def _storing(folder: Path) -> float:
    """Seconds that a million bytes take until they lie on the disk, in a file without a name, which no kill leaves."""
    data = np.random.default_rng(0).bytes(_WRITTEN)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:

            def write() -> None:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

            return seconds_of(write) / (_WRITTEN * 1e-6)


def _training(ground: Ground) -> tuple[float, float, float]:
    """What operations below and above the middle take in training, and times as long a step from scratch takes."""
    middle = ground.middle.flops
    upper = _step(ground, Plan(freeze=None, freeze_below=ground.middle.cut, freeze_statistics=True))
    whole = _step(ground, Plan(freeze=None, freeze_statistics=True))
    fresh = _step(ground, Plan(freeze=None)) / whole
    return _each(whole - upper, middle), _each(upper, ground.flops - middle), fresh


def _each(seconds: float, operations: int) -> float:
    """What a thousand million operations take, if a step takes so long: it does each forward and twice back."""
    return max(0.0, seconds) / max(3e-9 * operations, 1e-9)


def _step(ground: Ground, plan: Plan) -> float:
    """Seconds that an example takes in a step of a plan, from features to gradients."""
    grafted = ground.graft(plan)
    head = Head(own_copy(grafted.network), grafted.features, grafted.logits, ground.device)
    learner, size = head.learner(), ground.batch(grafted.features)
    batch = (*(_drawn(ground, name, size) for name in grafted.features), _targets(ground, size))
    weights = [learner.weights[name] for name in learner.trained]

    def step() -> None:
        torch.autograd.grad(learner.step(batch).loss, weights, allow_unused=True)

    step()
    return min(seconds_of(step) for _ in range(4)) / size


def _drawn(ground: Ground, name: str, size: int) -> torch.Tensor:
    """So many rows of a tensor: random numbers, or the tokens of texts, which tell how far each goes."""
    tensor = ground.network.tensors[name]
    if name in ground.beside:
        return torch.from_numpy(prepare(ground.splits.train.examples, _first(ground, size), ground.spec))
    shape, dtype = (size, *(length or 1 for length in (tensor.shape or ())[1:])), getattr(torch, tensor.dtype or "")
    return torch.rand(shape, dtype=dtype) if dtype.is_floating_point else torch.full(shape, WORD, dtype=dtype)


def _targets(ground: Ground, size: int) -> torch.Tensor:
    """What is to be answered for so many examples."""
    part = Part(examples=ground.splits.train.examples, indices=_first(ground, size))
    return torch.from_numpy(targets(part, ground.spec))


def _first(ground: Ground, size: int) -> np.ndarray:
    """So many training examples; where there are less, again from the first."""
    return np.resize(ground.splits.train.indices, size)


def product() -> float:
    """Seconds that a thousand million multiplications of a matrix product take on one thread."""
    left, right = torch.rand(512, 512), torch.rand(512, 512)
    with one_thread():
        return min(seconds_of(lambda: left @ right) for _ in range(3)) / (512**3 * 1e-9)


def _head(width: int) -> float:
    """A step of hidden layers on a vector, trained together."""
    shapes = {"kernel": (_HEADS, width, _HIDDEN), "bias": (_HEADS, 1, _HIDDEN), "top": (_HEADS, _HIDDEN, 2)}
    weights = {name: torch.rand(shape, requires_grad=True) for name, shape in shapes.items()}
    optimizer = make_optimizer(Settings(), weights)
    features, labels = torch.rand(HEAD_BATCH, width), torch.zeros(_HEADS * HEAD_BATCH, dtype=torch.int64)

    def step() -> None:
        logits = (features @ weights["kernel"] + weights["bias"]).relu() @ weights["top"]
        loss = functional.cross_entropy(logits.flatten(0, 1), labels)
        gradients = torch.autograd.grad(loss, list(weights.values()))
        optimizer.step(dict(zip(weights, gradients, strict=True)))

    with one_thread():
        step()
        return min(seconds_of(step) for _ in range(9))
