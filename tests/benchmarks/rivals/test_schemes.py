from pathlib import Path

import pytest

pytest.importorskip("torchvision")

import torch

import benchmarks
from benchmarks.rivals.photos import DATA, WEIGHTS
from benchmarks.rivals.schemes import Scheme, halves, read_schemes

FILES = [Path(benchmarks.__file__).parent / f"schemes_{name}.yaml" for name in ("heads", "mixed")]

real = pytest.mark.skipif(not (WEIGHTS.exists() and DATA.exists()), reason=f"there is no {WEIGHTS} or no {DATA}")


def test_there_are_twelve_schemes_of_new_layers_and_twelve_of_which_half_thaw():
    heads, mixed = map(read_schemes, FILES)

    assert [sum("freeze_below" in scheme.plan for scheme in schemes) for schemes in (heads, mixed)] == [0, 6]
    assert [len({scheme.name for scheme in schemes}) for schemes in (heads, mixed)] == [12, 12]


def test_words_that_the_loops_would_leave_out_are_refused():
    with pytest.raises(SystemExit, match="scheme bold: the rivals know no ema, reuse"):
        Scheme(name="bold", plan={"at": "features.18.2", "reuse": ".*"}, settings={"ema": 0.9})


@real
@pytest.mark.parametrize(
    ("plan", "blocks"),
    [
        ({"at": "features.18.2"}, 19),
        ({"at": "features.14.conv.3"}, 15),
        ({"at": "features.18.2", "freeze_below": "features.13"}, 14),
        ({"at": "features.18.2", "freeze": None}, 0),
    ],
)
def test_what_is_frozen_lies_below_the_tensor(plan, blocks):
    scheme = Scheme(name="one", plan={**plan, "new": [{"kind": "dense"}]}, settings={})

    frozen, trained = halves(scheme, 5, seed=0)

    assert len(frozen) == blocks
    assert not any(weight.requires_grad for weight in frozen.parameters())
    assert all(weight.requires_grad for weight in trained.parameters())
    assert trained(frozen(torch.zeros(2, 3, 32, 32))).shape == (2, 5)
