import numpy as np
import pytest

from benchmarks.comparing import Difference, paired_bootstrap, ratios, spread


def test_the_interval_is_that_of_the_paired_differences():
    """With 150 wins and 50 losses of 1,000 the differences scatter by sqrt(0.2 - 0.1**2) / sqrt(1000) = 0.0138."""
    ours = np.repeat([True, False, True], [150, 50, 800])
    theirs = np.repeat([False, True, True], [150, 50, 800])

    found = paired_bootstrap(ours, theirs)

    assert found.mean == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - 1.96 * 0.0138, abs=0.002)
    assert found.high == pytest.approx(0.1 + 1.96 * 0.0138, abs=0.002)
    assert paired_bootstrap(ours, theirs) == found


def test_sides_that_are_right_about_the_same_examples_do_not_differ():
    right = np.array([True, False, True])

    assert paired_bootstrap(right, right) == Difference(mean=0.0, low=0.0, high=0.0)


def test_sides_that_judged_other_examples_are_refused():
    with pytest.raises(ValueError, match=r"both sides judge the same examples: \(3,\) and \(2,\)"):
        paired_bootstrap(np.ones(3, bool), np.ones(2, bool))


def test_differences_and_times_are_written_as_tables_show_them():
    assert str(Difference(mean=0.012, low=-0.004, high=0.03)) == "+1.2 points (-0.4 to +3.0)"
    assert spread([1.0, 4.0, 2.0]) == "2.0 (1.0 to 4.0)"
    assert ratios([10.0, 30.0, 60.0], [1.0, 2.0, 3.0]) == "**15.0** (10.0 to 20.0)"
