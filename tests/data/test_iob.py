"""Which tags may follow each other; how files are read is tried in test_sentences.py."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.data.iob import may_follow


def pairs(tags: list[str]) -> set[str]:
    """The steps that are impossible, as "before tag"; "." is what lies outside of a sentence."""
    names = [*tags, "."]
    return {f"{names[row]} {names[column]}" for row, column in np.argwhere(~may_follow(tags))}


def test_in_iob2_an_entity_goes_on_behind_its_own_type() -> None:
    assert pairs(["O", "B-a", "I-a", "B-b", "I-b"]) == {
        *("O I-a", "B-b I-a", "I-b I-a", ". I-a"),
        *("O I-b", "B-a I-b", "I-a I-b", ". I-b"),
    }


def test_in_bioes_an_entity_ends() -> None:
    assert pairs(["O", "B-a", "I-a", "E-a", "S-a"]) == {
        *("O I-a", "E-a I-a", "S-a I-a", ". I-a", "O E-a", "E-a E-a", "S-a E-a", ". E-a"),
        *("B-a O", "B-a B-a", "B-a S-a", "B-a .", "I-a O", "I-a B-a", "I-a S-a", "I-a ."),
    }


@pytest.mark.parametrize("tags", [["NOUN", "VERB"], ["B-a", "I-a"], ["O", "NOUN"]])
def test_where_tags_are_no_entities_any_may_follow(tags: list[str]) -> None:
    assert pairs(tags) == set()
