"""What a run is about, as its folder keeps it, and whether a run that is resumed is about the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from regraft.data import Part, Splits
from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.network.plan import plan_from_data, plan_to_data
from regraft.run import RunFolder

# Settings may differ: more epochs are no other run. The training loop looks after the ones that matter to it.
_SAME = ("source", "plan", "augmentation", "classes", "data", "input", "seed", "balance")


def source_record(network: GraphNetwork) -> str:
    """A hash of a network's graph and all its values."""
    graph = repr((network.graph.nodes, network.graph.switches))
    digest = hashlib.blake2b(graph.encode(), digest_size=16)
    for name in sorted(network.values):
        value = network.values[name]
        digest.update(f"{name}\0{value.dtype}\0{value.shape}\0".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def data_record(splits: Splits) -> dict[str, Any]:
    """Where the three parts come from, and hashes of what is in them."""
    return {
        "train": part_record(splits.train),
        "validation": part_record(splits.validation),
        "test": part_record(splits.test),
    }


def array_record(array: np.ndarray) -> dict[str, Any]:
    """An array's shape, and a hash of its values."""
    values = np.ascontiguousarray(array)
    return {"shape": list(values.shape), "fingerprint": hashlib.blake2b(values.data, digest_size=16).hexdigest()}


def require_same(run: RunFolder, record: Mapping[str, Any], task: str | None = None) -> dict[str, Any]:
    """The record as JSON holds it, after making sure that a run which is resumed is about the same thing.

    Args:
        task: of several, the one that the record is about; None: the run keeps one record.

    Raises:
        BadArgument: source, plan, data or input differ; the message says what was there.
    """
    now = json.loads(json.dumps(record))  # tuples are lists, as they will be when the record is read again
    before = now
    if run.settings.exists():
        kept = run.read_json(run.settings.name)
        before = _in_todays_words(kept if task is None else kept.get(task, {}))
    different = [key for key in _SAME if key in now and before.get(key) != now[key]]
    if different:
        raise BadArgument(
            f"the run was about something else: another {' and another '.join(different)}",
            where=str(run.path),
            expected=str(before.get(different[0])),
            got=str(now[different[0]]),
            fix="give the same again, or name another folder: --out DIR",
        )
    return now


def _in_todays_words(record: dict[str, Any]) -> dict[str, Any]:
    """A stored record, its plan and its input with the words that these have had since."""
    plan, fed = record.get("plan"), record.get("input")
    if isinstance(plan, dict):
        record = {**record, "plan": plan_to_data(plan_from_data(plan))}
    return {**record, "input": {"tokenizer": "", **fed}} if isinstance(fed, dict) else record


def part_record(part: Part) -> dict[str, Any]:
    """Where a part comes from, and hashes of what is in it."""
    return {
        "source": part.examples.source,
        "fingerprint": part.examples.fingerprint,
        "n": len(part),
        "rows": array_record(part.indices)["fingerprint"],
        "labels": array_record(part.truth)["fingerprint"],
    }
