"""What processes do to a zoo at the same time, and until they are killed."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from pathlib import Path

from zoo.nets import net, rows

import regraft
from regraft.errors import BadArgument, BadData, MissingFile, UnknownName
from regraft.run import Progress
from regraft.zoo import Zoo

_TURNS = 10  # that a process has at least, however busy the machine is


def busy(folder: Path, log: Path, first: int, seconds: float = 60.0) -> None:
    """Add models, look at all of them, rank some, and remove some again.

    Args:
        log: gets a line for each model that is there ("+NAME"), that will be removed ("?NAME") and that is ("-NAME"),
            and for each that is ranked ("=NAME").
        first: the number of the first model.
    """
    zoo, end, last = Zoo(folder), time.monotonic() + seconds, first + _TURNS
    mine: list[str] = []
    with open(log, "ab", buffering=0) as file:
        while time.monotonic() < end or first < last:
            first += 1
            name = f"model-{first}"
            zoo.add(net(trunk=first if first % 2 else first % 40, head=first), name)  # every second trunk is shared
            os.write(file.fileno(), f"+{name}\n".encode())
            mine.append(name)
            assert zoo.open(name).graph == net().graph
            _look(zoo, name)
            if random.random() < 0.25:
                _rank(zoo, name)
                os.write(file.fileno(), f"={name}\n".encode())
            if random.random() < 0.5:
                name = mine.pop(random.randrange(len(mine)))
                os.write(file.fileno(), f"?{name}\n".encode())
                zoo.remove(name)
                os.write(file.fileno(), f"-{name}\n".encode())


def _look(zoo: Zoo, own: str) -> None:
    cards = zoo.list("model-*")
    assert own in {card.name for card in cards}
    with suppress(UnknownName, MissingFile):  # another process has removed it
        zoo.open(random.choice(cards).name)
    if random.random() < 0.1:
        zoo.gc()
    if random.random() < 0.05:
        assert zoo.verify().problems == ()


def _rank(zoo: Zoo, own: str) -> None:
    how = {"zoo": zoo.path, "finals": False, "progress": Progress(silent=True)}
    (model,) = regraft.rank(rows(), pattern=own, **how).models
    assert model.card.name == own
    if random.random() < 0.2:
        with suppress(BadArgument, BadData):  # other processes have removed all of them
            regraft.rank(rows(), pattern=f"*{random.randrange(10)}", **how)
