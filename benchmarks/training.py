"""What two ways to compute a training step save: channels last in memory, batch norms taken into convolutions.

python -m benchmarks training
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
from regraft.network import GraphNetwork, InputSpec, Plan
from regraft.network.fx import build
from regraft.network.modes import specialise
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


class Apart(Head):
    """The same, its batch norms computed by themselves."""

    def __init__(self, network: GraphNetwork, inputs: tuple[str, ...], logits: str, device: torch.device) -> None:
        super().__init__(network, inputs, logits, device)
        nodes = specialise(network.graph, [logits], inputs, training=True)
        self._training = build(nodes, network.weights, inputs, [logits])


KINDS = {"as regraft trains": Head, "channels as they come": AsTheyCome, "batch norms by themselves": Apart}


def main() -> None:
    """Train all by turns and write the section."""
    if not at_hand():
        return
    photos = splits_of(folds(0, 200)[0]).train
    photos = Part(examples=photos.examples, indices=photos.indices[: STEPS * BATCH])
    seconds: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(1 + ROUNDS):  # the first is warming up
        for name, kind in KINDS.items():
            seconds[name].append(trained(kind, photos))
    taken = {name: found[1:] for name, found in seconds.items()}
    ours = taken[next(iter(KINDS))]
    rows = [f"| {name} | {spread(found)} | {ratios(found, ours)} |" for name, found in taken.items()]
    text = f"""
All of MobileNetV2 trained on {STEPS} batches of {BATCH} photos at {PIXELS} px with its stored statistics, {ROUNDS}
rounds by turns, the photos' preparation counted in.

| | seconds, median (least to most) | times as long as regraft |
|---|---|---|
"""
    write_section("Training: a step's convolutions", "python -m benchmarks training", text + "\n".join(rows))


def trained(kind: type[Head], photos: Part) -> float:
    """The seconds of one epoch."""
    source = network(PIXELS)
    spec: InputSpec = next(iter(source.inputs.values()))
    grafted = graft(source, Plan(freeze=None, freeze_statistics=True), classes=len(photos.examples.classes))
    head = kind(own_copy(grafted.network), (spec.name,), grafted.logits, torch.device("cpu"))
    settings = Settings(epochs=1, batch=BATCH, keep="last")
    return train(head.learner(), InputRows(photos, spec), settings).seconds


if __name__ == "__main__":
    main()
