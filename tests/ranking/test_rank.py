"""The ranking: the scores of probing each model alone, shared blocks run once, what was found out remembered."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from disk import small_disk as small_disk
from grounds import SILENT, demo_network, dense_network, digit_splits, stored_of

import regraft
from regraft.data import Splits
from regraft.data.arrays import labelled
from regraft.data.examples import whole
from regraft.errors import BadArgument, BadData, MissingFile
from regraft.features import Engine
from regraft.network import GraphNetwork
from regraft.ranking import Ranking, probing
from regraft.ranking.picture import draw
from regraft.ranking.rounds import Rounds
from regraft.run import Progress
from regraft.trials.ground import Choices, ground_of
from regraft.trials.probe import probe
from regraft.zoo import Card, Facts, Score, Zoo

RANGE = "range=0..1"
BASE, OTHER = dense_network((784, 24, 20, 16, 10)), dense_network((784, 40, 10), seed=1)
CUTS = 3  # of BASE, a hidden layer each


def sibling(network: GraphNetwork, *layers: int) -> GraphNetwork:
    """The network with some of its dense layers trained on, or something as good as that for a test."""
    kernels = [name for name, parameter in network.parameters.items() if parameter.value.ndim == 2]
    return network.assign({kernels[k]: network.parameters[kernels[k]].value * 1.5 for k in layers})


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Three siblings that share two blocks, all of which the third has; and a stranger."""
    shelf = Zoo(tmp_path / "zoo")
    shelf.add(BASE, "base", Facts(about={"metrics": {"imagenet": {"accuracy": 0.8}}}))
    shelf.add(sibling(BASE, 2), "top", Facts(about={"metrics": {"test": {"accuracy": 1.0}}}))  # of what it was tuned on
    shelf.add(sibling(BASE, 3), "head")
    shelf.add(OTHER, "other", Facts(about={"metrics": {"imagenet": {"accuracy": 0.9}}}))
    return shelf


def ranked(zoo: Zoo, splits: Splits, **how: object) -> Ranking:
    return regraft.rank(splits, zoo=zoo.path, **{"finals": False, "input": RANGE, "progress": SILENT, **how})


def names(found: Ranking) -> list[str]:
    return [model.card.name for model in found.models]


def alone(network: GraphNetwork, splits: Splits) -> float:
    """The accuracy at the best cut of a model that is probed by itself."""
    ground = ground_of(network, splits, RANGE, Choices(), SILENT)
    readings = probe(ground.levels, stored_of(ground), ground.folds, len(splits.classes), SILENT)
    return max(reading.accuracy for reading in readings)


def test_each_has_the_score_it_has_when_it_is_probed_alone_and_shared_blocks_are_run_once(zoo: Zoo) -> None:
    splits = digit_splits(15, 8)
    found = ranked(zoo, splits)
    scores = {model.card.name: model.score for model in found.models}
    assert scores.keys() == {"base", "top", "head", "other"}
    for name, score in scores.items():
        assert score.accuracy == pytest.approx(alone(zoo.open(name), splits), abs=1e-9), name
        assert score.low < score.accuracy < score.high
        assert (score.learned, score.judged) == (75, 115)
        assert score.cut in {cut["tensor"] for cut in zoo.details(name).cuts}
    # the stranger has one hidden layer; `top` differs in the last block, `head` only above all of them
    assert (found.blocks, found.run) == (3 * CUTS + 1, CUTS + 1 + 1)
    assert [model.score.accuracy for model in found.models] == sorted(
        (score.accuracy for score in scores.values()), reverse=True
    )
    others = found.baselines
    assert others["largest first"].card.name == "other"
    assert others["most accurate on ImageNet first"].card.name == "other"


def test_the_test_part_is_not_looked_at(zoo: Zoo) -> None:
    splits = digit_splits(15, 8)
    strange = labelled(np.zeros((5, 3)), np.arange(5), "strange")
    assert names(ranked(zoo, replace(splits, test=whole(strange)))) == names(ranked(zoo, splits))


def test_what_was_found_out_is_remembered_and_only_what_is_new_is_computed(zoo: Zoo) -> None:
    splits = digit_splits(15, 8)
    first = ranked(zoo, splits)
    again = ranked(zoo, splits)
    assert (again.blocks, again.run) == (0, 0)
    assert again.models == first.models
    zoo.add(sibling(BASE, 1), "new")
    more = ranked(zoo, splits)
    assert (more.blocks, more.run) == (CUTS, CUTS)
    assert [model for model in more.models if model.card.name != "new"] == list(first.models)
    assert ranked(zoo, splits, seed=1).run > 0
    assert ranked(zoo, digit_splits(16, 8)).run > 0
    zoo.remove("new")
    zoo.gc()
    zoo.add(sibling(BASE, 1), "new")
    assert ranked(zoo, splits).run == CUTS


