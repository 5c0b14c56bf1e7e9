"""What a plan freezes in graphs of TensorFlow 1, whichever way they tell training from evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.comparing import stored
from thawing import assert_same_in_both_modes, draws, of_state, thawed

from regraft.formats import tf1
from regraft.network import Plan

# Switch and Merge, If, both, and a graph that was only ever trained: where it ends below its dropout, and above.
ENDS = {
    "conditional_reference": ("flatten/Reshape", "drop/cond/Merge"),
    "conditional_resource": ("flatten/Reshape", "drop/cond/Identity"),
    "conditional_mixed": ("flatten/Reshape", "drop/cond/Merge"),
    "always_training": ("flatten/Reshape", "dropout/SelectV2"),
}
STATISTICS = {f"bn{k}/moving_{one}" for k in (1, 2) for one in ("mean", "variance")}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize(
    "freezing",
    [
        {"freeze": None, "freeze_statistics": True},
        {"freeze": ".*/moving_", "freeze_statistics": False},
        {"freeze_below": "conv1/Conv2D"},
    ],
)
def test_frozen_statistics_are_used_in_training_and_the_rest_learns(
    graphs: Path, case: str, freezing: dict[str, object]
) -> None:
    network = tf1.read(graphs / case)
    x = np.repeat(stored(graphs / case, "feeds")["x:0"], 3, axis=0)
    quiet, noisy = ENDS[case]
    plan = Plan(at=noisy, **{"freeze_statistics": True, **freezing})  # type: ignore[arg-type]
    done = thawed(network, plan, x)
    assert done.graft.frozen == STATISTICS | ({"conv1/kernel"} if "freeze_below" in freezing else set())
    assert done.changed == of_state(done.graft, "reused")
    assert_same_in_both_modes(done.graft, x, quiet)
    assert draws(done.graft, x)
