"""Each pair of docs/from-tf1.md does the same on both sides: in TensorFlow 2.21's v1 mode, and in regraft."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import pytest
from docs.both_sides import (
    CONSTRUCTION,
    MINIMIZE,
    OPTIMIZER,
    OPTIMIZERS,
    PAGE,
    STEPS,
    TOLERANCE,
    TRAINING,
    Side,
    Workshop,
    code,
    fresh_weights,
    pairs,
    saved_weights,
)

import regraft

PAIRS = pairs()
WAY_ROUND = "f2"
EXPORTS = ("h1", "h2")  # opened with the meta graph, and by one's own code
OPERATIONS = {"clip_by_value": "GradientDescent"}  # optimizers whose operation has another name

Trained = Mapping[tuple[str, str], tuple[Side, Side]]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workshop]:
    """The sources, made by TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("from_tf1")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        shop = Workshop(root)
        for precision in STEPS:
            for name, (optimizer, minimize) in OPTIMIZERS.items():
                training = TRAINING.replace(OPTIMIZER, optimizer).replace(MINIMIZE, minimize)
                shop.plan_source(precision, name, CONSTRUCTION + training)
            shop.plan_source(precision, "way round", code("f", "TensorFlow 1, a source"))
        shop.run_tensorflow()
        yield shop


def source_of(key: str) -> str:
    return "way round" if key == WAY_ROUND else "GradientDescent"


@pytest.fixture(scope="session")
def trained(workshop: Workshop) -> Trained:
    """Both sides of each pair, trained on from the same weights."""
    ours: dict[tuple[str, str], Side] = {}
    for precision in STEPS:
        for key, (their_block, our_block) in PAIRS.items():
            side = workshop.run_ours(precision, key, our_block.code, source_of(key))
            ours[precision, key] = side
            before = CONSTRUCTION if "after the construction" in their_block.caption else ""
            start = fresh_weights(side.given) if "plan" in side.given else None
            workshop.plan_theirs(precision, key, before + their_block.code, source=source_of(key), start=start)
        for name in OPTIMIZERS:
            ours[precision, name] = workshop.run_ours(precision, name, code("a", "regraft"), name)
            text = code("a", "TensorFlow 1").replace("train/GradientDescent", f"train/{OPERATIONS.get(name, name)}")
            workshop.plan_theirs(precision, name, text, source=name, keep=("codings", "accuracy_test"))
        for key in EXPORTS:
            ours[precision, key] = workshop.run_ours(precision, key, code("h", "regraft"))
            workshop.hand_over(precision, key, "my_export")
            text = code("h", "TensorFlow 1", EXPORTS.index(key))
            workshop.plan_theirs(precision, key, text, source=None, keep=("accuracy_test",))
    workshop.run_tensorflow()
    return {at: (side, workshop.theirs(*at)) for at, side in ours.items()}


def largest_difference(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> float:
    """The largest max|a-b|/max|b| of all tensors of ours."""
    gaps = {name: float(np.abs(value - theirs[name]).max()) for name, value in ours.items()}
    return max(gap / float(np.abs(theirs[name]).max()) if gap else 0.0 for name, gap in gaps.items())


def our_weights(side: Side) -> dict[str, np.ndarray]:
    """The weights a regraft block ended with, by TensorFlow's names."""
    if "module" in side.given:
        state = side.given["module"].state_dict()
        return {name: state[target].numpy() for name, target in side.given["loaded"].matched.items()}
    saved = regraft.open(side.folder / side.given["result"].model)
    return {name: parameter.value for name, parameter in saved.parameters.items()}


def in_layout_of(side: Side, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """TensorFlow's weights as a torch module holds them."""
    if "module" not in side.given:
        return theirs
    return {name: value.T if value.ndim == 2 else value for name, value in theirs.items()}


@pytest.mark.slow
@pytest.mark.parametrize("precision", STEPS)
@pytest.mark.parametrize("key", PAIRS)
def test_both_sides_end_with_the_same_weights(trained: Trained, key: str, precision: str) -> None:
    ours, theirs = trained[precision, key]
    assert our_weights(ours)["hidden1/kernel" if key != "d2" else "low/kernel"].dtype == precision
    found = largest_difference(our_weights(ours), in_layout_of(ours, saved_weights(theirs)))
    assert found <= TOLERANCE[precision]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "still", "moved"),
    [
        ("c1", [], ["hidden1/kernel", "hidden4/kernel", "new_hidden5/kernel"]),
        ("d1", [], ["hidden1/kernel"]),
        ("e1", ["hidden1/kernel", "hidden2/bias"], ["hidden3/kernel"]),
        ("f1", ["hidden1/kernel", "hidden2/kernel"], ["hidden3/kernel"]),
        ("f2", ["hidden2/kernel"], ["hidden1/kernel", "hidden3/kernel"]),
        ("g1", ["hidden1/kernel", "hidden2/kernel"], ["hidden3/kernel"]),
    ],
)
def test_what_stands_still_and_what_moves(trained: Trained, key: str, still: list[str], moved: list[str]) -> None:
    ours, _ = trained["float64", key]
    before, after = fresh_weights(ours.given) | dict(ours.given["net"].values), our_weights(ours)
    assert all(np.array_equal(before[name], after[name]) for name in still)
    assert not any(np.array_equal(before[name], after[name]) for name in moved)


@pytest.mark.slow
def test_a_tensor_fed_by_hand_gives_what_the_whole_network_gives(
    trained: Trained,
) -> None:
    given: Mapping[str, Any] = trained["float64", "g1"][0].given
    assert given["h2_cache"].shape == (1000, 50)
    whole = given["net"].run(given["X_train"], to="dnn/outputs/BiasAdd:0")
    assert np.allclose(given["logits"], whole, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("precision", STEPS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_source_s_own_training_goes_on(trained: Trained, optimizer: str, precision: str) -> None:
    ours, theirs = trained[precision, optimizer]
    exported = regraft.open(ours.folder / "my_new_model_final.ckpt")
    expected = saved_weights(theirs)
    assert set(exported.values) == set(expected)  # slots and counters too
    found = largest_difference(exported.values, expected)
    assert found <= TOLERANCE[precision]
    assert np.allclose(ours.given["codings"], theirs.given["codings"], rtol=1e-5, atol=1e-6)
    assert ours.given["accuracy_test"] == pytest.approx(float(theirs.given["accuracy_test"]), abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("precision", STEPS)
@pytest.mark.parametrize("key", EXPORTS)
def test_what_is_exported_is_as_accurate_in_tensorflow(trained: Trained, key: str, precision: str) -> None:
    ours, theirs = trained[precision, key]
    assert ours.given["accuracy_test"] == ours.given["result"].test.accuracy
    assert ours.given["accuracy_test"] == pytest.approx(float(theirs.given["accuracy_test"]), abs=1e-6)


def test_every_block_of_the_page_is_run() -> None:
    run = [CONSTRUCTION, TRAINING, code("f", "TensorFlow 1, a source")]
    run += [block.code for pair in PAIRS.values() for block in pair]
    run += [code("a", "TensorFlow 1"), code("a", "regraft")]
    run += [code("h", "regraft"), *(code("h", "TensorFlow 1", number) for number in range(len(EXPORTS)))]
    assert sorted(run) == sorted(block.code for block in PAGE)
    assert {block.section for block in PAGE} == {"The source", *"abcdefgh"}
