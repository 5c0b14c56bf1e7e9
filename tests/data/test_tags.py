from __future__ import annotations

import numpy as np

from regraft.data.tags import Tags

TAGS = Tags(flat=np.array([3, 1, 4, 1, 5, 9]), ends=np.array([2, 2, 3, 6]))


def test_some_sentences_in_another_order():
    found = TAGS[np.array([3, 1, 0, 3])]
    assert found.flat.tolist() == [1, 5, 9, 3, 1, 1, 5, 9]
    assert found.ends.tolist() == [3, 3, 5, 8]


def test_none_of_them():
    found = TAGS[np.zeros(0, np.int64)]
    assert (len(found), found.flat.tolist()) == (0, [])


def test_counts_and_rows():
    assert TAGS.counts.tolist() == [2, 0, 1, 3]
    assert [row.tolist() for row in TAGS.rows()] == [[3, 1], [], [4], [1, 5, 9]]
