"""Going on with a training as the source did: its loss, its optimizer and where that stood, its metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Part, Splits, open_splits
from regraft.errors import BadArgument
from regraft.formats import saved
from regraft.network import GraphNetwork, Training
from regraft.run import Progress, RunFolder, place_of
from regraft.tasks.inputs import needed, settled
from regraft.tasks.judging import class_names, computed
from regraft.tasks.record import array_record, data_record, require_same, source_record
from regraft.tasks.source_rows import Parts, fed_parts, label_inputs, labelled_parts, numbered
from regraft.tasks.source_training import SourceTraining, rate_of, require_training
from regraft.tasks.start import Start, drop_start
from regraft.tasks.summary import switches
from regraft.train.learner import device_of
from regraft.train.loop import Measured, Trained, train
from regraft.train.settings import Settings

# What may be said of a training that goes on as the source did.
_OPEN = ("epochs", "batch", "seed", "lr", "device")


@dataclass(frozen=True, kw_only=True, eq=False)
class GoneOn:
    """A source's own training, gone on with.

    `before`, `validation` and `test` are the source's loss and metrics by tensor name, and `accuracy` where labels
    tell it: on test before, and afterwards on both; nothing of an empty test part. `network` holds the new weights,
    optimizer slots and counters.
    """

    run: Path
    model: Path
    network: GraphNetwork = field(repr=False)
    settings: Settings
    trained: Trained
    before: Mapping[str, float]
    validation: Mapping[str, float]
    test: Mapping[str, float]
    device: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        count = len(self.network.parameters)
        before = self.before.get("accuracy")
        return {
            "run": str(self.run),
            "model": str(self.model),
            "matched": {"tensors": count, "of": count, "percent": 100.0},
            "validation": dict(self.validation),
            "test": dict(self.test),
            "baselines": {} if before is None else {"source as it was": before},
            "seconds": self.seconds,
            "epochs": self.trained.epochs,
            "device": self.device,
            "settings": self.settings.as_json(),
        }


def fit_like_source(
    network: GraphNetwork,
    data: Splits | Path | str | Mapping[str, np.ndarray],
    *,
    settings: Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> GoneOn:
    """Go on training a network as its source did.

    The weights of the last epoch are kept, and the optimizer's slots with them.

    Args:
        data: what `open_splits` gives, or takes, its classes numbered in their order; or an array for each input of
            the loss, by name.
        settings: epochs, batch, seed, device, and lr if it shall be another one than the source's.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are prepared, as `--input` says it.
        resume: go on with the run in `out`.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: the source does not say how it was trained, or the data do not fit its loss.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    start = time.monotonic()
    progress = progress or Progress()
    place = place_of(out, resume=resume)
    training = require_training(network)
    chosen, own_rate = _settings(network, training, settings or {})
    data = open_splits(data, seed=chosen.seed, progress=progress) if isinstance(data, str | Path) else data
    if isinstance(data, Splits):
        data = numbered(data, network, training)
        fed = _labelled(network, training, data, input, progress)
    else:
        fed = _arrays(network, training, data, chosen.seed)
    record = {**fed.record, "plan": "as the source", "source": source_record(network), "training": chosen.as_json()}
    source = SourceTraining(fed.network, training, fed.inputs, device_of(chosen.device), own_rate=own_rate)
    progress.say(_said(training, chosen, source, own_rate))
    for line in switches(network, [training.loss]):
        progress.say(line)
    run = RunFolder.at(place, resume=resume)
    record = require_same(run, record)
    with run.working():
        run.write_json(run.settings.name, record)
        Start(network=fed.network, classes=fed.record["classes"]).write(run)
        result = _gone_on(source, fed.parts, chosen, run, resume, progress)
        if isinstance(data, Splits):
            result = _with_accuracy(result, fed.network, data, progress)
        result = replace(result, seconds=time.monotonic() - start)
        saved.write(result.network, run.model, _about(result, fed.record["classes"], training))
        drop_start(run)
        run.write_json(run.results.name, result.as_json())
    return result


@dataclass(frozen=True, kw_only=True)
class _Fed:
    """Rows for the placeholders `inputs` of a network, and what the run keeps of where they come from."""

    network: GraphNetwork
    inputs: list[str]
    parts: Parts
    record: dict[str, Any]


