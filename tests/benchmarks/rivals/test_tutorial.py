from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torchvision")

import numpy as np

import benchmarks
import regraft
from benchmarks.rivals.photos import DATA, WEIGHTS, folds, splits_of
from benchmarks.rivals.schemes import read_schemes
from benchmarks.rivals.tutorial import Job, Outcome, Photos, cached, one_by_one
from regraft.data import prepare

SCHEMES = Path(benchmarks.__file__).parent / "schemes_mixed.yaml"

real = pytest.mark.skipif(not (WEIGHTS.exists() and DATA.exists()), reason=f"there is no {WEIGHTS} or no {DATA}")


@real
@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 11])
def test_features_cached_for_a_scheme_give_the_same_as_the_whole_network_in_every_epoch(number):
    scheme = read_schemes(SCHEMES)[number]
    job = Job(fold=folds(0, 5)[0], pixels=64, seed=0, workers=0)

    whole, stored = one_by_one(scheme, job, 2), cached(scheme, job, 2)

    assert whole.predictions == stored.predictions
    np.testing.assert_allclose(whole.validation, stored.validation, atol=1e-5)


@real
@pytest.mark.slow
@pytest.mark.parametrize("pixels", [128, 224])
def test_rivals_see_the_pixels_that_regraft_sees(pixels):
    fold = folds(0, 2)[0]
    (spec,) = regraft.open("torchvision:mobilenet_v2", weights="random").inputs.values()
    part = splits_of(fold).train

    ours = prepare(part.examples, part.indices, replace(spec, shape=(None, 3, pixels, pixels)))

    theirs = Photos(fold.train, pixels)
    for index, photo in enumerate(ours):
        np.testing.assert_allclose(theirs[index][0], photo, atol=1e-5)


def test_seconds_are_scaled_from_the_epochs_that_were_run():
    outcome = Outcome(name="one", before=1.0, epochs=[2.0, 4.0], after=5.0, validation=[], predictions=[])

    assert outcome.seconds(20) == 66.0
    assert outcome.seconds(2) == 12.0


def test_a_scheme_is_judged_by_its_best_epoch_and_ties_by_the_loss():
    outcome = Outcome(
        name="one", before=0.0, epochs=[], after=0.0, validation=[(0.8, 0.9), (0.9, 0.5), (0.9, 0.4)], predictions=[]
    )

    assert outcome.best == (0.9, -0.4)
