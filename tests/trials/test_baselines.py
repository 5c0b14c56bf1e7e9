from __future__ import annotations

import numpy as np
import pytest
from grounds import SILENT, digit_ground

from regraft.data.arrays import labelled
from regraft.data.examples import Part, Splits
from regraft.run import RunFolder
from regraft.trials.baselines import _some, fine_tuned, from_scratch


def test_a_share_of_the_examples_is_drawn_where_a_class_has_one_of_them():
    labels = np.array([0] * 199 + [1] * 200 + [2])
    examples = labelled(np.arange(400, dtype=np.float32)[:, None], labels, "rows")
    part = Part(examples=examples, indices=np.arange(400))
    some = _some(Splits(train=part, validation=part, test=part, classes=examples.classes), 0.5, seed=0)
    assert [len(one) for one in (some.train, some.validation, some.test)] == [200] * 3


@pytest.mark.parametrize("kind", [from_scratch, fine_tuned])
def test_a_training_of_everything_goes_on_from_its_checkpoint(kind, tmp_path):
    ground = digit_ground(train=16)
    first = kind(ground, 3.0, tmp_path, SILENT)
    run = RunFolder(tmp_path / first.name)
    learned = run.read_lines("metrics.jsonl")
    assert len(learned) == 3
    assert kind(ground, 3.0, tmp_path, SILENT) == first
    assert run.read_lines("metrics.jsonl") == learned  # their seconds too: no epoch is trained again
