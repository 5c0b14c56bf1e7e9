"""What a training is going to do, settled and said before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from regraft.data import Splits
from regraft.data.splits import said_of
from regraft.network import GraphNetwork, InputSpec, Plan
from regraft.network.plan import plan_to_data
from regraft.network.surgery import Graft, graft
from regraft.run import Progress
from regraft.tasks.crf import informed
from regraft.tasks.defaults import settings_for
from regraft.tasks.inputs import only_input, settled
from regraft.tasks.record import data_record, source_record
from regraft.tasks.regress import Units, units_of
from regraft.tasks.scores import KINDS, Kind
from regraft.tasks.summary import summary
from regraft.tasks.tagging import by_word, divided, of_one_window, rows_of
from regraft.train.learner import device_of
from regraft.train.settings import Settings, seed_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A training with all its parts chosen.

    `source` is the hash of the network it starts from, `spec` the network's one input, with its range.
    """

    source: str
    graft: Graft
    spec: InputSpec
    splits: Splits
    settings: Settings
    device: torch.device

    @property
    def kind(self) -> Kind:
        """What its task is about: its loss, and what its logits answer."""
        return KINDS[self.splits.train.examples.task]

    @cached_property
    def units(self) -> Units | None:
        """The units in which numbers are learned; None where none are, or they are learned as they are."""
        train = self.splits.train
        return units_of(train.labels, self.graft) if train.examples.task == "regress" else None

    @property
    def trained_on(self) -> torch.device:
        """Where the steps are done: those of a linear head are so small that a GPU would only wait for them."""
        return torch.device("cpu") if self.settings.centred else self.device

    @property
    def by_word(self) -> bool:
        """Whether the rows of the training are words, each with its features."""
        return self.splits.train.tags is not None and by_word(self.graft)

    def as_json(self) -> dict[str, Any]:
        """What the run folder keeps of it."""
        return {
            "source": self.source,
            "plan": plan_to_data(self.graft.plan),
            "input": self.spec.record(),
            "classes": list(self.splits.classes),
            "data": data_record(self.splits),
            "training": self.settings.as_json(),
            "device": str(self.device),
        }


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
    tagged = splits.train.tags is not None
    grafted = graft(network, plan, classes=len(splits.classes), seed=seed_of(settings), each_place=tagged)
    progress.say(summary(grafted))
    free = any(None in (grafted.network.tensors[name].shape or ())[1:] for name in grafted.features)
    given = only_input(grafted.network, [grafted.logits])
    spec = settled(network, given, splits.train, input, progress, one_length=free and not tagged)
    if tagged:
        spec = of_one_window(spec, splits.train.examples, progress)
        splits = divided(splits, spec)
    chosen = settings_for(grafted, rows_of(splits.train, grafted), settings)
    device = device_of(chosen.device)
    for line in said_of(splits):
        progress.say(line)
    ready = replace(grafted, network=informed(grafted, splits.train).with_input(spec))
    job = Job(source=source_record(network), graft=ready, spec=spec, splits=splits, settings=chosen, device=device)
    progress.say(f"training on {job.trained_on}: {chosen.optimizer}, lr {chosen.lr:g}, at most {chosen.epochs} epochs")
    return job
