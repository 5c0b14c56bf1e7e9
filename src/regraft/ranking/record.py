"""What a ranking found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from regraft.zoo import Card, Score, Tuned


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A model, and how good a start it is: the later it was left behind, the more examples its score rests on.

    `tuned` is what a short fine-tuning made of it, where it was a finalist.
    """

    card: Card
    score: Score
    tuned: Tuned | None = None

    def as_json(self) -> dict[str, Any]:
        """As JSON has it, the accuracy called `score`."""
        said = asdict(self.score)
        sizes = {"parameters": self.card.parameters, "flops": self.card.flops}
        tuned = self.tuned and asdict(self.tuned)
        return {"name": self.card.name, "score": said.pop("accuracy"), **said, **sizes, "tuned": tuned}


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The models of a zoo as starts for some data.

    Attributes:
        models: the best first: the finalists as they are when they are fine-tuned, then those that were scored on most
            data, and of these the most accurate.
        skipped: why other models were left out, by name.
        unfinished: what was not done with models for lack of time, by name: "scored on 600 examples", "fine-tuned".
        blocks: how many blocks the models have that were computed now, round by round.
        run: how many of these were run, for what several models share is run once.
    """

    models: tuple[Ranked, ...]
    skipped: Mapping[str, str]
    unfinished: Mapping[str, str]
    blocks: int
    run: int

    @property
    def baselines(self) -> dict[str, Ranked | None]:
        """What else would have been taken: the largest model, and the best on ImageNet; None: no card says it."""
        known = [model for model in self.models if model.card.imagenet is not None]
        return {
            "largest first": max(self.models, key=lambda model: model.card.parameters),
            "most accurate on ImageNet first": max(known, key=lambda model: model.card.imagenet or 0.0, default=None),
        }

    def as_json(self) -> dict[str, Any]:
        """As JSON has it."""
        baselines = {name: model and model.as_json() for name, model in self.baselines.items()}
        return {
            "ranking": [model.as_json() for model in self.models],
            "baselines": baselines,
            "skipped": dict(self.skipped),
            "unfinished": dict(self.unfinished),
            "blocks": self.blocks,
            "blocks_run": self.run,
        }
