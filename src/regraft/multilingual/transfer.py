"""What a network that learned in one language is worth in another: from none of its sentences, or from a few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Part, Splits
from regraft.data.examples import said_of_skipped
from regraft.data.joining import Joined
from regraft.errors import BadArgument, BadData
from regraft.multilingual.picture import draw
from regraft.network import GraphNetwork, Plan
from regraft.run import Progress, RunFolder, place_of
from regraft.tasks.fit import FitResult, fit
from regraft.tasks.scores import reported
from regraft.train.settings import seed_of

ALL = "all"  # what a training on all languages together is called
_HELD = 5  # of so many sentences of a language with few, one is chosen by


@dataclass(frozen=True, kw_only=True)
class Few:
    """What few sentences of a language give.

    Attributes:
        language: which is told.
        sentences: how many of it are known.
        beside: the language that is learned with them; "": none.
        score: on the test part.
    """

    language: str
    sentences: int
    beside: str
    score: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer:
    """What was found.

    Attributes:
        measure: of the scores: accuracy, or F1 of entities.
        matrix: the score of each language's test part, for each that was learned, and for all together.
        few: what few sentences of a language give, with those of another and alone.
        models: the folder of each model, by what it learned.
    """

    run: Path
    measure: str
    matrix: Mapping[str, Mapping[str, float]]
    few: tuple[Few, ...]
    models: Mapping[str, Path]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {
            "run": str(self.run),
            "measure": self.measure,
            "matrix": {learned: dict(row) for learned, row in self.matrix.items()},
            "few": [vars(one) for one in self.few],
            "models": {learned: str(model) for learned, model in self.models.items()},
        }


def transfer(  # noqa: PLR0913 - each but two has a default
    network: GraphNetwork,
    languages: Mapping[str, Splits],
    *,
    plan: Plan | None = None,
    settings: Mapping[str, Any] | None = None,
    few: Sequence[int] = (),
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Transfer:
    """Train on each language and on all together, and test each on every language.

    Frozen layers are computed once for all of it.

    Args:
        languages: the splits of each, by its name; all have the same task.
        plan, settings, input: of every training, as for `fit`.
        few: how many sentences of a language are known where few are: learned alone, and beside each other language.
        out: the run folder; None: a new one in `runs`.
        resume: go on with the run in `out`.

    Raises:
        RegraftError: the plan or the data do not fit the network.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    _require_several(languages)
    _require_many(languages, few)
    run = RunFolder.at(place_of(out, resume=resume, kind="languages"), resume=resume)
    train = partial(fit, network, plan=plan, settings=settings, input=input, progress=Progress(silent=True))
    progress = progress or Progress()
    for line in said_of_skipped([one for splits in languages.values() for one in splits.skipped]):
        progress.say(line)
    with run.working():
        found = _Study(languages, train, run, progress).carried_out(few, seed_of(settings))
        run.write_json(run.results.name, found.as_json())
        draw(run.path / "matrix.svg", found.matrix, found.measure)
    return found


def _require_several(languages: Mapping[str, Splits]) -> None:
    untested = [name for name, splits in languages.items() if not len(splits.test)]
    if len(languages) < 2 or ALL in languages:
        raise BadArgument(
            "languages are compared where there are several",
            expected=f"two or more, none of them called {ALL}",
            got=", ".join(languages) or "none",
        )
    if untested:
        raise BadData("a language has no test part", where=", ".join(untested))


def _require_many(languages: Mapping[str, Splits], few: Sequence[int]) -> None:
    for name, splits in languages.items():
        for count in few:
            if not _HELD <= count <= len(splits.train):
                raise BadArgument(
                    f"{count} sentences of {name} cannot be drawn",
                    expected=f"{_HELD} to {len(splits.train)}",
                    got=str(count),
                )


class _Study:
    """Trainings on parts of all sentences together, each tested on all languages."""

    def __init__(
        self, languages: Mapping[str, Splits], train: Callable[..., FitResult], run: RunFolder, progress: Progress
    ) -> None:
        self._languages, self._train, self._run, self._progress = languages, train, run, progress
        self._joined = Joined(languages.values())
        self._test = self._joined.part(*(splits.test for splits in languages.values()))

    def carried_out(self, few: Sequence[int], seed: int) -> Transfer:
        """All trainings in turn."""
        whole = {name: [splits] for name, splits in self._languages.items()} | {ALL: list(self._languages.values())}
        results = {name: self._on_whole(name, splits) for name, splits in whole.items()}
        return Transfer(
            run=self._run.path,
            measure=results[ALL].validation.measure,
            matrix={name: self._scores(result) for name, result in results.items()},
            few=tuple(one for count in few for name in self._languages for one in self._few(name, count, seed)),
            models={name: result.model for name, result in results.items()},
        )

    def _on_whole(self, name: str, splits: Sequence[Splits]) -> FitResult:
        """A training on all that is known of some languages."""
        train = self._joined.part(*(own.train for own in splits))
        return self._fitted(name, train, self._joined.part(*(own.validation for own in splits)))

    def _few(self, language: str, count: int, seed: int) -> list[Few]:
        """What so many sentences of a language give: alone, and beside those of each other language."""
        known, held = self._drawn(language, count, seed)
        found = list[Few]()
        for beside in ("", *(name for name in self._languages if name != language)):
            more = [self._joined.part(self._languages[beside].train)] if beside else []
            train = Part(examples=self._joined.examples, indices=np.concatenate([p.indices for p in (*more, known)]))
            result = self._fitted(f"{count} of {language}" + (f" beside {beside}" if beside else ""), train, held)
            score = self._scores(result)[language]
            found.append(Few(language=language, sentences=count, beside=beside, score=score))
        return found

    def _drawn(self, language: str, count: int, seed: int) -> tuple[Part, Part]:
        """So many sentences of a language's training part: to train on, and to choose by."""
        joined = self._joined.part(self._languages[language].train)
        drawn = np.random.default_rng(seed).permutation(joined.indices)[:count]
        held = count // _HELD
        known, chosen_by = (
            Part(examples=joined.examples, indices=np.sort(own)) for own in (drawn[held:], drawn[:held])
        )
        return known, chosen_by

    def _fitted(self, name: str, train: Part, validation: Part) -> FitResult:
        self._progress.say(f"training on {name}")
        splits = Splits(train=train, validation=validation, test=self._test, classes=self._joined.examples.classes)
        place = self._run.path / name.replace(" ", "-")
        return self._train(splits, out=place, resume=place.exists())

    def _scores(self, result: FitResult) -> dict[str, float]:
        """The score of each language's test part."""
        scores, start = dict[str, float](), 0
        for name, splits in self._languages.items():
            part = self._joined.part(splits.test)
            end = start + len(part.truth)
            scores[name], start = reported(result.answers[start:end], part).score, end
        return scores
