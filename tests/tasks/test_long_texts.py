"""Texts longer than an encoder reads: windows of them, in every verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from gc import collect
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
import torch
from encoders import minilm, module_of, opened, sentences

import regraft
from regraft.data import open_splits, open_unlabelled
from regraft.data.tokens import with_windows
from regraft.data.windows import Shares, text_windows
from regraft.features import Place, extract
from regraft.network import InputSpec, New, Plan
from regraft.tasks.predict import Predictions
from regraft.tasks.watch import watch

LAYER = "encoder.layer.1.output.LayerNorm"
LONG = 20  # tokens that the small encoders read


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def texts(count: int) -> list[tuple[str, str]]:
    """One to nine sentences, all of a dog or all of a cat."""
    known = sentences(count * 10)
    of = {name: [text for text, label in known if label == name] for name in ("dog", "cat")}
    found = list[tuple[str, str]]()
    for number in range(count):
        name = ("dog", "cat")[number % 2]
        found.append((" ".join(of[name][number * 4 % 90 :][: 1 + number % 9]), name))
    return found


def table(path: Path, count: int = 90) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in texts(count)))
    return path


def reading(folder: Path) -> InputSpec:
    return with_windows(opened(folder).inputs["input_ids"])


def test_windows_are_kept_as_long_as_their_texts(bert: Path, tmp_path: Path) -> None:
    """Those of a stream are gone with each piece of it."""
    (tmp_path / "long.txt").write_text("".join(f"{text}\n" for text, _ in texts(10)))
    examples, spec = open_unlabelled([tmp_path / "long.txt"]), reading(bert)
    windows = text_windows(examples, spec)
    assert windows is not None
    assert text_windows(examples, spec) is windows
    kept = ref(windows)
    del windows, examples
    collect()
    assert kept() is None


def of_transformers(folder: Path, asked: Sequence[Any], stride: int) -> np.ndarray:
    """The mean over the windows of each text, or pair, each counted by its tokens, by transformers."""
    module, tokenizer = module_of(folder)
    typed = module.config.model_type == "bert"  # of others the further windows of a second text get types too
    columns = [list(asked)] if isinstance(asked[0], str) else [list(column) for column in zip(*asked, strict=True)]
    how: dict[str, Any] = {"truncation": "longest_first", "max_length": LONG, "stride": stride, "padding": True}
    fed = tokenizer(*columns, **how, return_overflowing_tokens=True, return_token_type_ids=typed, return_tensors="pt")
    owner = fed.pop("overflow_to_sample_mapping").numpy()
    with torch.no_grad():
        words, mask = module(**fed).last_hidden_state, fed["attention_mask"][..., None]
    vectors, sizes = ((words * mask).sum(1) / mask.sum(1)).numpy(), mask.sum(1).numpy()
    return np.stack([(vectors * sizes)[owner == k].sum(0) / sizes[owner == k].sum() for k in range(len(asked))])


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_features_are_those_of_transformers_windows(kind: str, small_encoder: Any, tmp_path: Path) -> None:
    folder, spec = small_encoder(kind), reading(small_encoder(kind))
    asked = [text for text, _ in texts(40)]
    (tmp_path / "t.txt").write_text("\n".join(asked))
    examples = open_unlabelled([tmp_path / "t.txt"])
    found = extract(opened(folder), ["sentence"], examples, spec, Place(root=tmp_path / "features"))
    assert len(found) == len(asked) < found.store.rows
    expected = of_transformers(folder, asked, spec.overlap or 0)
    np.testing.assert_allclose(found.rows("sentence", np.arange(40)), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.rows("sentence", [31, 8, 31]), expected[[31, 8, 31]], rtol=1e-5, atol=1e-5)


LONG_PAIRS = [
    ("the dog sees the cat " * 8, "a small bird"),
    ("one dog", "a small bird finds a very old red ball " * 6),
    ("the dog sees the cat " * 8, "a small bird " * 9),
    ("a dog", "a cat"),
]


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_features_of_pairs(kind: str, small_encoder: Any, tmp_path: Path) -> None:
    """Where both are too long, each window of one stands beside each of the other."""
    folder, spec = small_encoder(kind), reading(small_encoder(kind))
    rows = "".join(f"{first},{second}\n" for first, second in LONG_PAIRS)
    (tmp_path / "t.csv").write_text("sentence1,sentence2\n" + rows)
    examples = open_unlabelled([tmp_path / "t.csv"])
    found = extract(opened(folder), ["sentence"], examples, spec, Place(root=tmp_path / "features"))
    assert found.windows is not None
    assert found.windows.shares(np.arange(4)).counts[-1] == 1 < found.windows.shares(np.arange(4)).counts[:3].min()
    expected = of_transformers(folder, LONG_PAIRS, spec.overlap or 0)
    np.testing.assert_allclose(found.rows("sentence", np.arange(4)), expected, rtol=1e-5, atol=1e-5)


def test_the_mean_of_one_window_is_that_window() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    alone = Shares(sizes=np.array([3, 20, 7, 9, 11]), ends=np.arange(1, 6))
    np.testing.assert_array_equal(alone.mean(values), values)
    several = Shares(sizes=np.array([20, 20, 10, 5, 1]), ends=np.array([3, 4, 5]))
    expected = (values[0] * 20 + values[1] * 20 + values[2] * 10) / 50
    np.testing.assert_allclose(several.mean(values), [expected, values[3], values[4]], rtol=1e-6)
    assert several.mean(values).dtype == np.float32


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        pytest.param(Plan(new=(New(kind="dense", width=8, activation="relu"),)), marks=pytest.mark.slow),
        pytest.param(Plan(at=LAYER, new=(New(kind="dense", width=4, activation="tanh"),)), marks=pytest.mark.slow),
        pytest.param(Plan(at=LAYER, new=(New(kind="conv", width=8),)), marks=pytest.mark.slow),
        pytest.param(Plan(freeze_below=LAYER), marks=pytest.mark.slow),
        pytest.param(Plan(freeze=None), marks=pytest.mark.slow),
        pytest.param(Plan(at="pooler.activation", freeze_below="pooler/select"), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("features", ["cached", pytest.param("off", marks=pytest.mark.slow)])
def test_a_training_measures_what_its_model_answers(plan: Plan, features: str, bert: Path, tmp_path: Path) -> None:
    """In all kinds of training a text is judged as evaluate and predict judge it."""
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    settings = {"epochs": 2, "features": features, "device": "cpu"}
    result = regraft.fit(opened(bert), data, plan=plan, settings=settings, out=out)
    test = open_splits(data, seed=0).test
    assert result.test is not None
    assert result.test.n == len(test)
    assert regraft.evaluate(out, test).loss == pytest.approx(result.test.loss, rel=1e-5)
    told = regraft.predict(out, test.examples.some(test.indices).examples)
    assert isinstance(told, Predictions)
    np.testing.assert_allclose(told.probability, result.answers, rtol=1e-4, atol=1e-6)


def test_stored_and_computed_features_train_alike(bert: Path, tmp_path: Path) -> None:
    data, values = table(tmp_path / "t.csv"), list[np.ndarray]()
    for features in ("cached", "off"):
        settings = {"epochs": 2, "features": features, "device": "cpu"}
        result = regraft.fit(opened(bert), data, settings=settings, out=tmp_path / features)
        values.append(result.network.parameters["outputs/kernel"].value)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=1e-6)


def test_windows_meet_below_new_layers(bert: Path, tmp_path: Path) -> None:
    """What is said of a text is what its layers make of the mean, worked out by hand."""
    plan = Plan(new=(New(kind="dense", width=8, activation="relu"),))
    data, out = table(tmp_path / "t.csv", 40), tmp_path / "run"
    regraft.fit(opened(bert), data, plan=plan, settings={"epochs": 2}, out=out)
    asked = [text for text, _ in texts(9)]
    (tmp_path / "asked.txt").write_text("\n".join(asked))
    told, network = regraft.predict(out, tmp_path / "asked.txt"), regraft.open(out)
    assert isinstance(told, Predictions)
    weights = {name: parameter.value for name, parameter in network.parameters.items()}
    points = of_transformers(bert, asked, 2)
    hidden = np.maximum(points @ weights["new1/kernel"] + weights["new1/bias"], 0)
    logits = hidden @ weights["outputs/kernel"] + weights["outputs/bias"]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(told.probability, shares, rtol=1e-4, atol=1e-5)


def test_what_is_done_is_said_once(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "note: texts are read in windows of 20 tokens that share 2, whose mean counts: 67 of 90 are longer\n"
    for plan in (Plan(), Plan(freeze_below=LAYER)):
        out = tmp_path / f"run-{plan.freeze_below}"
        regraft.fit(opened(bert), table(tmp_path / "t.csv"), plan=plan, settings={"epochs": 1}, out=out)
        told = capsys.readouterr().err
        assert told.count("note: texts are") == told.count(said) == 1


def test_who_says_a_length_cuts_off(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    regraft.fit(opened(bert), data, settings={"epochs": 1}, input="length=20", out=out)
    assert "note: texts are cut off after 20 tokens: 67 of 90 are longer\n" in capsys.readouterr().err
    begin = "the old dog sees the small red house " * 3
    answers = regraft.predict(out, examples_of(tmp_path, begin, begin + "a cat likes the ball " * 4))
    assert isinstance(answers, Predictions)
    np.testing.assert_array_equal(answers.probability[0], answers.probability[1])


def examples_of(tmp_path: Path, *asked: str) -> Path:
    (tmp_path / "asked.txt").write_text("\n".join(asked))
    return tmp_path / "asked.txt"


@pytest.mark.slow
@pytest.mark.parametrize("plan", [Plan(), Plan(freeze_below=LAYER)])
@pytest.mark.parametrize("task", ["multilabel", "regress"])
def test_labels_and_numbers(task: str, plan: Plan, bert: Path, tmp_path: Path) -> None:
    splits = open_splits(table(tmp_path / "t.csv"), seed=0)
    examples = splits.train.examples
    is_cat = examples.labels == examples.classes.index("cat")
    labels = np.stack([is_cat, np.arange(90) % 3 == 0], 1) if task == "multilabel" else is_cat[:, None] * 2.0
    named = replace(examples, labels=labels, classes=("cat", "third")[: labels.shape[1]])
    parts = {use: replace(getattr(splits, use), examples=named) for use in ("train", "validation", "test")}
    splits = replace(splits, **parts, classes=named.classes)
    result = regraft.fit(opened(bert), splits, plan=plan, settings={"epochs": 2}, out=tmp_path / "run")
    assert result.test is not None
    assert regraft.evaluate(tmp_path / "run", splits.test).loss == pytest.approx(result.test.loss, rel=1e-4)


@pytest.mark.slow
def test_a_search(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    found = regraft.search(opened(bert), data, passes=25, out=out)
    assert capsys.readouterr().err.count("note: texts are read in windows of 20 tokens") == 1
    assert any(trial.stage == "thaw" and trial.epochs for trial in found.trials)
    assert found.winner.test is not None
    again = regraft.evaluate(out, open_splits(data, seed=0).test)
    assert again.loss == pytest.approx(found.winner.test.loss, rel=1e-3)


@pytest.mark.slow
def test_checkpoints_are_judged_alike(bert: Path, tmp_path: Path) -> None:
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    result = regraft.fit(opened(bert), data, plan=Plan(freeze_below=LAYER), settings={"epochs": 2}, out=out)
    looks = list(watch(out, data=open_splits(data, seed=0).validation))
    assert any(look.report.loss == pytest.approx(result.validation.loss, rel=1e-4) for look in looks)


@pytest.mark.slow
def test_a_real_encoder_reads_to_the_end(shared: Path, tmp_path: Path) -> None:
    """Questions of no opinion come first; opinions stand beyond what the encoder reads at once."""
    folder = shared / "data" / "sentences"
    questions = [line[2:] for line in (folder / "TREC.test.all").read_text("latin-1").splitlines()]
    opinions = [line.split(" ", 1) for line in (folder / "stsa.binary.dev").read_text("utf-8").splitlines()]
    rows = list[str]()
    for number in range(72):
        label = "01"[number % 2]
        own = [text for told, text in opinions if told == label][number // 2 * 8 :][:8]
        text = " ".join([*questions[number * 6 :][:14], *own]).replace('"', "''")
        rows.append(f'"{text}",{label}\n')
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(rows))
    network = opened(minilm())
    whole, cut = (
        regraft.fit(network, tmp_path / "t.csv", settings={"seed": 1}, input=input, out=tmp_path / f"run-{input}")
        for input in (None, "length=128")
    )
    assert whole.test is not None
    assert cut.test is not None
    assert whole.validation.accuracy > cut.validation.accuracy + 0.2
