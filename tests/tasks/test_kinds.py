"""Several labels an example and numbers, told of real digits by a real network; beside scikit-learn."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from grounds import mnist_digits
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

import regraft
from regraft.cli.app import run
from regraft.data import Columns, open_splits
from regraft.errors import BadData
from regraft.network import New, Plan
from regraft.tasks.regress import report

SOURCE = str(resources.files("regraft") / "demo_source")
AT = "dnn/hidden2/Relu"
SIZE = 800


@pytest.fixture(scope="module")
def digits():
    pixels, digit = mnist_digits()
    chosen = np.random.default_rng(0).permutation(len(digit))[:SIZE]
    return (pixels[chosen] / 255).astype(np.float32), digit[chosen]


@pytest.fixture(scope="module")
def numbers(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "numbers.npz"
    x, digit = digits
    np.savez(path, x=x, y=np.stack([1000 + 100.0 * digit, x.mean(1)], 1))
    return path


@pytest.fixture(scope="module")
def labels(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "labels.npz"
    x, digit = digits
    np.savez(path, x=x, y=np.stack([digit % 2 == 0, digit > 4, digit % 3 == 0], 1).astype(int))
    return path


def opened(path, task):
    return open_splits(path, columns=Columns(task=task), seed=0)


def features(network, part):
    return network.run(part.examples.items[part.indices], to=AT)


def test_numbers_are_told_as_well_as_by_ridge_regression(numbers, tmp_path):
    network, splits = regraft.open(SOURCE), opened(numbers, "regress")
    found = regraft.fit(network, splits, plan=Plan(at=AT), out=tmp_path / "run")
    scaler = StandardScaler().fit(features(network, splits.train))
    scaled = [scaler.transform(features(network, part)) for part in (splits.train, splits.test)]
    model = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(scaled[0], splits.train.labels)
    told, truth = model.predict(scaled[1]), splits.test.labels
    expected = 1 - np.square(told - truth).mean(0) / truth.var(0)
    assert found.test.score == pytest.approx(expected.mean(), abs=0.03)
    assert found.baselines["mean"] == pytest.approx(0, abs=0.05)
    assert found.test.score > found.baselines["mean"] + 0.3
    assert [one.name for one in found.test.numbers] == ["0", "1"]
    again = regraft.evaluate(found.model, splits.test)
    assert again.summary == pytest.approx(found.test.summary, rel=1e-4)
    predicted = regraft.predict(found.model, splits.test.examples.items[splits.test.indices])
    np.testing.assert_allclose(predicted.numbers, found.answers, rtol=1e-4, atol=1e-4)
    assert predicted.numbers[:, 0].mean() == pytest.approx(truth[:, 0].mean(), rel=0.1)


def test_labels_are_told_as_well_as_by_a_logistic_regression_each(labels, tmp_path):
    network, splits = regraft.open(SOURCE), opened(labels, "multilabel")
    found = regraft.fit(network, splits, plan=Plan(at=AT), out=tmp_path / "run")
    scaler = StandardScaler().fit(features(network, splits.train))
    scaled = [scaler.transform(features(network, part)) for part in (splits.train, splits.test)]
    truth = splits.test.labels
    taken = np.stack(
        [
            LogisticRegression(C=0.1, max_iter=1000).fit(scaled[0], own).predict(scaled[1])
            for own in splits.train.labels.T
        ],
        axis=1,
    )
    expected = 2 * (taken & truth).sum() / (taken.sum() + truth.sum())
    assert found.test.f1 == pytest.approx(expected, abs=0.03)
    assert found.test.measure == "F1"
    assert found.test.f1 > found.baselines["most frequent labels"]
    again = regraft.evaluate(found.model, splits.test)
    assert again.exact == found.test.exact
    predicted = regraft.predict(found.model, splits.test.examples.items[splits.test.indices])
    hits = (predicted.probability >= 0.5) == truth
    assert hits.all(1).mean() == pytest.approx(found.test.exact)


def test_a_hidden_layer_tells_numbers_in_their_own_units(numbers, tmp_path):
    plan = Plan(at=AT, new=(New(kind="dense", width=32, activation="relu"), New(kind="dense")))
    found = regraft.fit(SOURCE, opened(numbers, "regress"), plan=plan, settings={"epochs": 20}, out=tmp_path / "run")
    assert found.test.score > 0.5
    assert found.answers[:, 0].mean() == pytest.approx(1450, abs=100)


def test_a_network_that_told_numbers_tells_classes_apart_again(numbers, digits, tmp_path):
    first = regraft.fit(
        SOURCE, opened(numbers, "regress"), plan=Plan(at=AT), settings={"epochs": 2}, out=tmp_path / "one"
    )
    x, digit = digits
    np.savez(tmp_path / "classes.npz", x=x, y=digit)
    second = regraft.fit(first.model, tmp_path / "classes.npz", settings={"epochs": 5}, out=tmp_path / "other")
    assert regraft.predict(second.model, x[:3]).probability.sum(1) == pytest.approx([1, 1, 1])


def test_several_kinds_of_tasks_are_learned_together(numbers, labels, tmp_path):
    tasks = {"size": opened(numbers, "regress"), "kinds": opened(labels, "multilabel")}
    found = regraft.multitask(
        SOURCE, tasks, plan=Plan(at=AT, freeze=None), settings={"epochs": 4}, out=tmp_path / "run"
    )
    assert {name: one.test.measure for name, one in found.tasks.items()} == {"size": "R²", "kinds": "F1"}
    for name, splits in tasks.items():
        report = regraft.evaluate(found.model, splits.test, to=name)
        assert report.score == pytest.approx(found.tasks[name].test.score, abs=1e-4)


def test_labels_of_another_kind_are_refused(numbers, labels, tmp_path):
    found = regraft.fit(
        SOURCE, opened(numbers, "regress"), plan=Plan(at=AT), settings={"epochs": 1}, out=tmp_path / "run"
    )
    with pytest.raises(BadData) as refused:
        regraft.evaluate(found.model, opened(labels, "multilabel").test)
    assert str(refused.value) == (
        f"the labels are of another kind than the network's answers\n  where: {labels}\n"
        "  expected: regress\n  got: multilabel\n  to do: --task regress"
    )
    with pytest.raises(BadData, match="here each example has one class"):
        regraft.search(SOURCE, opened(numbers, "regress"), out=tmp_path / "search")


def test_on_the_command_line(numbers, tmp_path, capsys):
    flags = ["--task", "regress", "--at", AT, "--epochs", "2"]
    assert run(["fit", SOURCE, str(numbers), *flags, "--out", str(tmp_path / "run"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["test"]) == {"r2", "mae", "rmse", "n", "numbers"}
    assert run(["evaluate", str(tmp_path / "run"), str(numbers), "--task", "regress"]) == 0
    assert "R² " in capsys.readouterr().out
    np.save(tmp_path / "few.npy", np.load(numbers)["x"][:2])
    assert run(["predict", str(tmp_path / "run"), str(tmp_path / "few.npy"), "--json"]) == 0
    (first, _) = json.loads(capsys.readouterr().out)["predictions"]
    assert set(first["numbers"]) == {"0", "1"}


def test_what_does_not_vary_is_told_or_not():
    same = np.full((3, 1), 7.0)
    assert [report(told, same, ["a"]).score for told in (same, np.array([[7.0], [7.0], [7.001]]))] == [1, 0]
