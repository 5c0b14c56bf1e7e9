"""What was found out about models for some data, remembered beside their cards."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeVar, get_type_hints

from regraft.zoo.adding import checksum

Finding = TypeVar("Finding", "Score", "Tuned")


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good a start a model is for some data, by its best cut.

    Attributes:
        accuracy, low, high: of a linear head on the cut, with the interval of 95 %, on examples it did not learn from.
        knn: accuracy of the nearest neighbours there.
        cut: the tensor.
        layers: layers with weights that are reused when the model is cut there.
        learned, judged: how many examples the head learned from, and how many it was judged by.
        seconds: what finding it out took; where models were computed together, an equal share of that.
    """

    accuracy: float
    low: float
    high: float
    knn: float
    cut: str
    layers: int
    learned: int
    judged: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a short fine-tuning made of a model for some data.

    Attributes:
        accuracy, low, high: of the best scheme on the validation part, with the interval of 95 %.
        scheme: its name, as a search says it.
        seconds: what finding it out took.
    """

    accuracy: float
    low: float
    high: float
    scheme: str
    seconds: float


def scores_for(connection: sqlite3.Connection, data: str, kind: type[Finding]) -> dict[str, Finding]:
    """The scores of models for some data, by the models' content; a damaged one is left out, which is said."""
    found = connection.execute("SELECT content, record, checksum FROM scores WHERE data = ?", (data,))
    read = {
        content: _read(record, checked == checksum(content, data, record), kind) for content, record, checked in found
    }
    return {content: score for content, score in read.items() if score is not None}


def put_scores(connection: sqlite3.Connection, data: str, scores: Mapping[str, Score | Tuned]) -> None:
    """Remember scores of models, by their content."""
    records = {content: json.dumps(asdict(score), allow_nan=False) for content, score in scores.items()}
    rows = [(content, data, record, checksum(content, data, record)) for content, record in records.items()]
    connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", rows)


def drop_scores(connection: sqlite3.Connection) -> None:
    """Forget the scores of models that are no longer there."""
    kept = "SELECT json_extract(record, '$.content') FROM cards"
    connection.execute(f"DELETE FROM scores WHERE content NOT IN ({kept})")


def damaged_scores(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with remembered scores."""
    for content, data, record, checked in connection.execute("SELECT content, data, record, checksum FROM scores"):
        if checksum(content, data, record) != checked:
            yield f"a remembered score of the model of content {content} is not what it was"


def _read(record: str, unchanged: bool, kind: type[Finding]) -> Finding | None:
    kinds = get_type_hints(kind)
    try:
        if not unchanged:
            raise ValueError("it is not what it was")
        said = json.loads(record)
        score = kind(**{part.name: said[part.name] for part in fields(kind)})
        if wrong := [name for name, value in vars(score).items() if type(value) is not kinds[name]]:
            raise TypeError(f"{wrong[0]} is {said[wrong[0]]!r:.60}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        warnings.warn(f"a remembered score of the zoo is damaged and left out: {error}", stacklevel=2)
        return None
    return score
