"""Tags told together: sums and bests over all taggings, one by one; networks that end in a crf, trained and saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from encoders import opened, tagged
from hypothesis import given
from hypothesis import strategies as st
from tasks.test_tagging import SETTINGS
from torch import Tensor
from torch.nn import functional

import regraft
from regraft.data import open_splits
from regraft.data.iob import may_follow
from regraft.errors import BadArgument
from regraft.network import InputSpec, New, Plan
from regraft.network.from_layers import from_layers
from regraft.run import Progress
from regraft.tasks.crf import Crf
from regraft.tasks.fit import fit
from regraft.tasks.job import settle_job

COUNTS = (3, 1, 4, 2)
TAGS = ("O", "B-a", "I-a", "B-b")
CRF = Plan(new=(New(kind="crf"),))


def drawn(seed: int, tags: int = 3) -> tuple[Crf, Tensor, Tensor]:
    """Random scores of words and steps, and true tags."""
    torch.manual_seed(seed)
    size, words = tags + 1, sum(COUNTS)
    steps = Crf(transitions=torch.randn(size, size).double(), possible=torch.ones(size, size).bool())
    return steps, torch.randn(words, tags).double(), torch.randint(0, tags, (words,))


def rated(crf: Crf, scores: Tensor) -> Iterator[tuple[tuple[int, ...], float]]:
    """Each tagging of one sentence, with its score; those that are impossible are left out."""
    outside = scores.shape[1]
    for tags in product(range(outside), repeat=len(scores)):
        steps = list(zip((outside, *tags), (*tags, outside), strict=True))
        if all(crf.possible[step] for step in steps):
            words = sum(float(scores[at, tag]) for at, tag in enumerate(tags))
            yield tags, words + sum(float(crf.transitions[step]) for step in steps)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_all_taggings_counted_one_by_one(seed: int) -> None:
    crf, scores, tags = drawn(seed)
    expected = 0.0
    for own, true in zip(scores.split(COUNTS), tags.split(COUNTS), strict=True):
        found = dict(rated(crf, own))
        expected += (
            float(torch.tensor([*found.values()], dtype=torch.float64).logsumexp(0)) - found[tuple(true.tolist())]
        )
    assert float(crf.loss(scores, tags, COUNTS)) == pytest.approx(expected / len(tags), rel=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_the_best_are_those_of_all_possible_taggings_looked_at_one_by_one(seed: int, size: int) -> None:
    crf, scores, _ = drawn(seed, size)
    possible = torch.rand(size + 1, size + 1) < 0.7
    possible[0] = possible[:, 0] = True  # there is always one tagging
    crf = Crf(transitions=crf.transitions, possible=possible)
    best = crf.best(scores, COUNTS)
    for own, found in zip(scores.split(COUNTS), best.split(COUNTS), strict=True):
        each = dict(rated(crf, own))
        assert tuple(found.argmax(1).tolist()) == max(each, key=lambda tags: each[tags])
        for at, tag in np.ndindex(*found.shape):
            with_tag = [score for tags, score in each.items() if tags[at] == tag]
            without = found[at].max() - (max(each.values()) - max(with_tag, default=-np.inf))
            assert float(found[at, tag]) == pytest.approx(max(float(without), -87.33654), abs=1e-4)


def test_where_all_steps_are_rated_alike_words_are_told_by_themselves() -> None:
    crf, scores, tags = drawn(0)
    crf = Crf(transitions=torch.zeros_like(crf.transitions), possible=crf.possible)
    torch.testing.assert_close(crf.loss(scores, tags, COUNTS), functional.cross_entropy(scores, tags))
    torch.testing.assert_close(crf.best(scores, COUNTS), scores.log_softmax(1))


def test_a_sentence_without_words_has_no_tags() -> None:
    crf, scores, _ = drawn(0)
    assert crf.best(scores[:0], [0, 0]).shape == (0, 3)
    torch.testing.assert_close(crf.best(scores[:4], [0, 3, 0, 1]), crf.best(scores[:4], [3, 1]))


def test_long_sentences_and_large_scores_stay_finite() -> None:
    crf, _, _ = drawn(0)
    scores, tags = torch.randn(3000, 3) * 100, torch.randint(0, 3, (3000,))
    crf = Crf(transitions=crf.transitions.float(), possible=crf.possible)
    assert torch.isfinite(crf.loss(scores, tags, [3000]))
    assert torch.isfinite(crf.best(scores, [3000])).all()


def test_it_says_what_crfsuite_says() -> None:
    """A model that CRFsuite has trained: its weights give its marginals (by the gradient of the loss) and its tags."""
    suite = pytest.importorskip("sklearn_crfsuite")
    random = np.random.default_rng(0)
    words = [[str(random.integers(6)) for _ in range(count)] for count in (5, 1, 7, 3) * 5]
    tags = [[TAGS[(int(word) + place) % 4] for place, word in enumerate(own)] for own in words]
    model = suite.CRF(c2=0.1, all_possible_transitions=True)
    model.fit([[{word: 1.0} for word in own] for own in words], tags)
    steps = torch.zeros(5, 5, dtype=torch.float64)  # it has no weights for beginnings and ends
    for (before, tag), weight in model.transition_features_.items():
        steps[TAGS.index(before), TAGS.index(tag)] = weight
    crf, counts = Crf(transitions=steps, possible=torch.ones(5, 5).bool()), [len(own) for own in words]
    flat = [word for own in words for word in own]
    state = [[model.state_features_.get((word, tag), 0.0) for tag in TAGS] for word in flat]
    scores, zero = torch.tensor(state, dtype=torch.float64, requires_grad=True), torch.zeros(len(flat)).long()
    crf.loss(scores, zero, counts).backward()
    assert scores.grad is not None
    found = scores.grad * len(flat) + functional.one_hot(zero, 4)
    said = [one for own in model.predict_marginals([[{word: 1.0} for word in own] for own in words]) for one in own]
    np.testing.assert_allclose(found, [[one[tag] for tag in TAGS] for one in said], atol=1e-5)
    taken = [tag for own in model.predict([[{word: 1.0} for word in own] for own in words]) for tag in own]
    assert [TAGS[k] for k in crf.best(scores, counts).argmax(1)] == taken


# --- networks -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tagged(tmp_path_factory.mktemp("data") / "animals.conll")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def run(bert, data, tmp_path_factory):
    """A crf trained on the features of frozen layers."""
    return fit(opened(bert), data, plan=CRF, settings=SETTINGS, out=tmp_path_factory.mktemp("runs") / "run")


def test_a_crf_is_trained_on_stored_features(run):
    linear = 0.6  # what `test_tagging` asks of a linear head on the same features
    assert run.graft.features == (run.graft.at,)
    assert run.test.score > linear
    assert np.abs(run.network.values["outputs/transitions"]).max() > 0.1
    record = json.loads((run.run / "results.json").read_text())
    assert [layer["kind"] for layer in record["plan"]["new"]] == ["crf"]


def test_it_begins_with_how_often_a_tag_follows_each(bert, data):
    job = settle_job(opened(bert), open_splits(data), CRF, None, None, Progress(silent=True))
    steps, classes = np.exp(job.graft.network.values["outputs/transitions"]), job.splits.classes
    np.testing.assert_allclose(steps.sum(1), 1, rtol=1e-5)
    assert job.splits.train.tags is not None
    rows = [[classes[tag] for tag in tags] for tags in job.splits.train.tags.rows()]
    inside = [pair for tags in rows for pair in pairwise((*tags, "end")) if pair[0] == "I-animal"]
    share = inside.count(("I-animal", "B-animal")) / len(inside)
    assert steps[classes.index("I-animal"), classes.index("B-animal")] == pytest.approx(share, abs=0.02)
    first = [tags[0] for tags in rows].count("O") / len(rows)
    assert steps[-1, classes.index("O")] == pytest.approx(first, abs=0.02)
    last = [pair[1] for tags in rows for pair in pairwise((*tags, "end")) if pair[0] == "O"]
    assert steps[classes.index("O"), -1] == pytest.approx(last.count("end") / len(last), abs=0.02)


def test_what_is_trained_further_keeps_its_steps(run, data):
    plan = Plan(at=run.graft.logits, freeze_below=run.graft.at, new=())
    job = settle_job(run.network, open_splits(data), plan, None, None, Progress(silent=True))
    assert not job.by_word
    np.testing.assert_array_equal(
        job.graft.network.values["outputs/transitions"], run.network.values["outputs/transitions"]
    )


def test_it_knows_which_tags_may_follow_each_other(run):
    np.testing.assert_array_equal(run.network.values["outputs/possible"], may_follow(run.validation.classes))


def test_what_is_saved_tags_as_was_measured(run, data):
    splits = open_splits(data)
    report = regraft.evaluate(run.run, splits.test)
    np.testing.assert_array_equal(report.confusion, run.test.confusion)
    assert report.entities == run.test.entities
    assert report.loss == pytest.approx(run.test.loss, rel=1e-4)
    best, *_ = regraft.watch(run.run, seconds=0.01)
    assert best.report.score == run.validation.score


def test_no_tag_follows_one_it_never_follows(run, tmp_path):
    """Weights that rate what cannot be above all else."""
    classes = run.validation.classes
    steps = np.where(may_follow(classes), 0, 1e3)
    network = run.network.assign({"outputs/transitions": steps})
    words = columns_of(tmp_path / "w.conll", ["dog", "sees", "old", "dog"])
    (tags,) = regraft.predict(network, words).tags
    names = [classes[int(tag)] for tag in tags]  # a network by itself calls its classes by their numbers
    allowed = may_follow(classes)
    places = [len(classes), *map(classes.index, names), len(classes)]
    assert all(allowed[step] for step in pairwise(places))


def columns_of(path, words):
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan",
    [
        Plan(freeze=None, new=CRF.new),
        Plan(freeze_below="encoder.layer.1.output.LayerNorm", new=CRF.new),
        Plan(new=(New(kind="conv", width=16, activation="relu"), New(kind="crf"))),
    ],
    ids=["all", "thawed", "neighbours"],
)
def test_layers_below_it_are_trained_with_it(bert, data, tmp_path, plan):
    result = fit(opened(bert), data, plan=plan, settings=SETTINGS, out=tmp_path / "run")
    assert result.test.score > 0.8
    assert regraft.evaluate(result.run, open_splits(data).test).entities == result.test.entities


@pytest.mark.slow
def test_a_training_that_was_paused_goes_on(bert, data, tmp_path, run):
    """The first epochs, then the rest: as if it had not been stopped."""
    out = tmp_path / "run"
    fit(opened(bert), data, plan=CRF, settings={**SETTINGS, "epochs": 3}, out=out)
    (out / "results.json").unlink()
    again = fit(opened(bert), data, plan=CRF, settings=SETTINGS, out=out, resume=True)
    for name, value in run.network.values.items():
        np.testing.assert_array_equal(again.network.values[name], value)


def test_a_network_that_reads_bytes_is_exported_with_the_scores_of_words(data, tmp_path):
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    conv = New(kind="conv", width=16, kernel=5, activation="relu")
    network = from_layers(spec, [New(kind="embedding", width=8), conv])
    plan = Plan(freeze=None, new=(New(kind="crf", name="tags"),))
    found = fit(network, data, plan=plan, settings={"epochs": 1}, out=tmp_path / "run")
    written = regraft.export(found.run, tmp_path / "model", "tf1")
    assert written.left_out == (
        "the crf: the file gives the scores of each token's tags, not how one tag is rated after another"
    )
    again = regraft.open(tmp_path / "model")
    x = np.array([list(b"the old dog sees".ljust(63, b"\0"))])
    scores = found.network.run(x, to="tags/BiasAdd:0")
    np.testing.assert_allclose(again.run(x), scores, atol=1e-5)
    np.testing.assert_array_equal(found.network.run(x), scores)
    assert regraft.export(found.run, tmp_path / "w.safetensors").left_out == ""


def test_classes_of_texts_need_no_crf(bert, tmp_path):
    table = tmp_path / "t.csv"
    rows = [f"the dog number {k},a\nthe cat number {k},b" for k in range(20)]
    table.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(BadArgument) as error:
        fit(opened(bert), table, plan=CRF, out=tmp_path / "run")
    assert str(error.value) == (
        "the crf outputs stands on words in a row\n  expected: sentences whose words are tagged\n"
        "  got: one answer for each example\n  to do: take a dense layer: --new dense"
    )


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            (New(kind="crf"), New(kind="dropout")),
            "a crf is the last layer\n  got: crf, dropout\n  to do: put it behind all others",
        ),
        (
            (New(kind="crf", activation="relu"),),
            "the crf outputs has no activation\n  got: relu\n  to do: leave it out",
        ),
    ],
)
def test_nothing_stands_on_a_crf(bert, data, tmp_path, new, message):
    with pytest.raises(BadArgument) as error:
        fit(opened(bert), data, plan=Plan(new=new), out=tmp_path / "run")
    assert str(error.value) == message
