"""Whole pretrainings on drawn digits."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from killing import killed
from pretraining.digits import CONV, DENSE, digits, pretrained
from pretraining.killed import whole

import regraft
from regraft.data.splits import split
from regraft.errors import BadArgument, BadData
from regraft.network import GraphNetwork, New, Plan
from regraft.network.from_layers import from_layers
from regraft.network.surgery import graft
from regraft.pretraining import Choices, Goal, Method, Pretrained, pretrain
from regraft.pretraining.input import input_of
from regraft.run import Progress
from regraft.train.settings import Settings

QUIET = Progress(silent=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def values(network: GraphNetwork) -> dict[str, np.ndarray]:
    return {name: p.value for name, p in network.parameters.items()}


def differ(one: GraphNetwork, other: GraphNetwork) -> list[str]:
    return [name for name, value in values(one).items() if not np.array_equal(value, values(other)[name])]


@pytest.mark.slow
@pytest.mark.parametrize("layers", [CONV, DENSE])
def test_an_autoencoder_gives_back_more_than_the_mean(layers: tuple[New, ...], tmp_path: Path) -> None:
    found = pretrained(tmp_path / "run", "autoencoder", layers, epochs=12)
    steps = ["layer-1", "layer-2", *(["layer-3"] if layers is CONV else []), "all-layers"]
    assert list(found.trainings) == steps
    for measured in found.trainings.values():
        assert measured["loss"] < 0.65 * measured["loss_of_the_mean"]
    fresh = from_layers(found.network.inputs["input:0"], layers, seed=1)
    assert differ(found.network, fresh) == list(values(fresh))


@pytest.mark.parametrize(
    ("method", "layers", "turns", "least"),
    [("corruption", CONV, False, 0.6), ("corruption", DENSE, False, 0.6), ("classes", CONV, True, 0.4)],
)
def test_what_is_told_apart(method: Method, layers: tuple[New, ...], turns: bool, least: float, tmp_path: Path) -> None:
    (measured,) = pretrained(tmp_path / "run", method, layers, epochs=8, turns=turns).trainings.values()
    assert measured["accuracy"] > least
    assert measured["kinds"] == (40 if turns else 4 if layers is CONV else 2)


@pytest.fixture(scope="module")
def told_apart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pretrained, Path]:
    """A network that tells classes apart, and its run."""
    folder = tmp_path_factory.mktemp("classes") / "run"
    return pretrained(folder, "classes", epochs=8), folder


def test_the_run_is_a_source_cut_at_its_code(told_apart: tuple[Pretrained, Path], tmp_path: Path) -> None:
    found, folder = told_apart
    opened = regraft.open(folder)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(opened.run(x), found.network.run(x))
    assert opened.bottleneck() == found.code == opened.outputs[0]
    assert graft(opened, Plan(), classes=3).at == found.code
    result = regraft.fit(opened, split(digits(600), seed=0), settings={"epochs": 5}, out=tmp_path / "fit")
    assert result.test is not None
    assert result.test.accuracy > 0.8
    assert result.graft.matched["percent"] == 100
    assert result.network.bottleneck() == found.code  # the head's input, now that there is one


def test_features_tell_more_than_those_of_fresh_weights(told_apart: tuple[Pretrained, Path]) -> None:
    found, _ = told_apart
    study = regraft.fewshot(found.network, digits(), shots=[1], ways=5, episodes=60)
    told = {one.features: one.accuracy for one in study.results if one.method == "nearest centroid"}
    assert told["source"] > told["untrained trunk"] + 0.1


def test_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    one, other = (pretrained(tmp_path / name, "corruption", epochs=2) for name in ("one", "other"))
    assert differ(one.network, other.network) == []


@pytest.mark.slow
def test_what_it_is_worth(tmp_path: Path) -> None:
    data = split(digits(400), seed=0)
    found = pretrained(tmp_path / "run", "autoencoder", DENSE, goal=Goal(data=data))
    assert found.worth is not None
    assert [way.name for way in found.worth.ways] == ["pretrained, frozen", "pretrained, all trained", "from scratch"]
    (low, high) = found.worth.above["from scratch"]
    test = {way.name: way.test for way in found.worth.ways}
    assert low - 1e-9 <= test[found.worth.chosen] - test["from scratch"] <= high + 1e-9
    (line,) = found.worth.verdict
    expected = "better than" if low > 0 else "worse than" if high < 0 else "cannot be told apart"
    assert expected in line
    assert found.examples == round(0.9 * (1797 - len(data.test)))  # what is tested on later was left out


@pytest.mark.slow
def test_beside_a_source(tmp_path: Path) -> None:
    data = split(digits(), seed=0, fractions=(0.1, 0.1, 0.8))
    good = pretrained(tmp_path / "classes", "classes", epochs=20).network
    found = pretrained(tmp_path / "run", "autoencoder", goal=Goal(data=data, source=good))
    assert found.worth is not None
    assert "use that instead" in found.worth.verdict[1]
    assert found.worth.verdict[1].startswith("pretraining is worse than source, frozen: ")


def refused(layers: tuple[New, ...], method: Method = "autoencoder", *, turns: bool = False, count: int = 200) -> str:
    settings = Settings(epochs=1)
    with pytest.raises((BadArgument, BadData)) as caught:
        pretrain(digits(count), Choices(method=method, layers=layers, turns=turns, settings=settings), progress=QUIET)
    return str(caught.value)


@pytest.mark.usefixtures("_in_a_folder")
def test_what_is_refused(tmp_path: Path) -> None:
    averaging = (New(kind="conv", width=4), New(kind="dense", width=4))
    assert refused(averaging) == (
        "an autoencoder cannot give back what a dense layer averages over\n  where: conv1/BiasAdd:0\n"
        "  expected: one vector an example (b, d)\n  got: (None, 8, 8, 4)\n"
        "  to do: put flatten below the dense layer, or begin with it"
    )
    assert refused(CONV, count=30).startswith("these are too few examples to pretrain on\n  where: digits\n")
    assert refused(CONV, turns=True).startswith("turns make further classes: only the method classes has them")
    assert refused(DENSE, "classes", turns=True).startswith("only square pictures can be turned into further classes")
    assert refused((New(kind="max_pool"),)).startswith("no layer has weights that could learn")
    twins = (New(kind="dense", width=4, name="one"), New(kind="dense", width=4, name="one"))
    assert refused(twins).startswith("two layers are called one")
    assert list(tmp_path.glob("runs/*")) == []


@pytest.fixture
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sentences(folder: Path, count: int = 1200) -> Path:
    """Drawn sentences of one form, a line each: (the|a) (small|...) (dog|...) (sleeps|...) ..."""
    dice = random.Random(0)
    words = ["the a one every", "small old red quick", "dog cat bird child"]
    words += ["sees likes finds knows", "that this my your", "house tree ball stone"]
    path = folder / "sentences.txt"
    path.write_text("\n".join(" ".join(dice.choice(some.split()) for some in words) + f" {k}" for k in range(count)))
    return path


TEXT = (New(kind="embedding", width=16), New(kind="conv", width=32, kernel=7, activation="relu"))
TEXT = (*TEXT, New(kind="max_pool"), New(kind="conv", width=32, activation="relu"), New(kind="global_max_pool"))


def test_texts_teach_a_network_that_tells_texts(tmp_path: Path) -> None:
    path = sentences(tmp_path)
    settings = {"epochs": 10, "lr": 3e-3, "device": "cpu"}
    found = regraft.pretrain(path, "corruption", layers=TEXT, settings=settings, out=tmp_path / "run")
    (measured,) = found.trainings.values()
    assert measured["kinds"] == 4
    assert measured["accuracy"] > 0.6
    assert (found.examples, found.network.inputs["input:0"].shape) == (1080, (None, 40))
    table = tmp_path / "t.csv"
    lines = path.read_text().splitlines()[:200]
    table.write_text("text,label\n" + "".join(f"{line},{'dog' in line or 'cat' in line}\n" for line in lines))
    result = regraft.fit(tmp_path / "run", table, settings={"epochs": 20}, out=tmp_path / "fit")
    assert result.test is not None
    assert result.test.accuracy > max(result.baselines["majority class"], 0.7)
    told = regraft.predict(tmp_path / "fit", path).as_json()["predictions"]
    assert len(told) == 1200
    assert told[0]["input"] == lines[0]
    assert np.mean([("dog" in one["input"] or "cat" in one["input"]) == (one["class"] == "True") for one in told]) > 0.7


def test_texts_that_are_refused(tmp_path: Path) -> None:
    path = sentences(tmp_path)
    for method, layers, text in (
        (
            "autoencoder",
            TEXT,
            f"an autoencoder gives back numbers, and texts are none\n  where: {path}\n"
            "  to do: let it tell good texts from corrupted ones: --method corruption",
        ),
        (
            "corruption",
            (New(kind="dense", width=4),),
            "texts are read by an embedding\n  expected: embedding:WIDTH as the lowest layer\n  got: dense\n"
            "  to do: begin with one: --layer embedding:32",
        ),
    ):
        with pytest.raises(BadArgument) as caught:
            regraft.pretrain(path, method, layers=layers, out=tmp_path / "run")
        assert str(caught.value) == text
    copies = tmp_path / "copies.txt"
    copies.write_text("always the same text\n" * 60 + "another one\n" * 40)
    with pytest.raises(BadData) as same:
        regraft.pretrain(copies, "corruption", out=tmp_path / "other")
    assert str(same.value).startswith("too few examples are different to hold some back\n")
    with pytest.raises(BadData) as few:
        regraft.pretrain(sentences(tmp_path, 30), "corruption", out=tmp_path / "run")
    assert str(few.value) == (
        f"these are too few examples to pretrain on\n  where: {path}\n  expected: at least 50\n  got: 30"
    )
    assert not (tmp_path / "run").exists()


def test_copies_stay_together_and_are_no_tenth_by_themselves(tmp_path: Path) -> None:
    path = tmp_path / "copies.txt"
    path.write_text("".join(f"text number {k % 100} of many\n" for k in range(1000)) + "a frequent one\n" * 500)
    settings = {"epochs": 1, "device": "cpu"}
    found = regraft.pretrain(path, "corruption", layers=TEXT, settings=settings, out=tmp_path / "run")
    assert found.examples == 1350  # fifteen different texts, ten times each, are held back


def test_inputs_of_examples() -> None:
    spec = input_of(digits(60), CONV, None)
    assert (spec.shape, spec.layout, spec.channels, spec.range) == ((None, 8, 8, 1), "NHWC", "grey", (0.0, 1.0))
    assert input_of(digits(60), CONV, "size=16,channels=rgb").shape == (None, 16, 16, 3)
    spec = input_of(digits(60), DENSE, None)
    assert (spec.shape, spec.layout) == ((None, 64), "flat")


@pytest.mark.slow
def test_killed_ten_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 at random moments, resumed each time: the same weights in the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # `whole` sets it
    whole(tmp_path / "warm")
    start = time.monotonic()
    undisturbed = whole(tmp_path / "undisturbed").network
    seconds, moments, died = time.monotonic() - start, random.Random(0), 0
    for number in range(20):
        folder, longest = tmp_path / f"killed{number}", seconds / 4
        while killed(whole, folder, after=moments.uniform(0, longest)):
            died, longest = died + 1, 1.3 * longest
        assert differ(regraft.open(folder / "run"), undisturbed) == []
        if died >= 10:
            break
    assert died >= 10
