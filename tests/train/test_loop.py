from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killing import killed
from train.toy import Points, Toy, go_slowly, make_toy

from regraft.errors import BadArgument, Diverged, UnreadableFile
from regraft.run import RunFolder
from regraft.train import checkpoint
from regraft.train.learner import Batch, Learner, Step, fingerprint
from regraft.train.loop import Measured, Trained, train
from regraft.train.settings import Settings

SETTINGS = Settings(epochs=6, batch=10, seed=5, lr=0.05, ema=0.9, clip_norm=1.0)


def go(toy: Toy, settings: Settings = SETTINGS, run: RunFolder | None = None, **how: Any) -> Trained:
    return train(toy.learner, toy.rows, settings, validate=toy.validate, run=run, **how)


class Stopping(Points):
    """Points that do something at one batch."""

    def __init__(self, points: Points, at: int, act: object) -> None:
        super().__init__(x=points.x, y=points.y)
        self._at, self._act = at, act

    def take(self, rows: np.ndarray) -> Batch:
        if self.taken == self._at:
            self._act()
        return super().take(rows)


def final_weights() -> dict[str, torch.Tensor]:
    toy = make_toy()
    go(toy)
    return {name: weight.detach().clone() for name, weight in toy.learner.weights.items()}


def assert_same(toy: Toy, weights: dict[str, torch.Tensor]) -> None:
    assert {n for n, w in toy.learner.weights.items() if not torch.equal(w, weights[n])} == set()


def test_learns_and_ends_with_the_best_epoch() -> None:
    toy = make_toy()
    before = toy.validate()
    ended = go(toy)
    assert toy.validate().metrics == ended.metrics
    assert ended.metrics["accuracy"] > before.metrics["accuracy"]
    assert (ended.epochs, ended.stopped) == (6, "epochs")
    assert 1 <= ended.best_epoch <= 6


def test_same_seed_same_weights_whatever_was_drawn_before() -> None:
    weights = final_weights()
    torch.rand(3)
    toy = make_toy()
    go(toy)
    assert_same(toy, weights)
    other = make_toy()
    go(other, Settings(epochs=6, batch=10, seed=6, lr=0.05, ema=0.9, clip_norm=1.0))
    assert not torch.equal(other.learner.weights["head/kernel"], weights["head/kernel"])


def test_the_callers_random_state_is_left_alone() -> None:
    state = torch.get_rng_state()
    go(make_toy())
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_that_only_shrink_end_at_0() -> None:
    toy = make_toy()
    toy.rows.y.zero_()
    weight = toy.learner.weights["head/kernel"]
    with torch.no_grad():
        weight.fill_(1e-36)
    points = Points(x=torch.zeros_like(toy.rows.x), y=toy.rows.y)
    train(toy.learner, points, Settings(epochs=2, batch=10, lr=0.5, optimizer="sgd", l2=1.0))
    assert weight.detach().view(torch.int32).unique().tolist() == [0]


def test_frozen_weights_never_change(tmp_path: Path) -> None:
    toy = make_toy()
    before = fingerprint(toy.learner.frozen)
    assert list(toy.learner.frozen) == ["trunk/kernel"]
    go(toy, run=RunFolder.create(tmp_path / "run"))
    assert fingerprint(toy.learner.frozen) == before
    longer = Settings(epochs=8, batch=10, seed=5, lr=0.05, ema=0.9, clip_norm=1.0)
    go(toy, longer, RunFolder(tmp_path / "run"), resume=True)
    assert fingerprint(toy.learner.frozen) == before


