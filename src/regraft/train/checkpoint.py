"""Where a training stands, on disk: `last.safetensors`, and the best weights it names (`raw-...`: without averaging).

Each file is written whole or not at all, the best weights first: a kill at any moment leaves a `last` whose
best is there too. Nothing random is stored: the loop draws everything from the seed and the step's number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from regraft.errors import MissingFile, UnreadableFile
from regraft.run.atomic import write_bytes
from regraft.train.learner import fingerprint

LAST = "last.safetensors"
_KEY = "regraft"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best epoch so far; higher scores are better, compared one after the other.

    `weights` are the ones that were measured: where a training averages them, the averages, and `raw` its own.
    """

    epoch: int
    score: tuple[float, ...]
    metrics: Mapping[str, float]
    weights: Mapping[str, Tensor]
    raw: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a training stands.

    `identity` is what must be the same for a training to go on: settings, names, a hash of what is frozen.
    `loss` is the sum over the examples of the epoch under way.
    """

    identity: Mapping[str, Any]
    epoch: int  # whole epochs done
    step: int  # steps done in the one under way
    loss: float
    weights: Mapping[str, Tensor]  # trained and followed
    shadows: Mapping[str, Tensor] = field(default_factory=dict)
    slots: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    powers: Mapping[str, float] = field(default_factory=dict)
    best: Best | None = None


def write(folder: Path, checkpoint: Checkpoint, *, new_best: bool) -> None:
    """Put a checkpoint into a folder in place of the one there.

    Args:
        new_best: the best weights are not in the folder yet.

    Raises:
        OutOfSpace: the disk is full; the old checkpoint is still whole.
    """
    best = checkpoint.best
    if best and new_best:
        for kind, weights in (("best", best.weights), ("raw", best.raw)):
            if weights:
                write_bytes(folder / file_name(kind, best.epoch), _packed(weights, {"epoch": best.epoch}))
    tensors = {f"weight:{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"shadow:{name}": tensor for name, tensor in checkpoint.shadows.items()}
    for name, slots in checkpoint.slots.items():
        tensors |= {f"slot:{slot}:{name}": tensor for slot, tensor in slots.items()}
    document = {
        "identity": checkpoint.identity,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "loss": checkpoint.loss,
        "powers": checkpoint.powers,
        "best": best
        and {"epoch": best.epoch, "score": best.score, "metrics": best.metrics, "averaged": bool(best.raw)},
    }
    write_bytes(folder / LAST, _packed(tensors, document))
    for kind in ("best", "raw"):
        for path in folder.glob(f"{kind}-*.safetensors"):
            if not best or path.name != file_name(kind, best.epoch):
                path.unlink(missing_ok=True)


def read(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder; None where there is none yet.

    Raises:
        UnreadableFile: a file is damaged.
        MissingFile: the best weights are gone.
    """
    if not (folder / LAST).is_file():
        return None
    tensors, document = _unpacked(folder / LAST)
    kinds: dict[str, dict[str, Tensor]] = {"weight": {}, "shadow": {}}
    slots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition(":")
        if kind == "slot":
            slot, _, name = name.partition(":")
            slots.setdefault(name, {})[slot] = tensor
        else:
            kinds[kind][name] = tensor
    best = document["best"]
    return Checkpoint(
        identity=document["identity"],
        epoch=document["epoch"],
        step=document["step"],
        loss=document["loss"],
        weights=kinds["weight"],
        shadows=kinds["shadow"],
        slots=slots,
        powers=document["powers"],
        best=best and _read_best(folder, best),
    )


def _read_best(folder: Path, document: Mapping[str, Any]) -> Best:
    epoch = document["epoch"]
    return Best(
        epoch=epoch,
        score=tuple(document["score"]),
        metrics=document["metrics"],
        weights=_weights(folder / file_name("best", epoch)),
        raw=_weights(folder / file_name("raw", epoch)) if document.get("averaged") else {},
    )


def _weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise MissingFile(
            "the checkpoint's best weights are gone", where=str(path), fix="start the training anew in another folder"
        )
    return _unpacked(path)[0]


def file_name(kind: str, epoch: int) -> str:
    """What the file of an epoch's weights is called: those of kind "best", or "raw"."""
    return f"{kind}-{epoch:05}.safetensors"


def _packed(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> bytes:
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"document": document, "sha256": fingerprint(held)})
    return safetensors.torch.save(held, metadata={_KEY: text})


def _unpacked(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = json.loads((file.metadata() or {})[_KEY])
            names: list[str] = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        if fingerprint(tensors) != text["sha256"]:
            raise ValueError("its numbers are not the ones that were written")
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            "the checkpoint is damaged",
            where=str(path),
            got=str(error),
            fix="start the training anew in another folder",
        ) from error
    return tensors, text["document"]
