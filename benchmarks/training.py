"""Training MobileNetV2 with the channels of its pictures last in memory, as `Head` has them, and as they come.

python -m benchmarks channels_last
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.comparing import ratios, spread
from benchmarks.results import write_section
from benchmarks.rivals.photos import at_hand, folds, splits_of
from benchmarks.search import network
from regraft.data import Part
from regraft.network import InputSpec, Plan
from regraft.network.surgery import graft
from regraft.tasks.head import Head, own_copy
from regraft.tasks.rows import InputRows
from regraft.train.loop import train
from regraft.train.settings import Settings

ROUNDS, STEPS, BATCH, PIXELS = 5, 5, 32, 224


class AsTheyCome(Head):
    """The same, its inputs left as they are."""

    def _fed(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(inputs)


def main() -> None:
    """Train both by turns and write the section."""
    if not at_hand():
        return
    photos = splits_of(folds(0, 200)[0]).train
    photos = Part(examples=photos.examples, indices=photos.indices[: STEPS * BATCH])
    seconds: dict[type[Head], list[float]] = {Head: [], AsTheyCome: []}
    for _ in range(1 + ROUNDS):  # the first is warming up
        for kind, taken in seconds.items():
            taken.append(trained(kind, photos))
    last, other = (taken[1:] for taken in seconds.values())
    text = f"""
All of MobileNetV2 trained on {STEPS} batches of {BATCH} photos at {PIXELS} px, {ROUNDS} rounds by turns, the photos'
preparation counted in.

| channels | seconds, median (least to most) | times as long |
|---|---|---|
| last in memory | {spread(last)} | |
| as they come | {spread(other)} | {ratios(other, last)} |
"""
    write_section("Training with channels last", "python -m benchmarks channels_last", text)


def trained(kind: type[Head], photos: Part) -> float:
    """The seconds of one epoch."""
    source = network(PIXELS)
    spec: InputSpec = next(iter(source.inputs.values()))
    grafted = graft(source, Plan(freeze=None), classes=len(photos.examples.classes))
    head = kind(own_copy(grafted.network), (spec.name,), grafted.logits, torch.device("cpu"))
    settings = Settings(epochs=1, batch=BATCH, keep="last")
    return train(head.learner(), InputRows(photos, spec), settings).seconds


if __name__ == "__main__":
    main()
