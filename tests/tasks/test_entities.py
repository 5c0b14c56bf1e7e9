"""Entities in tags, well formed or not, compared with seqeval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.tasks.entities import Entity, EntityScore, entities, entity_scores

Sentences = list[list[str]]


@pytest.fixture(scope="module")
def seqeval() -> ModuleType:
    return pytest.importorskip("seqeval.metrics.sequence_labeling")


def flat(sentences: Sentences) -> tuple[list[str], list[int]]:
    return list(chain.from_iterable(sentences)), list(accumulate(map(len, sentences)))


def tags(prefixes: str) -> st.SearchStrategy[str]:
    kinds = [f"{prefix}-{name}" for prefix in prefixes for name in ("A", "creative-work", "A,B-C")]
    return st.sampled_from(["O", *kinds])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Sentences, Sentences]:
    """True tags of some sentences, and as many that differ in some places."""
    tag = tags(draw(st.sampled_from(["BI", "BIES"])))
    truth = draw(st.lists(st.lists(tag, min_size=1, max_size=12), min_size=1, max_size=4))
    taken = [[draw(st.just(one) | tag) for one in sentence] for sentence in truth]
    return truth, taken


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ("", set()),
        ("O O", set()),
        ("B-A I-A O B-A", {("A", 0, 2), ("A", 3, 4)}),
        ("B-A B-A I-A", {("A", 0, 1), ("A", 1, 3)}),
        ("O I-A I-A", {("A", 1, 3)}),
        ("B-A I-B I-B O", {("A", 0, 1), ("B", 1, 3)}),
        ("B-A I-A / I-A", {("A", 0, 2), ("A", 2, 3)}),
        ("B-A / B-B I-B / O / I-A", {("A", 0, 1), ("B", 1, 3), ("A", 4, 5)}),
        ("B-A I-A E-A S-A", {("A", 0, 3), ("A", 3, 4)}),
        ("B-A I-A O E-A", {("A", 0, 2), ("A", 3, 4)}),
        ("S-A I-A E-A I-A E-B", {("A", 0, 1), ("A", 1, 3), ("A", 3, 4), ("B", 4, 5)}),
        ("E-A E-A B-A E-A B-A", {("A", 0, 1), ("A", 1, 2), ("A", 2, 4), ("A", 4, 5)}),
        ("B-x-y I-x-y I-y", {("x-y", 0, 2), ("y", 2, 3)}),
    ],
)
def test_entities(sentences: str, expected: set[Entity]) -> None:
    assert entities(*flat([sentence.split() for sentence in sentences.split("/")])) == expected


def test_scores() -> None:
    truth = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "I-LOC", "O"]
    taken = ["B-PER", "O", "O", "B-LOC", "O", "B-ORG", "I-ORG", "I-LOC"]
    together, by_type = entity_scores(truth, taken, [8])
    assert together == EntityScore(name="", n=3, precision=1 / 4, recall=1 / 3, f1=2 / 7)
    assert by_type == (
        EntityScore(name="LOC", n=2, precision=1 / 2, recall=1 / 2, f1=1 / 2),
        EntityScore(name="ORG", n=0, precision=0.0, recall=0.0, f1=0.0),
        EntityScore(name="PER", n=1, precision=0.0, recall=0.0, f1=0.0),
    )


def test_nothing_to_find() -> None:
    nothing = EntityScore(name="", n=0, precision=0.0, recall=0.0, f1=0.0)
    assert entity_scores(["O", "O"], ["O", "O"], [1, 2]) == (nothing, ())


@given(st.lists(st.lists(tags("BI") | tags("BIES"), min_size=1, max_size=12), min_size=1, max_size=5))
def test_entities_are_those_of_seqeval(seqeval: ModuleType, sentences: Sentences) -> None:
    starts = list(accumulate(map(len, sentences), initial=0))
    expected = {
        (name, start + first, start + last + 1)
        for start, sentence in zip(starts, sentences, strict=False)
        for name, first, last in seqeval.get_entities(sentence)
    }
    assert entities(*flat(sentences)) == expected


@given(pairs())
def test_scores_are_those_of_seqeval(seqeval: ModuleType, both: tuple[Sentences, Sentences]) -> None:
    truth, taken = both
    tags, ends = flat(truth)
    together, by_type = entity_scores(tags, flat(taken)[0], ends)
    assert numbers([together])[0] == pytest.approx(
        seqeval.precision_recall_fscore_support(truth, taken, average="micro", zero_division=0)
    )
    expected = seqeval.precision_recall_fscore_support(truth, taken, zero_division=0)
    assert numbers(by_type) == [pytest.approx(row) for row in zip(*expected, strict=True)]
    names = {entity[0] for entity in entities(tags, ends) | entities(flat(taken)[0], ends)}
    assert [score.name for score in by_type] == sorted(names)


def numbers(scores: Sequence[EntityScore]) -> list[tuple[float, float, float, int]]:
    return [(score.precision, score.recall, score.f1, score.n) for score in scores]
