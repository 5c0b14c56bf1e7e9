"""Episodes: what they are drawn from, and that they are the same again."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import BadArgument, BadData
from regraft.few_labels.episodes import Episodes, Setup

CLASSES = ("ant", "bee", "cat", "dog")
LABELS = np.repeat(np.arange(4), [30, 12, 25, 40])


def episodes(setup: Setup) -> Episodes:
    return Episodes(LABELS, CLASSES, setup, "animals")


def test_support_and_query_are_of_the_same_classes_and_apart() -> None:
    setup = Setup(ways=3, shots=(5,), queries=7)
    drawn = [episodes(setup).draw(number, 5) for number in range(50)]
    for episode in drawn:
        assert (episode.support.shape, episode.query.shape) == ((3, 5), (3, 7))
        ours = LABELS[np.hstack([episode.support, episode.query])]
        assert (ours == ours[:, :1]).all()
        assert len(np.unique(ours[:, 0])) == 3
        assert len(np.unique(np.hstack([episode.support, episode.query]))) == 3 * 12
    assert {one for episode in drawn for one in LABELS[episode.support[:, 0]]} == {0, 1, 2, 3}


def test_more_shots_have_the_same_queries_and_a_seed_the_same_episodes() -> None:
    setup = Setup(ways=2, shots=(1, 5), queries=7)
    one, five = (episodes(setup).draw(3, shots) for shots in (1, 5))
    np.testing.assert_array_equal(one.query, five.query)
    np.testing.assert_array_equal(one.support, five.support[:, :1])
    np.testing.assert_array_equal(episodes(setup).draw(3, 5).support, five.support)
    assert (episodes(Setup(ways=2, shots=(1, 5), queries=7, seed=1)).draw(3, 5).support != five.support).any()


def test_classes_with_too_few_examples_are_left_out() -> None:
    setup = Setup(ways=3, shots=(1,), queries=15)
    drawn = [episodes(setup).draw(number, 1) for number in range(30)]
    assert 1 not in {one for episode in drawn for one in LABELS[episode.support[:, 0]]}


def test_too_few_classes_with_enough_examples() -> None:
    with pytest.raises(BadData) as caught:
        episodes(Setup(ways=4, shots=(1, 5), queries=20))
    assert str(caught.value) == (
        "too few classes have 5 examples to learn from and 20 to recognise\n"
        "  where: animals\n"
        "  expected: 4 classes with 25 examples\n"
        "  got: 3; the largest: dog 40, ant 30, cat 25, bee 12\n"
        "  to do: fewer --shots, --queries or --ways"
    )


def test_one_class_only() -> None:
    with pytest.raises(BadData) as caught:
        Episodes(np.zeros(50, np.int64), ("ant",), Setup(ways=2), "animals")
    assert str(caught.value) == (
        "there is one class only: nothing can be told apart\n  where: animals\n  expected: 2 or more"
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ways": 1}, "ways cannot be 1\n  expected: at least 2\n  got: 1"),
        ({"shots": (5, 0)}, "shots cannot be 0\n  expected: at least 1\n  got: 0"),
        ({"shots": ()}, "shots cannot be 0\n  expected: at least 1\n  got: 0"),
        ({"queries": 0}, "queries cannot be 0\n  expected: at least 1\n  got: 0"),
        ({"count": 1}, "episodes cannot be 1\n  expected: at least 2\n  got: 1"),
    ],
)
def test_numbers_no_episode_can_be_made_of(given: dict[str, object], text: str) -> None:
    with pytest.raises(BadArgument) as caught:
        Setup(**given)  # type: ignore[arg-type]
    assert str(caught.value) == text