def test_of_more_examples_only_the_new_ones_are_computed(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(zoo.path.parent))
    computed: list[int] = []
    call = Engine.__call__

    def counted(engine: Engine, batch: np.ndarray) -> list[np.ndarray]:
        computed.append(len(batch))
        return call(engine, batch)

    def choice(*_: object, **__: object) -> None:
        raise AssertionError("an engine is known")

    splits = digit_splits(80, 20)
    fewer = Splits(
        train=splits.train.examples.some(splits.train.indices[7:]),
        validation=splits.validation,
        test=splits.test,
        classes=splits.classes,
    )
    ranked(zoo, fewer, pattern="base", top=1)
    monkeypatch.setattr(Engine, "__call__", counted)
    monkeypatch.setattr(probing, "choose", choice)
    found = ranked(zoo, splits, pattern="base", top=1)
    assert sum(computed) == 7
    assert found.models[0].score.accuracy == pytest.approx(alone(zoo.open("base"), splits), abs=1e-9)


def test_the_best_quarter_goes_on_to_more_data(zoo: Zoo) -> None:
    zoo.add(demo_network(), "digits")
    splits = digit_splits(80, 20)
    found = ranked(zoo, splits, pattern="[bod]*", top=1)
    assert names(found)[0] == "digits"
    assert [model.score.learned for model in found.models] == [400, 100, 100]
    assert found.models[0].score.accuracy == pytest.approx(alone(demo_network(), splits), abs=1e-9)
    whole = ranked(zoo, splits, pattern="[bod]*", top=3)
    assert [model.score.learned for model in whole.models] == [400, 400, 400]
    assert whole.run == CUTS + 1  # of the two that were left behind


def test_of_siblings_that_are_one_network_up_to_their_best_cut_one_goes_on(zoo: Zoo) -> None:
    found = ranked(zoo, digit_splits(80, 20), pattern="[bho]*", top=2)
    assert {model.card.name: model.score.learned for model in found.models} == {"base": 400, "other": 400, "head": 100}
    first = {model.card.name: model.score for model in ranked(zoo, digit_splits(20, 20), pattern="[bho]*").models}
    assert first["base"].accuracy == first["head"].accuracy > first["other"].accuracy


def test_a_model_may_be_removed_meanwhile(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = Rounds.scored

    def then_removed(rounds: Rounds, cards: Sequence[Card], share: float) -> dict[str, Score]:
        found = scored(rounds, cards, share)
        if "top" in zoo:
            zoo.remove("top")
        return found

    monkeypatch.setattr(Rounds, "scored", then_removed)
    found = ranked(zoo, digit_splits(80, 20), top=3)
    assert set(names(found)) == {"base", "head", "other", "top"}
    assert max(model.score.learned for model in found.models) == 400


def test_what_does_not_fit_is_left_out_with_the_reason(
    zoo: Zoo, small_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    zoo.add(dense_network((30, 20, 10)), "narrow")
    weights = GraphNetwork(replace(BASE.graph, outputs=()), BASE.values, format="weights")
    zoo.add(weights, "weights")
    kernel = next(iter(OTHER.parameters.values()))
    zoo.add(OTHER.assign({kernel.name: kernel.value * np.float32("nan")}), "diverged")
    zoo.add(regraft.open(f"hf:{small_encoder('Bert')}"), "texts")
    found = ranked(zoo, digit_splits(15, 8))
    assert set(names(found)) == {"base", "top", "head", "other"}
    assert found.skipped == {
        "diverged": "some of its weights are not finite",
        "narrow": "the examples cannot be brought to the input input",
        "texts": "it reads texts, and these are numbers",
        "weights": "this saved file holds weights but no graph",
    }
    lines = [f"{word} {number},{word}" for number in range(20) for word in ("good", "bad")]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]))
    found = regraft.rank(tmp_path / "texts.csv", zoo=zoo.path, progress=SILENT)
    assert names(found) == ["texts"]
    assert found.skipped["base"] == "the examples cannot be brought to the input input"


