"""Many processes at one zoo, and processes that are killed: nothing is lost, nothing is half there."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from killing import started
from zoo.killed import busy
from zoo.nets import net, rows

import regraft
from regraft.errors import MissingFile
from regraft.run import Progress
from regraft.run.atomic import write_bytes
from regraft.zoo import Zoo
from regraft.zoo.tensors import FOLDER, remove_files

SECONDS = float(os.environ.get("REGRAFT_ZOO_SECONDS", "20"))  # that the processes are busy


def said(log: Path) -> tuple[set[str], set[str]]:
    """The models a process says are there, and the one it was removing when it was killed."""
    there, unsure = set[str](), set[str]()
    for line in log.read_text().splitlines() if log.exists() else ():
        name = line[1:]
        if line[0] == "+":
            there.add(name)
        elif line[0] == "?":
            there.remove(name)
            unsure.add(name)
        elif line[0] == "-":
            unsure.remove(name)
    return there, unsure


@pytest.mark.slow
def test_eight_processes_at_once_lose_nothing(zoo: Zoo, tmp_path: Path) -> None:
    logs = [tmp_path / f"log{number}" for number in range(8)]
    children = [started(busy, zoo.path, log, 10_000 * number, SECONDS) for number, log in enumerate(logs)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 8
    there = set[str]().union(*(said(log)[0] for log in logs))
    assert {card.name for card in zoo.list()} == there
    assert len(there) > 16
    ranked = {line[1:] for log in logs for line in log.read_text().splitlines() if line[0] == "="} & there
    assert ranked
    for name in sorted(ranked)[:10]:  # what was found out of them is not lost either
        again = regraft.rank(rows(), zoo=zoo.path, pattern=name, finals=False, progress=Progress(silent=True))
        assert again.blocks == 0
    assert zoo.verify().problems == ()
    zoo.gc()
    assert zoo.verify().problems == ()


def test_gc_meets_files_that_another_is_writing(zoo: Zoo) -> None:
    zoo.add(net(), "one")
    (file,) = (zoo.path / FOLDER).glob("*/*")
    data, ended = file.read_bytes(), Event()

    def write() -> None:
        while not ended.is_set():
            write_bytes(file, data)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            for _ in range(500):
                remove_files(zoo.path, {bytes.fromhex(file.parent.name + file.name)})
        finally:
            ended.set()
        writer.result()
    assert zoo.verify().problems == ()


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_zoo(zoo: Zoo, tmp_path: Path) -> None:
    sure = set[str]()
    for round in range(200):
        log = tmp_path / f"log{round}"
        child = started(busy, zoo.path, log, 1000 * round)
        while round % 2 and not said(log)[0]:  # every second one is killed after its first model
            time.sleep(0.005)
        time.sleep(random.uniform(0.0, 0.1))
        child.kill()
        child.join()
        there, unsure = said(log)
        sure |= there
        found = names(zoo)
        assert sure <= found
        assert len(found - sure) <= 1 + len(unsure)  # what was added or removed, and not yet said
        sure = found
        if round % 20 == 19:
            assert zoo.verify().problems == ()
            for name in sure:
                assert zoo.open(name).graph == net().graph
            for name in sorted(sure)[10:]:
                zoo.remove(name)
            sure = set(sorted(sure)[:10])
    zoo.gc()
    assert zoo.verify().problems == ()


def names(zoo: Zoo) -> set[str]:
    try:
        return {card.name for card in zoo.list()}
    except MissingFile:  # the first one was killed before there was a zoo
        return set()
