"""The finalists: a short search of each says which of them is the better start once it is thawed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from regraft.data import Splits
from regraft.ranking.candidates import Candidate
from regraft.ranking.rounds import Rounds
from regraft.run import Progress
from regraft.tasks.evidence import interval
from regraft.tasks.truth import truth_of
from regraft.trials.budget import Budget
from regraft.trials.calibration import Calibration, calibrated
from regraft.trials.forecast import forecast
from regraft.trials.ground import Choices, Ground, ground_of
from regraft.trials.planning import Drafted, drafted, planned
from regraft.trials.search import search
from regraft.zoo import Card, Score, Tuned

_SHARES = (0.5, 0.25)  # of the budget that a search takes by itself: the usual one, and that where time is short


def tuned(cards: Sequence[Card], scores: Sequence[Score], rounds: Rounds) -> dict[str, Tuned]:
    """What became of the finalists, by their content; all of them with the same budget, or none where time is short.

    Args:
        scores: of the cards; what they took is what a short search takes at least.
    """
    splits, prepared = rounds.portion(1.0), dict[str, _Final]()
    for share in _SHARES:
        known = rounds.memory.known(Tuned, splits, share)
        new = [card for card in cards if card.content not in known]
        missing = [card for card in new if card.content not in prepared]
        if missing:
            if rounds.allowance.left < sum(score.seconds for score in scores):
                continue  # what was found out with less may be remembered
            candidates = rounds.candidates(missing)
            if len(candidates) < len(missing):  # somebody has removed one meanwhile
                return {}
            prepared |= {one.card.content: _prepared(one, splits, rounds.memory.seed) for one in candidates}
        finals = [prepared[card.content] for card in new]
        if not finals or sum(final.seconds(share) for final in finals) <= rounds.allowance.left:
            for final in finals:
                found = final.searched(share, rounds.progress)
                known[final.candidate.card.content] = found
                rounds.memory.keep(final.candidate, found, splits, share)
            return {card.content: known[card.content] for card in cards}
    rounds.unfinished |= {card.name: "fine-tuned" for card in cards}
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Final:
    """A finalist, and what its search is planned by."""

    candidate: Candidate
    ground: Ground
    draft: Drafted
    measured: Calibration

    def _passes(self, share: float) -> float:
        one_pass = planned(self.ground, self.draft, self.measured, 0.0).one_pass
        return round(share * Budget().in_passes(one_pass), 2)

    def seconds(self, share: float) -> float:
        """What its search will take with a share of the usual budget."""
        plan = planned(self.ground, self.draft, self.measured, self._passes(share))
        return sum(forecast(plan).values()) + self.measured.start

    def searched(self, share: float, progress: Progress) -> Tuned:
        """Search with a share of the usual budget; the model itself is not kept."""
        started, splits = time.monotonic(), self.ground.splits
        choices = Choices(budget=Budget(passes=self._passes(share)), seed=self.ground.seed)
        progress.say(f"fine-tuning {self.candidate.card.name}")
        with TemporaryDirectory() as folder:
            found = search(self.candidate.network, splits, choices=choices, out=Path(folder) / "run", progress=progress)
        trial = found.winner.trial
        hits = trial.hits(truth_of([splits.validation]))
        low, high = interval(hits)
        seconds = time.monotonic() - started
        return Tuned(accuracy=hits.score, low=low, high=high, scheme=trial.scheme.name, seconds=seconds)


def _prepared(one: Candidate, splits: Splits, seed: int) -> _Final:
    """What the search of a finalist is planned by, measured; it measures nothing again."""
    ground = ground_of(one.network, splits, None, Choices(seed=seed), Progress(quiet=True))
    draft = drafted(ground, None)
    measured = calibrated(ground, draft.tensors(ground), None, anew=False)
    return _Final(candidate=one, ground=ground, draft=draft, measured=measured)
