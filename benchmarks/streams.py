"""Whether memory stays the same however long a file of texts is: for pretraining, prediction and reading.

    python -m benchmarks streams

Each size is measured in a process of its own.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import regraft
from benchmarks.comparing import peak_memory
from benchmarks.encoder import encoder_beside
from benchmarks.few_labels import write_table
from benchmarks.results import write_section
from benchmarks.rivals.photos import ROOT, SHARED
from benchmarks.zero_shot import labelled_lines
from regraft.network import New

SENTENCES = SHARED / "data/sentences/stsa.binary.train"
LAYERS = (
    New(kind="embedding", width=8),
    New(kind="conv", width=16, activation="relu"),
    New(kind="global_max_pool"),
)
INPUT = "length=64"  # how many bytes of a text are read
TOGETHER = 10  # sentences a line
LABELLED = 500  # sentences that a model is fitted on


def main() -> None:
    """Measure all sizes and write the section."""
    encoder = encoder_beside(SENTENCES)
    if encoder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "encoder").symlink_to(encoder)
        write_table(folder / "few.csv", [(str(label), text) for label, text in labelled_lines(SENTENCES)[:LABELLED]])
        prepare_models(folder)
        rows = [_row(name, sizes, folder) for name, sizes in SIZES]
    write_section("Texts: memory of long files", "python -m benchmarks streams", HEAD + "\n".join(rows))


HEAD = f"""
The most memory that a process took for a short file and for a long one: {TOGETHER} sentences of SST-2 a line, all lines
numbered. So that the long one takes minutes, the network on bytes is small and reads the beginnings of lines: it has an
embedding of {LAYERS[0].width}, a convolution of {LAYERS[1].width} filters and the maximum, and reads 64 bytes. MiniLM
is whole, and reads every line to its end, in windows; its memory settles within the first megabytes, so it stands
twice. Pretraining is an epoch of corrupted texts, prediction is
`regraft predict --json`.

| what | text, MB | memory, MB | text, MB | memory, MB | more, MB |
|---|---|---|---|---|---|
"""


def _row(name: str, sizes: tuple[float, float], folder: Path) -> str:
    """A line of the table: a short file and a long one."""
    memory = [_in_its_own_process(name, _texts(folder, size), folder) for size in sizes]
    print(name, memory, file=sys.stderr)
    cells = [f"{cell:g} | {most:.0f}" for cell, most in zip(sizes, memory, strict=True)]
    return f"| {name} | {' | '.join(cells)} | {memory[1] - memory[0]:.0f} |"


def _texts(folder: Path, megabytes: float) -> Path:
    """A file of such a size, with ten sentences a line, no two lines equal."""
    path = folder / f"{megabytes:g}.txt"
    sentences = [text for _, text in labelled_lines(SENTENCES)]
    random.Random(0).shuffle(sentences)
    lines = [" ".join(sentences[start : start + TOGETHER]) for start in range(0, len(sentences), TOGETHER)]
    number, left = 0, megabytes * 1e6
    with path.open("w", encoding="utf-8") as file:
        while left > 0:
            written = "".join(f"{number + k} {line}\n" for k, line in enumerate(lines))[: int(left)]
            file.write(written)
            number, left = number + len(lines), left - len(written)
    return path


def _in_its_own_process(name: str, texts: Path, folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.streams", name, str(texts), str(folder)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def prepare_models(folder: Path) -> None:
    """A model on bytes and one of MiniLM, which tell good reviews from bad ones."""
    settings = {"epochs": 1, "device": "cpu"}
    short = _texts(folder, 0.1)
    made = regraft.pretrain(short, "corruption", layers=LAYERS, settings=settings, input=INPUT, out=folder / "made")
    regraft.fit(made.network, folder / "few.csv", settings=settings, out=folder / "bytes")
    regraft.fit(f"hf:{folder / 'encoder'}", folder / "few.csv", settings=settings, out=folder / "minilm")


def pretrained(texts: Path, folder: Path) -> None:
    """An epoch on all texts."""
    settings = {"epochs": 1, "batch": 1024, "device": "cpu"}
    out = folder / f"pretrained-{texts.stem}"
    regraft.pretrain(texts, "corruption", layers=LAYERS, settings=settings, input=INPUT, out=out)


def told_by(model: str) -> Callable[[Path, Path], None]:
    """What a model takes all texts for."""

    def predicted(texts: Path, folder: Path) -> None:
        from regraft.cli.app import run

        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            assert run(["predict", str(folder / model), str(texts), "--json", "--device", "cpu"]) == 0

    return predicted


def read(texts: Path, folder: Path) -> None:
    """All texts as a network on bytes reads them."""
    from regraft.data import open_unlabelled, prepare
    from regraft.network import InputSpec

    spec = InputSpec(name="texts", shape=(None, 256), dtype="int32", layout="bytes")
    examples = open_unlabelled([texts])
    for start in range(0, len(examples), 256):
        some = examples.between(start, start + 256)
        assert prepare(some, range(len(some)), spec).any()


WORK = {
    "pretraining on bytes": pretrained,
    "prediction by bytes": told_by("bytes"),
    "prediction by MiniLM": told_by("minilm"),
    "reading, as bytes": read,
}
SIZES = (
    ("pretraining on bytes", (10, 200)),
    ("prediction by bytes", (10, 200)),
    ("prediction by MiniLM", (0.5, 5)),
    ("prediction by MiniLM", (5, 15)),
    ("reading, as bytes", (10, 1000)),
)


if __name__ == "__main__":
    WORK[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    print(peak_memory())