def test_ctrl_c_saves_and_resume_goes_on_from_that_step(tmp_path: Path) -> None:
    run, before = RunFolder.create(tmp_path / "run"), signal.getsignal(signal.SIGINT)
    toy = make_toy()
    toy.rows = Stopping(toy.rows, 24, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        go(toy, run=run)
    assert toy.rows.taken == 25
    assert signal.getsignal(signal.SIGINT) is before
    again = make_toy()
    go(again, run=run, resume=True)
    assert again.rows.taken == 6 * 7 - 25
    assert_same(again, final_weights())
    assert [line["epoch"] for line in run.read_lines("metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_resumes_at_once_and_can_be_prolonged(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    ended = go(make_toy(), run=run)
    again = make_toy()
    assert go(again, run=run, resume=True).metrics == ended.metrics
    assert again.rows.taken == 0
    assert_same(again, final_weights())
    assert go(again, replace(SETTINGS, epochs=7), run, resume=True).epochs == 7
    assert again.rows.taken == 7


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    """kill -9 at random moments, resume each time: the weights of an undisturbed training, bit for bit."""
    settings = replace(SETTINGS, epochs=150)
    run = RunFolder.create(tmp_path / "run")
    moments = random.Random(0)
    for _ in range(20):
        assert killed(go_slowly, run.path, settings, after=moments.uniform(0.02, 0.6))
    resumed, undisturbed = make_toy(), make_toy()
    go(resumed, settings, run, resume=True)
    go(undisturbed, settings)
    assert_same(resumed, undisturbed.learner.weights)
    assert [line["epoch"] for line in run.read_lines("metrics.jsonl")] == list(range(1, 151))


def test_a_checkpoint_of_another_training(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), run=run)
    with pytest.raises(BadArgument) as caught:
        go(make_toy(), replace(SETTINGS, lr=0.1), run, resume=True)
    assert str(caught.value) == (
        "the run's checkpoint is of another training: it cannot be resumed\n"
        "  where: lr\n"
        "  expected: 0.05\n"
        "  got: 0.1\n"
        "  to do: give the same settings, or start anew in another folder"
    )


def test_a_schedule_may_change_from_its_next_beginning_on(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    cycles = replace(SETTINGS, schedule="one-cycle", restarts=(2,), epochs=4)
    go(make_toy(), cycles, run, until=2)
    for other in (replace(cycles, restarts=(1,)), replace(cycles, restarts=(3,)), replace(cycles, restarts=())):
        with pytest.raises(BadArgument, match="cannot be resumed\n  where: epochs\n  expected: 2\n"):
            go(make_toy(), other, run, resume=True)
    longer, once = replace(cycles, restarts=(2, 5), epochs=6), make_toy()
    resumed = make_toy()
    assert go(resumed, longer, run, resume=True).epochs == 6
    go(once, longer)
    assert_same(resumed, once.learner.weights)
    with pytest.raises(BadArgument, match="where: epochs\n  expected: 2, 5, 6\n  got: 2, 6\n"):
        go(make_toy(), replace(cycles, epochs=6), run, resume=True)


def test_a_checkpoint_over_another_trunk(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), run=run)
    toy = make_toy()
    toy.learner.weights["trunk/kernel"][0, 0] += 1
    with pytest.raises(BadArgument, match="cannot be resumed\n  where: frozen"):
        go(toy, run=run, resume=True)


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), run=run)
    path = run.checkpoints / "last.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)
    with pytest.raises(UnreadableFile) as caught:
        go(make_toy(), run=run, resume=True)
    assert str(caught.value) == (
        "the checkpoint is damaged\n"
        f"  where: {path}\n"
        "  got: its numbers are not the ones that were written\n"
        "  to do: start the training anew in another folder"
    )


def test_best_and_last_are_kept_and_no_other(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    ended = go(make_toy(), run=run)
    names = sorted(path.name for path in run.checkpoints.iterdir())
    best = f"{ended.best_epoch:05}.safetensors"
    assert names == [f"best-{best}", "last.safetensors", f"raw-{best}"]


def test_curves_are_written(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), run=run)
    lines = run.read_lines("metrics.jsonl")
    assert len(lines) == 6
    assert set(lines[0]) == {"epoch", "loss", "lr", "seconds", "validation_accuracy", "validation_loss"}
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert len(list(run.tensorboard.glob("events.out.tfevents.*"))) == 1


def test_early_stopping() -> None:
    scores = iter([0.5, 0.7, 0.6, 0.7, 0.6, 0.9])
    toy = make_toy()

    def validate() -> Measured:
        score = next(scores)
        return Measured(score=(score,), metrics={"accuracy": score})

    ended = train(toy.learner, toy.rows, Settings(epochs=6, patience=3), validate=validate)
    assert (ended.epochs, ended.best_epoch, ended.stopped) == (5, 2, "patience")
    assert ended.metrics == {"accuracy": 0.7}


def test_early_stopping_needs_validation() -> None:
    toy = make_toy()
    with pytest.raises(BadArgument) as caught:
        train(toy.learner, toy.rows, Settings(patience=3))
    assert str(caught.value) == "early stopping needs validation data\n  got: patience 3"


