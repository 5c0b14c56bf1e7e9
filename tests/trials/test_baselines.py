from __future__ import annotations

import numpy as np

from regraft.data.arrays import labelled
from regraft.data.examples import Part, Splits
from regraft.trials.baselines import _some


def test_a_share_of_the_examples_is_drawn_where_a_class_has_one_of_them():
    labels = np.array([0] * 199 + [1] * 200 + [2])
    examples = labelled(np.arange(400, dtype=np.float32)[:, None], labels, "rows")
    part = Part(examples=examples, indices=np.arange(400))
    some = _some(Splits(train=part, validation=part, test=part, classes=examples.classes), 0.5, seed=0)
    assert [len(one) for one in (some.train, some.validation, some.test)] == [200] * 3
