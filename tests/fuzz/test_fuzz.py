"""Some damaged files of each kind in every run; `make fuzz` tries many more. See docs/fuzz.md."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from fuzz.fuzzing import Kind, fuzz, keep
from fuzz.kinds import GOLDEN, KINDS, inside
from fuzz.mutations import mutate

from regraft.errors import UnreadableFile
from regraft.formats.tf1 import protos

CASES = 300
SEED = 1


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.name, marks=pytest.mark.slow if kind.slow else ()) for kind in KINDS],
)
def test_damaged_files_are_read_or_refused(kind: Kind, tmp_path: Path) -> None:
    outcome = fuzz(kind, CASES, SEED, tmp_path)
    assert [what for what, _ in outcome.failures] == []
    assert outcome.cases == CASES


def test_damages_are_many_and_can_be_made_again() -> None:
    data = random.Random(0).randbytes(200)
    made = [mutate(data, random.Random(seed)) for seed in range(500)]
    assert made == [mutate(data, random.Random(seed)) for seed in range(500)]
    assert len(set(made)) > 400
    assert max(map(len, made)) < 2000
    assert mutate(b"", random.Random(0)) is not None


def test_damage_inside_a_message_leaves_a_message() -> None:
    data = (GOLDEN / "graph/frozen.pb").read_bytes()
    damage = inside("GraphDef")
    made = [damage(data, random.Random(seed)) for seed in range(50)]
    assert made == [damage(data, random.Random(seed)) for seed in range(50)]
    assert sum(protos.parse("GraphDef", one, "") != protos.parse("GraphDef", data, "") for one in made) > 40


def test_what_counts_as_a_failure(tmp_path: Path) -> None:
    contents = iter([b"well", b"refused", b"asking", b"hungry", b"broken", b"slow"])

    def make(folder: Path) -> Path:
        (folder / "x").write_bytes(b"well")
        return folder / "x"

    def read(path: Path) -> int | None:
        data = path.read_bytes()
        if data == b"refused":
            raise UnreadableFile("x")
        if data in (b"hungry", b"asking"):
            bytearray(9 << 20)
        while data == b"slow":
            pass
        return {b"well": None, b"hungry": 0, b"asking": 3 << 20}[data]

    kind = Kind(name="any kind", make=make, read=read, damage=lambda data, random: next(contents))
    outcome = fuzz(kind, 6, SEED, tmp_path, seconds=0.1)
    assert outcome.results == {"read": 2, "UnreadableFile": 1}
    assert outcome.cases == 6
    assert outcome.failures[1:] == [("KeyError: b'broken'", b"broken"), ("TooSlow: more than 0.1 s", b"slow")]
    assert re.fullmatch(r"94\d{5} bytes allocated for a file of 6", outcome.failures[0][0])
    paths = keep(outcome, tmp_path / "kept")
    assert [path.read_bytes() for path in paths] == [b"hungry", b"broken", b"slow"]
    assert {path.parent for path in paths} == {tmp_path / "kept/any_kind"}
