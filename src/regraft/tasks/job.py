"""What a training is going to do, settled and said before it begins."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from regraft.data import Part, Splits
from regraft.errors import BadArgument
from regraft.network import GraphNetwork, InputSpec, Plan
from regraft.network.plan import plan_to_data
from regraft.network.surgery import Graft, graft
from regraft.run import Progress, RunFolder
from regraft.tasks.defaults import settings_for
from regraft.tasks.inputs import only_input, settled
from regraft.tasks.summary import summary
from regraft.train.learner import device_of
from regraft.train.settings import Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A training with all its parts chosen. `spec` is the network's one input, with its range."""

    graft: Graft
    spec: InputSpec
    splits: Splits
    settings: Settings
    device: torch.device

    def as_json(self) -> dict[str, Any]:
        """What the run folder keeps of it."""
        parts = {"train": self.splits.train, "validation": self.splits.validation, "test": self.splits.test}
        record = {
            "plan": plan_to_data(self.graft.plan),
            "input": asdict(self.spec),
            "classes": self.splits.classes,
            "data": {name: _described(part) for name, part in parts.items()},
            "training": self.settings.as_json(),
            "device": str(self.device),
        }
        return json.loads(json.dumps(record))  # tuples are lists, as they will be when the record is read again


def settle_job(
    network: GraphNetwork,
    splits: Splits,
    plan: Plan,
    settings: Settings | Mapping[str, Any] | None,
    input: str | None,
    progress: Progress,
) -> Job:
    """Carry out the plan, choose what was left open, and say all of it.

    Raises:
        RegraftError: the plan, the input or the settings do not fit.
    """
    seed = settings.seed if isinstance(settings, Settings) else (settings or {}).get("seed", 0)
    grafted = graft(network, plan, classes=len(splits.classes), seed=seed)
    progress.say(summary(grafted))
    spec = settled(network, only_input(grafted.network, [grafted.logits]), splits.train, input, progress)
    chosen = settings_for(grafted, len(splits.train), settings)
    device = device_of(chosen.device)
    for line in _notes(splits):
        progress.say(line)
    progress.say(f"training on {device}: {chosen.optimizer}, lr {chosen.lr:g}, at most {chosen.epochs} epochs")
    ready = replace(grafted, network=grafted.network.with_input(spec))
    return Job(graft=ready, spec=spec, splits=splits, settings=chosen, device=device)


def require_same(run: RunFolder, job: Job) -> None:
    """Make sure that a run which is resumed is about the same thing.

    Raises:
        BadArgument: plan, data or input differ; the message says what was there.
    """
    if not run.settings.exists():
        return
    before, now = run.read_json(run.settings.name), job.as_json()
    different = [key for key in ("plan", "classes", "data", "input") if before.get(key) != now[key]]
    if different:
        raise BadArgument(
            f"the run was about something else: another {' and another '.join(different)}",
            where=str(run.path),
            expected=str(before.get(different[0])),
            got=str(now[different[0]]),
            fix="give the same again, or name another folder: --out DIR",
        )


def _described(part: Part) -> dict[str, Any]:
    return {
        "source": part.examples.source,
        "fingerprint": part.examples.fingerprint,
        "n": len(part),
        "rows": zlib.crc32(part.indices.tobytes()),
    }


def _notes(splits: Splits) -> list[str]:
    sizes = ", ".join(f"{len(part)} to {use}" for part, use in _uses(splits))
    notes = [f"data: {sizes}; {len(splits.classes)} classes"]
    skipped = {line for part, _ in _uses(splits) for line in part.examples.skipped}
    notes += [f"skipped {line}" for line in sorted(skipped)]
    if splits.duplicates:
        notes.append(f"note: {splits.duplicates} examples are exact copies of others; copies share a part")
    if splits.leaked:
        notes.append(f"warning: {splits.leaked} examples of the validation or test set stand in the training part too")
    if splits.seen:
        notes.append(f"warning: {splits.seen} examples of the test set stand in the validation set, which is chosen by")
    return notes


def _uses(splits: Splits) -> tuple[tuple[Part, str], ...]:
    return (splits.train, "train on"), (splits.validation, "choose by"), (splits.test, "test on")
