"""What all trainings of a pretraining share: the examples, how they are fed, the settings, and a folder for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from regraft.data import Part
from regraft.network import GraphNetwork, InputSpec
from regraft.pretraining.rows import held
from regraft.run import Progress, RunFolder
from regraft.tasks.head import Head
from regraft.tasks.rows import InputRows
from regraft.train.learner import Rows
from regraft.train.loop import Measured, train
from regraft.train.settings import Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A pretraining under way; `validation` is a small part of the examples that nothing learns from."""

    train: Part
    validation: Part
    spec: InputSpec
    settings: Settings
    device: torch.device
    folder: Path
    progress: Progress

    def inputs(self) -> tuple[Rows, Rows]:
        """The examples of both parts as the network reads them, and their labels."""
        return held(InputRows(self.train, self.spec)), held(InputRows(self.validation, self.spec))

    def trained(
        self, name: str, head: Head, rows: tuple[Rows, Rows], measure: Callable[[Rows, int], Measured]
    ) -> Mapping[str, Any]:
        """Train a head in a run of its own, or go on with it; {epochs, best_epoch, and what was measured then}.

        Args:
            rows: to train on, and to measure on.
            measure: looks at the second rows; what these draw is the same in each look.
        """

        def look() -> Measured:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.settings.seed)
                return measure(rows[1], self.settings.batch)

        run = RunFolder.at(self.folder / name, resume=True)
        self.progress.say(f"{name}: {self.settings.epochs} epochs")
        with run.working():
            found = train(
                head.learner(), rows[0], self.settings, validate=look, run=run, resume=True, progress=self.progress
            )
        return {"epochs": found.epochs, "best_epoch": found.best_epoch, **found.metrics}


def with_values(network: GraphNetwork, head: Head) -> GraphNetwork:
    """The network with those weights of a head that are its own."""
    return network.assign({name: value for name, value in head.values().items() if name in network.parameters})
