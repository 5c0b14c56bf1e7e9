"""How many layers to reuse? All cuts from one pass, the best of them thawed, one look at the test part at the end."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Part, Splits, open_splits
from regraft.formats import saved
from regraft.network import GraphNetwork
from regraft.network.plan import New, plan_to_data
from regraft.network.surgery import Graft
from regraft.report import write_card, write_report
from regraft.run import Progress, RunFolder, place_of
from regraft.run.atomic import read_json, write_json
from regraft.tasks import classify
from regraft.tasks.head import Head, own_copy
from regraft.tasks.record import data_record, require_same, source_record
from regraft.tasks.scores import reported
from regraft.tasks.truth import truth_of
from regraft.train.learner import Rows
from regraft.trials.baselines import SCRATCH, Baseline, fine_tuned, from_scratch, simple, untrained_trunk
from regraft.trials.budget import Budget
from regraft.trials.calibration import Calibration, calibrated
from regraft.trials.choosing import best_head, ties, top, winner
from regraft.trials.dense import DenseHead, dense_head
from regraft.trials.forecast import forecast, naive, overrun, raced, said
from regraft.trials.ground import Choices, Ground, ground_of
from regraft.trials.heads import train_heads
from regraft.trials.planning import Drafted, Entry, Planned, drafted, planned, rerouted
from regraft.trials.probe import Reading, probe
from regraft.trials.race import Track, race, with_tested_rate
from regraft.trials.recipe import BEST_CUTS, CROSSED, FULL, added_layers, linear
from regraft.trials.record import Found, Winner, about
from regraft.trials.schemes import Scheme
from regraft.trials.stored import Stored
from regraft.trials.threads import one_thread
from regraft.trials.trial import Trial
from regraft.trials.views import Effect, effect_of_crops, views_of

_BATCH = 32
_WARNED = "warning: "
_CLOSE = 0.01  # probabilities of a network run whole and of one run from an engine's features may differ by this


class Clock:
    """Seconds that each stage took, what they had taken before a stop among them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._kept: Path | None = None

    def keep(self, path: Path) -> None:
        """Go on from what a file says, if it is there, and write all that follows into it."""
        for stage, seconds in (read_json(path) if path.is_file() else {}).items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self._kept = path

    @contextmanager
    def __call__(self, stage: str) -> Generator[None]:
        """Count the block as a part of a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started
            if self._kept:
                write_json(self._kept, self.seconds)


def search(
    network: GraphNetwork,
    data: Splits | Path | str,
    *,
    choices: Choices | None = None,
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Found:
    """Find out how many layers of a network are worth reusing for labelled data, and give back the best model.

    Choices are made on the validation part, or by folds of training and validation part where that is small. The test
    part is looked at once, at the end, for the winner and what it is compared with; where it is empty, there is neither
    that comparison nor a report.

    Args:
        data: what `open_splits` gives, or takes.
        choices: what is tried, and what it may cost; None: what is usual.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are prepared, as `--input` says it; None: as the file says, or guessed.
        resume: go on with the run in `out`.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: the network or the data cannot be searched, or a scheme does not fit.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    progress, choices, clock = progress or Progress(), choices or Choices(), Clock()
    place = place_of(out, resume=resume, kind="search")
    with clock("planning"):
        splits = data if isinstance(data, Splits) else open_splits(data, seed=choices.seed, progress=progress)
        ground = ground_of(network, splits, input, choices, progress)
        draft = drafted(ground, choices.schemes)
    run = RunFolder.at(place, resume=resume)
    record = require_same(run, _record(ground, network, choices))
    before = run.read_json(run.settings.name) if run.settings.exists() else {}
    # Passes buy the same again and again; minutes are worth what they are worth now.
    anew = choices.budget.passes is None
    with run.working():
        clock.keep(run.seconds)
        with clock("planning"):
            measured = calibrated(ground, draft.tensors(ground), before.get("calibration"), anew=anew)
        passes = before.get("passes") or _passes(ground, draft, measured, choices.budget, clock.seconds["planning"])
        plan = planned(ground, draft, measured, passes)
        run.write_json(run.settings.name, {**record, "passes": passes, "calibration": measured.as_json()})
        expected = forecast(plan)
        late = overrun(clock.seconds["planning"] + sum(expected.values()), choices.budget.minutes)
        for line in [*said(plan, expected, measured.engine.name, len(ground.levels)), *late]:
            progress.say(line)
        found = _Search(ground, plan, measured, run, clock, progress).carried_out(expected, choices.budget.minutes)
        saved.write(found.network, run.model, about(found, record))
        run.write_json(run.results.name, found.as_json())
        if found.winner.test:
            write_report(run, ground.splits.test.examples)
            write_card(run)
    return found