def test_a_learning_rate_for_each_step() -> None:
    weights = {"w": torch.zeros(1, requires_grad=True)}
    rates = iter([1.0, 0.5, 0.25])
    learner = Learner(
        weights=weights, trained=("w",), step=lambda batch: Step(loss=weights["w"].sum(), lr=torch.tensor(next(rates)))
    )
    points = Points(x=torch.zeros(3, 1), y=torch.zeros(3))
    train(learner, points, Settings(optimizer="sgd", epochs=1, batch=1))
    assert float(weights["w"].detach()) == -1.75


def test_a_rate_for_each_block_needs_blocks() -> None:
    with pytest.raises(BadArgument) as caught:
        go(make_toy(), Settings(layer_decay=0.7))
    assert str(caught.value) == (
        "a learning rate for each block needs a network of blocks\n"
        "  got: layer_decay 0.7, and weights that are of no block\n"
        "  to do: leave out layer_decay"
    )


def test_a_checkpoint_of_a_time_when_there_were_fewer_settings(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), run=run)
    stored = checkpoint.read(run.checkpoints)
    assert stored is not None
    settings = {name: value for name, value in stored.identity["settings"].items() if name != "layer_decay"}
    older = replace(stored, identity={**stored.identity, "settings": settings})
    checkpoint.write(run.checkpoints, older, new_best=False)
    assert go(make_toy(), replace(SETTINGS, epochs=7), run, resume=True).epochs == 7
    learner = replace(make_toy().learner, rates={"head/kernel": 0.5})
    with pytest.raises(BadArgument, match=r"where: layer_decay\n  expected: None\n  got: 0\.5"):
        train(learner, make_toy().rows, replace(SETTINGS, layer_decay=0.5), run=run, resume=True)


def test_divergence() -> None:
    toy = make_toy()
    with pytest.raises(Diverged) as caught:
        go(toy, Settings(optimizer="sgd", lr=1e38, epochs=2, batch=32))
    assert str(caught.value) == (
        "the training diverged: the loss is no finite number any more\n"
        "  where: step 2\n"
        "  got: lr 1e+38\n"
        "  to do: take a smaller learning rate, or clip the gradients: clip_norm"
    )


def test_no_gradient_reaches_a_weight() -> None:
    learner = Learner(
        weights={"w": torch.zeros(1, requires_grad=True)}, trained=("w",), step=lambda batch: Step(loss=batch[0].sum())
    )
    with pytest.raises(BadArgument) as caught:
        train(learner, Points(x=torch.zeros(3, 1), y=torch.zeros(3)), Settings())
    assert str(caught.value) == (
        "there is nothing to train: no gradient reaches any weight\n"
        "  got: 1 weights to train, the first is w\n"
        "  to do: stop gradients higher up, or put a new layer on top"
    )


def test_l2_and_a_cosine_schedule() -> None:
    weights = {"kernel": torch.ones(2, 1, requires_grad=True), "bias": torch.ones(1, requires_grad=True)}
    learner = Learner(
        weights=weights,
        trained=("kernel", "bias"),
        step=lambda batch: Step(loss=0 * (weights["kernel"].sum() + weights["bias"].sum())),
    )
    points = Points(x=torch.zeros(2, 1), y=torch.zeros(2))
    train(learner, points, Settings(optimizer="sgd", lr=0.5, l2=0.1, schedule="cosine", epochs=1, batch=1))
    expected = (1 - 0.5 * 0.1) * (1 - 0.25 * 0.1)
    assert torch.allclose(weights["kernel"].detach(), torch.full((2, 1), expected))
    assert float(weights["bias"].detach()) == 1