def test_a_model_that_says_how_it_is_fed_is_fed_so_whatever_is_said_for_others(zoo: Zoo) -> None:
    spec = next(iter(OTHER.inputs.values()))
    knowing = OTHER.with_input(replace(spec, range=(-1.0, 1.0), origin="file"))
    zoo.add(knowing, "knowing")
    splits, progress = digit_splits(15, 8), Progress(quiet=True)
    found = ranked(zoo, splits, pattern="*o*", progress=progress)
    assert set(names(found)) == {"knowing", "other", "top"}
    assert found.run == 1 + 1 + CUTS  # what is fed otherwise is nothing shared
    assert progress.said == [
        f"{name}: nothing in it tells how it is fed: {RANGE}, as was said" for name in ("other", "top")
    ]
    alone = ranked(zoo, splits, pattern="*o*", input=None)
    assert (names(alone), alone.run) == (["knowing"], 0)  # its score hangs on nothing that was said
    assert ranked(zoo, splits, pattern="*o*", input="range=0..255").run == 1 + CUTS
    assert alone.skipped == dict.fromkeys(("other", "top"), "the range of the input input is not known")


def test_a_damaged_score_is_found_out_again(zoo: Zoo) -> None:
    splits = digit_splits(15, 8)
    first = ranked(zoo, splits, pattern="other")
    for record in ("{", '{"accuracy": "high"}', '{"accuracy": 1}'):
        with closing(sqlite3.connect(zoo.path / "catalog.sqlite")) as connection, connection:
            connection.execute("UPDATE scores SET record = ?", (record,))
        with pytest.warns(UserWarning, match="a remembered score of the zoo is damaged and left out: "):
            again = ranked(zoo, splits, pattern="other")
        assert again.run == 1
        assert again.models[0].score.accuracy == first.models[0].score.accuracy


def test_a_read_only_zoo_is_ranked_and_says_that_nothing_is_remembered(small_disk: Path) -> None:
    shelf = Zoo(small_disk / "zoo")
    shelf.add(OTHER, "other")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        progress = Progress(quiet=True)
        for _ in range(2):
            assert ranked(shelf, digit_splits(15, 8), progress=progress).run == 1
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    notes = [line for line in progress.said if line.startswith("note: ")]
    assert notes == [f"note: {shelf.path} is read only, so that the scores are not remembered"] * 2


def test_a_zoo_with_nothing_to_rank(tmp_path: Path, zoo: Zoo) -> None:
    with pytest.raises(MissingFile) as refused:
        regraft.rank("nowhere.npz", zoo=tmp_path / "none")
    assert str(refused.value) == (
        f"there is no zoo yet\n  where: {tmp_path / 'none'}\n  to do: `regraft zoo add SOURCE` makes one"
    )
    with pytest.raises(BadArgument) as refused:
        regraft.rank("nowhere.npz", zoo=zoo.path, pattern="mobile*")
    assert str(refused.value) == (
        f"no model has a name like 'mobile*'\n  where: {zoo.path}\n  to do: `regraft zoo list` shows all"
    )
    for card in zoo.list():
        zoo.remove(card.name)
    with pytest.raises(BadArgument) as refused:
        regraft.rank("nowhere.npz", zoo=zoo.path)
    assert str(refused.value) == (
        f"there is no model in the zoo\n  where: {zoo.path}\n  to do: `regraft zoo add SOURCE` adds one"
    )


def test_data_that_cannot_be_ranked_for(tmp_path: Path, zoo: Zoo) -> None:
    with pytest.raises(BadArgument) as refused:
        ranked(zoo, digit_splits(15, 8), top=0)
    assert str(refused.value) == ("a ranking needs a model to go to the end\n  expected: a top of 1 or more\n  got: 0")
    rows = labelled(np.random.default_rng(0).random((40, 10)), np.arange(40) % 2, "rows of ten")
    with pytest.raises(BadData) as refused:
        ranked(zoo, Splits(train=whole(rows), validation=whole(rows), test=whole(rows), classes=rows.classes))
    assert str(refused.value) == (
        "no model of the zoo fits these data\n"
        "  where: rows of ten\n"
        "  got: base: the examples cannot be brought to the input input; head: the examples cannot be brought to the "
        "input input; other: the examples cannot be brought to the input input; ...\n"
        "  to do: `regraft zoo list` says what each model takes; --input says how pictures are fed where a model does "
        "not"
    )
    path = tmp_path / "one.npz"
    np.savez(path, x=np.zeros((9, 784), np.float32), y=np.zeros(9, int))
    with pytest.raises(BadData) as refused:
        regraft.rank(path, zoo=zoo.path)
    assert str(refused.value) == (
        f"there is one class only\n  where: {path}\n  expected: two classes or more to tell apart\n  got: 0"
    )


def test_the_picture_has_each_model_and_says_what_its_axes_are(tmp_path: Path, zoo: Zoo) -> None:
    draw(tmp_path / "ranking.svg", ranked(zoo, digit_splits(15, 8)))
    text = (tmp_path / "ranking.svg").read_text()
    for said in ("base", "other", "FLOPs for one example", "accuracy of a linear head on the best cut"):
        assert said in text