def _record(ground: Ground, network: GraphNetwork, choices: Choices) -> dict[str, Any]:
    """What the run is about: to go on with it, all of this must be the same, but for the device."""
    return {
        "source": source_record(network),
        "plan": "recipe" if choices.schemes is None else [scheme.as_json() for scheme in choices.schemes],
        "augmentation": asdict(choices.augmentation),
        "input": ground.spec.record(),
        "classes": list(ground.splits.classes),
        "data": data_record(ground.splits),
        "seed": ground.seed,
        "device": str(ground.device),
    }


def _passes(ground: Ground, draft: Drafted, measured: Calibration, budget: Budget, spent: float) -> float:
    """The budget in passes: of given schemes with nothing to be compared with, the plan tells what they take."""
    bare = planned(ground, draft, measured, 0.0)
    return budget.in_passes(bare.one_pass, sum(forecast(bare).values()) if draft.given else None, spent)


class _Search:
    """A search under way."""

    def __init__(
        self, ground: Ground, plan: Planned, measured: Calibration, run: RunFolder, clock: Clock, progress: Progress
    ) -> None:
        self._ground = ground
        self._plan = plan
        self._measured = measured
        self._run = run
        self._progress = progress
        self._clock = clock
        self._truth = truth_of([ground.splits.validation])

    def carried_out(self, expected: Mapping[str, float], minutes: float | None) -> Found:
        """All stages in turn, which were expected to take so many seconds."""
        with self._clock("probe"):
            stored = self._extracted()
            readings = self._probed(stored)
            stored, effect = self._augmented(readings, stored)
        with self._clock("heads"), one_thread():
            trials = self._heads(readings, stored)
        with self._clock("thaw"):
            own = self._plan.drafted.given  # schemes say themselves how long they are trained
            trials += self._thawed(readings, trials, stored, expected if minutes and not own else None)
        trials = [replace(trial, number=number) for number, trial in enumerate(trials, 1)]
        best = winner(readings, trials, self._truth, self._plan.drafted.rule)
        with self._clock("baselines"):
            slowness = self._slowness(trials) if minutes else 1.0
            baselines, untrained = self._baselines(readings, trials, stored, slowness)
        with self._clock("test"):
            won = self._judged(best, trials, stored)
        return Found(
            run=self._run.path,
            model=self._run.model,
            winner=won,
            readings=readings,
            trials=tuple(trials),
            baselines=tuple(baselines),
            untrained=untrained,
            plan=self._plan,
            calibration=self._measured,
            forecast=expected,
            seconds=self._clock.seconds,
            naive=self._naive(trials),
            minutes=minutes,
            augmentation=effect or effect_of_crops(trials),
            warnings=tuple(line.removeprefix(_WARNED) for line in self._progress.said if line.startswith(_WARNED)),
            ground=self._ground,
        )

    def _extracted(self) -> Stored:
        ground, wanted = self._ground, self._plan.drafted.tensors(self._ground)
        return ground.stored(ground.surveyed, wanted, ground.splits, self._measured.engine, self._progress)

    def _augmented(self, readings: Sequence[Reading], stored: Stored) -> tuple[Stored, Effect | None]:
        """The features with those of further views of the training part, where some are asked for."""
        ground = self._ground
        if ground.augmentation.kind == "off":
            return stored, None
        wanted = self._plan.drafted.tensors(ground)
        viewed = views_of(ground, wanted, stored, readings[top(readings)], self._measured.engine, self._progress)
        self._ground = replace(ground, augmentation=viewed.augmentation)
        return viewed.stored, viewed.effect

    def _probed(self, stored: Stored) -> tuple[Reading, ...]:
        classes = len(self._ground.splits.classes)
        return probe(self._ground.levels, stored, self._ground.folds, classes, self._progress)

    def _heads(self, readings: Sequence[Reading], stored: Stored) -> list[Trial]:
        """The linear heads of all cuts, and hidden layers on the best; or the dense heads that are given."""
        if self._plan.drafted.given:
            return train_heads(self._plan.drafted.heads, stored, self._ground.crossing)
        best = sorted(readings, key=lambda reading: reading.score, reverse=True)[:BEST_CUTS]
        rule, rows = self._plan.drafted.rule, len(self._ground.splits.train.truth)
        schemes = added_layers(rule, [reading.level for reading in best], rows)
        heads = [self._dense(number, scheme) for number, scheme in enumerate(schemes, 1)]
        return [*map(self._linear, readings), *train_heads(heads, stored, self._ground.crossing, CROSSED)]

    def _dense(self, number: int, scheme: Scheme) -> DenseHead:
        ground = self._ground
        grafted = ground.graft(scheme.plan)
        settings = ground.settings(grafted, scheme.settings)
        head = dense_head(number, scheme, ground.level_of(grafted.at), grafted, settings)
        assert head is not None
        return head

    def _linear(self, reading: Reading) -> Trial:
        """The solved head of a cut as a trial."""
        scheme = linear(reading.level, reading.penalty)
        grafted = self._ground.graft(scheme.plan)
        settings = self._ground.settings(grafted, scheme.settings)
        return Trial(
            number=0,
            scheme=scheme,
            stage="probe",
            level=reading.level,
            inputs=(reading.level.vector,),
            logits=reading.validation,
            values=_head_values(grafted, reading),
            settings=settings.as_json(),
            epochs=0,
            seconds=0.0,
            crossed=reading.hits if self._ground.crossing else None,
        )

    def _thawed(
        self,
        readings: Sequence[Reading],
        trials: Sequence[Trial],
        stored: Stored,
        expected: Mapping[str, float] | None,
    ) -> list[Trial]:
        """The race; that of the recipe is run below the best cut, and starts with the best head on it.

        Args:
            expected: seconds of each stage, by which the race has to be over; None: it need not.
        """
        values: Mapping[str, np.ndarray] = {}
        if not self._plan.drafted.given:
            place = top(readings)
            linear, *hidden = (trial for trial in trials if trial.level == readings[place].level)
            head = best_head(linear, hidden, self._truth)
            self._plan, values = rerouted(self._ground, self._plan, place, head.scheme.plan.new), head.values
            self._progress.say(raced(self._plan, readings[place].level.cut))
        entries = [entry for entry in self._plan.entries if entry.stretches]
        starts = [entry.graft.network.assign(values or _solved(entry, readings)) for entry in entries]
        track = Track(ground=self._ground, stored=stored, folder=self._run.trials, progress=self._progress)
        started = time.monotonic()
        tested, testing = with_tested_rate(entries, starts, track), time.monotonic() - started
        return race(tested, starts, track, None if expected is None else self._due(expected) - testing)

    def _due(self, expected: Mapping[str, float]) -> float:
        """Seconds that thawing may take, so that it is over when it was to be."""
        return expected["thaw"] + sum(expected[stage] - self._clock.seconds[stage] for stage in ("probe", "heads"))

    def _slowness(self, trials: Sequence[Trial]) -> float:
        """How many times as long as planned the epochs of the race took."""
        planned = {entry.scheme.name: entry.epoch * self._plan.one_pass for entry in self._plan.entries}
        raced = [trial for trial in trials if trial.stage == "thaw" and trial.epochs]
        seconds = sum(trial.epochs * planned[trial.scheme.name] for trial in raced)
        return sum(trial.seconds for trial in raced) / seconds if raced else 1.0

    def _compared_epochs(self, slowness: float) -> dict[str, float]:
        """Epochs of the trainings the winner is compared with, by name: those that were settled before a stop."""
        kept = self._run.trials / "baselines.json"
        if not kept.is_file():
            epochs = self._plan.schedule.whole / self._plan.work.whole / slowness
            write_json(kept, {SCRATCH: epochs / self._measured.fresh, FULL: epochs})
        return read_json(kept)

    def _baselines(
        self, readings: Sequence[Reading], trials: Sequence[Trial], stored: Stored, slowness: float
    ) -> tuple[list[Baseline], Mapping[str, float]]:
        """What the winner is compared with; epochs take so many times as long as planned."""
        ground = self._ground
        if not len(ground.splits.test):
            return [], {}
        found, epochs = simple(ground.splits, stored, readings[-1]), self._compared_epochs(slowness)
        share = self._plan.schedule.untrained
        fresh, untrained_curve = untrained_trunk(ground, share, self._measured.engine, self._progress)
        scratch = from_scratch(ground, epochs[SCRATCH], self._run.trials, self._progress)
        return [*found, fresh, scratch, self._fine_tuned(trials, stored, epochs[FULL])], untrained_curve

    def _fine_tuned(self, trials: Sequence[Trial], stored: Stored, epochs: float) -> Baseline:
        """Full fine-tuning: the trial that did it, or a short one."""
        trial = next((trial for trial in trials if trial.scheme.name == FULL and trial.stands), None)
        if trial is None or self._plan.drafted.given:  # a scheme of that name may be anything
            return fine_tuned(self._ground, epochs, self._run.trials, self._progress)
        judge = self._judge(trial)[0]
        test = self._ground.splits.test
        report, _ = _looked(judge, self._ground.rows(test, trial.inputs, stored), test)
        note = f"{trial.epochs} epochs" + (f", {trial.state}" if trial.state != "done" else "")
        return Baseline(name=FULL, score=report.score, note=note)

    def _judge(self, trial: Trial) -> tuple[Head, Graft, GraphNetwork]:
        """What looks at examples for a trial, from its inputs; and its network."""
        ground = self._ground
        grafted = ground.graft(trial.scheme.plan)
        network = grafted.network.assign(trial.values)
        inputs = trial.inputs if trial.stage == "thaw" else grafted.features
        return Head(own_copy(network), inputs, grafted.logits, ground.device), grafted, network

    def _judged(self, best: Trial, trials: Sequence[Trial], stored: Stored) -> Winner:
        """The one look at the test part, from the stored features; some of it through the whole network as well."""
        ground, chosen_by, test = self._ground, self._ground.splits.validation, self._ground.splits.test
        judge, grafted, network = self._judge(best)
        part = test if len(test) else chosen_by
        validation, _ = _looked(judge, ground.rows(chosen_by, best.inputs, stored), chosen_by)
        last, probability = _looked(judge, ground.rows(part, best.inputs, stored), part)
        _require_whole(network, grafted.logits, ground, part, probability)
        return Winner(
            trial=best,
            network=network,
            plan=plan_to_data(grafted.plan),
            validation=validation,
            test=last if part is test else None,
            probability=probability if part is test else probability[:0],
            ties=ties(best, trials, self._truth),
        )

    def _naive(self, trials: Sequence[Trial]) -> float:
        ground, work = self._ground, self._plan.work
        backs = [
            (entry.settings.epochs, work.back(ground.flops_below(entry.graft.features), entry.level.flops))
            for entry in self._plan.entries
            if entry.stretches
        ]
        return naive(self._plan, self._measured, len(trials) - len(backs), backs)