def _labelled(network: GraphNetwork, training: Training, splits: Splits, input: str | None, progress: Progress) -> _Fed:
    """Labelled examples, brought to the network's input."""
    if splits.classes != tuple(map(str, range(len(splits.classes)))):
        progress.say(f"classes {', '.join(splits.classes)} are fed as 0 to {len(splits.classes) - 1}")
    name, _ = label_inputs(network, training)
    spec = settled(network, network.inputs[name], splits.train, input, progress)
    network, inputs = network.with_input(spec), needed(network, [training.loss, *training.metrics])
    return _Fed(
        network=network,
        inputs=inputs,
        parts=labelled_parts(splits, network, training, inputs),
        record={"classes": list(splits.classes), "input": spec.record(), "data": data_record(splits)},
    )


def _arrays(network: GraphNetwork, training: Training, given: Mapping[str, np.ndarray], seed: int) -> _Fed:
    """An array for each placeholder."""
    inputs = needed(network, [training.loss, *training.metrics])
    parts = fed_parts(given, network, inputs, seed)
    data = {name: array_record(np.asarray(array)) for name, array in given.items()}
    return _Fed(network=network, inputs=inputs, parts=parts, record={"classes": [], "input": None, "data": data})


def _gone_on(
    source: SourceTraining, parts: Parts, settings: Settings, run: RunFolder, resume: bool, progress: Progress
) -> GoneOn:
    before = source.measured(parts.test, settings.batch)

    def validate() -> Measured:
        return Measured(score=(), metrics=source.measured(parts.validation, settings.batch))

    learner = source.learner()
    trained = train(learner, parts.train, settings, validate=validate, run=run, resume=resume, progress=progress)
    return GoneOn(
        run=run.path,
        model=run.model,
        network=source.result(trained, trained.epochs * math.ceil(len(parts.train) / settings.batch)),
        settings=settings,
        trained=trained,
        before=before,
        validation=trained.metrics,
        test=source.measured(parts.test, settings.batch),
        device=str(source.device),
        seconds=0.0,
    )


def _with_accuracy(result: GoneOn, source: GraphNetwork, splits: Splits, progress: Progress) -> GoneOn:
    """The result with the share of right answers, where one output of the network has a number for each class."""
    try:
        width = len(class_names(source, None))
    except BadArgument:
        return result

    def accuracy(network: GraphNetwork, part: Part) -> dict[str, float]:
        if not len(part):
            return {}
        probability = computed(network, part, device=result.device, progress=progress)
        return {"accuracy": float((probability.argmax(axis=1) == part.labels).mean())}

    if width < len(splits.classes):
        return result
    return replace(
        result,
        before={**accuracy(source, splits.test), **result.before},
        validation={**accuracy(result.network, splits.validation), **result.validation},
        test={**accuracy(result.network, splits.test), **result.test},
    )


def _settings(network: GraphNetwork, training: Training, given: Mapping[str, Any]) -> tuple[Settings, bool]:
    """The source's settings, and whether its learning rate is taken at each step."""
    closed = [name for name in given if name not in _OPEN]
    if closed:
        raise BadArgument(
            f"going on as the source did leaves no choice of {', '.join(closed)}", expected=", ".join(_OPEN)
        )
    own = None if "lr" in given else rate_of(network, training)
    if own is None and "lr" not in given:
        raise BadArgument(
            f"the source was given its learning rate from outside, at {training.learning_rate}", fix="say it: --lr"
        )
    chosen = Settings.from_json(
        {
            "optimizer": training.optimizer,
            "hyper": dict(training.settings),
            "clip_value": training.clip,
            "lr": own,
            "keep": "last",
            **given,
        }
    )
    return chosen, own is not None


def _said(training: Training, settings: Settings, source: SourceTraining, own_rate: bool) -> str:
    rate = f"the source's lr, {settings.lr:g} now" if own_rate else f"lr {settings.lr:g}"
    clip = f", gradients clipped to {training.clip[0]:g}..{training.clip[1]:g}" if training.clip else ""
    return (
        f"going on as the source did on {source.device}: {training.loss} made smaller by {source.standing}, "
        f"{rate}{clip}, {settings.epochs} epochs"
    )


def _about(result: GoneOn, classes: Sequence[str], training: Training) -> dict[str, Any]:
    return {
        "task": "classify",
        "classes": list(classes),
        "source": {"format": result.network.format, "loss": training.loss},
        "metrics": {"validation": dict(result.validation), "test": dict(result.test)},
        "training": result.settings.as_json(),
    }
