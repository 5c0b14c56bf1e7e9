"""How a zoo grows: what adding a model and listing with a filter take, against the number of models.

python -m benchmarks catalog
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.results import RESULTS, write_section
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref
from regraft.zoo import Facts, Zoo
from regraft.zoo.adding import inserted, prepared
from regraft.zoo.database import Database

MODELS, STEP, ADDED = 10_000, 500, 100
WIDTH = 160  # 100 KB, a file that all models share; the head of each is its own
CLASSES = [f"a class of pictures, number {number}" for number in range(100)]
IN_MEMORY = Path("/dev/shm")
FACTS = Facts(tags=("benchmark",), about={"classes": CLASSES})
PICTURE = RESULTS.parent / "catalog.svg"


def main() -> None:
    """Fill a zoo, draw what that took, and write the section."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        zoo = Zoo(Path(folder) / "zoo")
        rows = [_grown(zoo, start) for start in range(0, MODELS, STEP)]
        size = (zoo.path / "catalog.sqlite").stat().st_size
    _draw(rows)
    shown = "\n".join(
        f"| {models:,} | {1000 * added:.1f} | {1000 * listed:.0f} | {1000 * sifted:.0f} | {1000 * found:.0f} |"
        for models, added, listed, sifted, found in rows
        if models in (STEP, MODELS // 4, MODELS // 2, MODELS)
    )
    text = f"""
A small network with a head of its own and the names of 100 classes, added to a catalog that is filled up in between.
Medians of the processor time of {ADDED} additions, and of five times opening the catalog and listing a tenth of it
(`mobile*`), or all of at most 5 M parameters, or searching for the name of a class. The disk is left out: a file system
in memory has the zoo. The database of {MODELS:,} models has {size / 1e6:.0f} MB.

| models | adding one, ms | listing a tenth, ms | listing all, ms | searching, ms |
|---|---|---|---|---|
{shown}

![Milliseconds of adding and listing against models]({PICTURE.name})
"""
    write_section("Zoo: how the catalog grows", "python -m benchmarks catalog", text)


def _grown(zoo: Zoo, start: int) -> tuple[int, float, float, float, float]:
    """How many models there are after `STEP` more, and the seconds of adding one, of two lists and of searching."""
    timed = [_seconds(partial(_add, zoo, number)) for number in range(start, start + ADDED)]
    _fill(zoo, start + ADDED, start + STEP)
    looks = (lambda: Zoo(zoo.path).list("mobile*"), lambda: Zoo(zoo.path).list(max_params=5e6))
    looked = [median(_seconds(look) for _ in range(5)) for look in (*looks, lambda: Zoo(zoo.path).search("number 99"))]
    row = (start + STEP, median(timed), *looked)
    print(row, file=sys.stderr)
    return row


def _add(zoo: Zoo, number: int) -> None:
    zoo.add(_network(number), _name(number), FACTS)


def _fill(zoo: Zoo, start: int, end: int) -> None:
    """Put in many models at once, cards of their own on one network: nobody is timed by it."""
    made = prepared(_network(start), _name(start), FACTS)
    with Database(zoo.path).writing() as connection:
        for number in range(start, end):
            inserted(connection, replace(made, card=replace(made.card, name=_name(number))))


def _name(number: int) -> str:
    return f"{'mobile' if number % 10 == 0 else 'other'}-{number}"


def _seconds(work: Callable[[], object]) -> float:
    """The processor time of some work."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _network(number: int) -> GraphNetwork:
    random = np.random.default_rng(number)
    return GraphNetwork(
        Graph(
            nodes=(Node(name="x:0", function="input"), *_dense("trunk", "x:0"), *_dense("head", "trunk/MatMul:0")),
            inputs=(InputSpec(name="x:0", shape=(None, WIDTH), layout="flat"),),
            outputs=("head/MatMul:0",),
        ),
        {
            "trunk/kernel": np.ones((WIDTH, WIDTH), np.float32),
            "head/kernel": random.normal(size=(WIDTH, 10)).astype(np.float32),
        },
        format="benchmark",
    )


def _dense(name: str, below: str) -> list[Node]:
    return [
        Node(name=f"{name}/kernel:0", function="parameter", args=(f"{name}/kernel",), kwargs={"trainable": True}),
        Node(name=f"{name}/MatMul:0", function="mat_mul", args=(Ref(below), Ref(f"{name}/kernel:0"))),
    ]


def _draw(rows: list[tuple[int, float, float, float, float]]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "regraft"  # else names in the file are random
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    models, *measured = (np.array(column) for column in zip(*rows, strict=True))
    for axes, what, seconds in zip(
        figure.subplots(1, 2), ("adding a model", "listing a tenth"), measured, strict=False
    ):
        axes.plot(models, 1000 * seconds, "o-", color="tab:blue", markersize=3, linewidth=1)
        axes.set(xlabel="models", ylabel=f"{what}, ms", xlim=(0, None), ylim=(0, None))
    figure.savefig(PICTURE, metadata={"Date": None})