def _looked(judge: Head, rows: Rows, part: Part) -> tuple[classify.Report, np.ndarray]:
    probability = classify.answers(judge.logits(rows, _BATCH)[0])
    report = reported(probability, part)
    assert isinstance(report, classify.Report)
    return report, probability


def _require_whole(network: GraphNetwork, logits: str, ground: Ground, part: Part, probability: np.ndarray) -> None:
    """Make sure that the network to be saved says what was measured, on the first examples of a part."""
    some = replace(part, indices=part.indices[:_BATCH])
    whole = Head(own_copy(network), (ground.spec.name,), logits, ground.device)
    _, found = _looked(whole, ground.inputs_of(some), some)
    difference = float(np.abs(found - probability[: len(found)]).max())
    if difference > _CLOSE:
        raise RuntimeError(f"the whole network and its stored features disagree by {difference:.1g} in a probability")


def _solved(entry: Entry, readings: Sequence[Reading]) -> dict[str, np.ndarray]:
    """The head that was solved for the cut of a scheme, where it has a linear one; else a fresh one stays."""
    layers = entry.graft.plan.new or (New(kind="dense"),)
    if layers != (New(kind="dense", name=layers[0].name),):
        return {}
    return _head_values(entry.graft, next(reading for reading in readings if reading.level == entry.level))


def _head_values(grafted: Graft, reading: Reading) -> dict[str, np.ndarray]:
    """The solved head under the names of the graft's one new layer."""
    kernel, bias = (row.parameter for row in grafted.rows if row.state == "new")
    return {kernel: reading.kernel, bias: reading.bias}
