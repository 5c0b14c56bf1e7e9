"""What is known of models for some data, kept in their zoo by all it hangs on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from regraft.data import Splits
from regraft.ranking.candidates import Candidate
from regraft.run import Progress
from regraft.tasks.record import part_record
from regraft.zoo import Score, Tuned, Zoo
from regraft.zoo.scores import Finding

_RULES = 3  # to be raised whenever a change to regraft changes what is found out of the same models for the same data


@dataclass(kw_only=True)
class Memory:
    """What a zoo remembers, for one way to feed and divide data."""

    zoo: Zoo
    input: str | None
    seed: int
    progress: Progress

    def known(self, kind: type[Finding], splits: Splits, *how: float) -> dict[str, Finding]:
        """What is known for some data, by the models' content.

        Args:
            how: what else it hangs on.
        """
        fed = (self.zoo.scores(self._key(splits, told, how), kind) for told in (None, self.input))
        return {content: found for each in fed for content, found in each.items()}

    def keep(self, one: Candidate, found: Score | Tuned, splits: Splits, *how: float) -> None:
        """Keep what was found out of a model."""
        if not self._is_read_only:
            self.zoo.remember(self._key(splits, one.told, how), {one.card.content: found})

    def _key(self, splits: Splits, told: str | None, how: tuple[float, ...]) -> str:
        """What tells these data, and how they are used and fed, from others; where they lie does not count."""
        parts = [{**part_record(part), "source": ""} for part in (splits.train, splits.validation)]
        said = json.dumps([_RULES, parts, len(splits.classes), told, self.seed, *how])
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    @cached_property
    def _is_read_only(self) -> bool:
        """Whether nothing can be remembered, which is said once."""
        if self.zoo.writable:
            return False
        self.progress.say(f"note: {self.zoo.path} is read only, so that the scores are not remembered")
        return True