def test_a_stretched_schedule_cannot_be_resumed_with_other_epochs(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    go(make_toy(), replace(SETTINGS, schedule="cosine"), run)
    with pytest.raises(BadArgument, match="where: epochs\n  expected: 6\n  got: 7"):
        go(make_toy(), replace(SETTINGS, schedule="cosine", epochs=7), run, resume=True)


def test_the_last_epoch_can_be_kept() -> None:
    scores = iter([0.9, 0.1])
    toy = make_toy()

    def validate() -> Measured:
        score = next(scores)
        return Measured(score=(score,), metrics={"accuracy": score})

    ended = train(toy.learner, toy.rows, Settings(epochs=2, keep="last"), validate=validate)
    assert (ended.best_epoch, ended.metrics) == (2, {"accuracy": 0.1})


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
@pytest.mark.parametrize("optimizer", ["adamw", "momentum"])
def test_paused_and_gone_on_it_ends_as_if_never_paused(tmp_path: Path, schedule: str, optimizer: str) -> None:
    settings = replace(SETTINGS, schedule=schedule, optimizer=optimizer, look_first=True)
    undisturbed, run = make_toy(), RunFolder.create(tmp_path / "run")
    whole = go(undisturbed, settings, RunFolder.create(tmp_path / "whole"))
    toy = make_toy()
    for until in (1, 2, 5, 5):
        ended = train(toy.learner, toy.rows, settings, validate=toy.validate, run=run, resume=True, until=until)
        assert (ended.epochs, ended.stopped) == (until, "until")
        assert toy.validate().metrics == ended.metrics  # it holds the best weights so far
    ended = go(toy, settings, run, resume=True)
    assert_same(toy, dict(undisturbed.learner.weights))
    assert (ended.epochs, ended.stopped, ended.best_epoch) == (6, "epochs", whole.best_epoch)
    assert ended.powers == whole.powers
    assert all(torch.equal(ended.slots[n][s], t) for n, own in whole.slots.items() for s, t in own.items())
    lines, expected = (RunFolder(tmp_path / name).read_lines("metrics.jsonl") for name in ("run", "whole"))
    assert [line | {"seconds": 0} for line in lines] == [line | {"seconds": 0} for line in expected]
    assert toy.rows.taken == 6 * 7


def test_a_pause_outside_of_the_training() -> None:
    for until in (0, 7):
        with pytest.raises(BadArgument) as caught:
            train(make_toy().learner, make_toy().rows, SETTINGS, until=until)
        assert str(caught.value) == (
            f"a training cannot pause there\n  expected: an epoch from 1 to 6\n  got: until {until}"
        )


def test_what_hurts_is_rolled_back_to_where_it_began(tmp_path: Path) -> None:
    toy, run = make_toy(), RunFolder.create(tmp_path / "run")
    go(toy)
    good = {name: weight.detach().clone() for name, weight in toy.learner.weights.items()}
    before = toy.validate()
    ended = go(toy, Settings(optimizer="sgd", lr=30, epochs=3, batch=10, look_first=True, ema=0.5), run)
    assert (ended.epochs, ended.best_epoch, ended.metrics) == (3, 0, before.metrics)
    assert_same(toy, good)
    first, second, *_ = run.read_lines("metrics.jsonl")
    assert set(first) == {"epoch", "seconds", "validation_accuracy", "validation_loss"}
    assert (first["epoch"], first["validation_loss"], second["epoch"]) == (0, before.metrics["loss"], 1)
    assert [path.name for path in run.checkpoints.glob("best-*")] == ["best-00000.safetensors"]


def test_a_first_look_counts_for_patience_and_is_not_taken_twice(tmp_path: Path) -> None:
    scores = iter([0.9, 0.5, 0.6, 0.7])
    toy, run = make_toy(), RunFolder.create(tmp_path / "run")

    def validate() -> Measured:
        score = next(scores)
        return Measured(score=(score,), metrics={"accuracy": score})

    settings = Settings(epochs=9, patience=3, look_first=True)
    train(toy.learner, toy.rows, settings, validate=validate, run=run, until=1)
    ended = train(toy.learner, toy.rows, settings, validate=validate, run=run, resume=True)
    assert (ended.epochs, ended.best_epoch, ended.stopped) == (3, 0, "patience")
    assert [line["epoch"] for line in run.read_lines("metrics.jsonl")] == [0, 1, 2, 3]


def test_a_training_killed_before_its_first_checkpoint_looks_again(tmp_path: Path) -> None:
    run, toy = RunFolder.create(tmp_path / "run"), make_toy()
    settings = replace(SETTINGS, look_first=True)
    run.append_line("metrics.jsonl", {"epoch": 0, "validation_accuracy": 0.0})
    go(toy, settings, run, resume=True)
    assert [line["epoch"] for line in run.read_lines("metrics.jsonl")] == [0, 1, 2, 3, 4, 5, 6]


def test_a_first_look_needs_something_to_look_at() -> None:
    with pytest.raises(BadArgument) as caught:
        train(make_toy().learner, make_toy().rows, Settings(look_first=True))
    assert str(caught.value) == "a first look needs validation data\n  got: look_first"
