"""ONNX text encoders: with a tokenizer beside them, or named, they read texts as the transformers' folder does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from encoders import as_onnx, bert_in, minilm, opened, sentences, table

import regraft
from regraft.data.said import parse_input
from regraft.data.token_inputs import reads_texts
from regraft.data.tokens import encoded
from regraft.errors import BadArgument
from regraft.network import GraphNetwork, Plan

TEXTS = ["", "the old dog", "unknown " * 40, *(text for text, _ in sentences(20))]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.onnx, and all that transformers has there."""
    folder = bert_in(tmp_path_factory.mktemp("bert"))
    as_onnx(folder, folder / "model.onnx")
    return folder


def alone(bert: Path, folder: Path) -> Path:
    """The file with nothing beside it."""
    return Path(shutil.copy(bert / "model.onnx", folder / "alone.onnx"))


def require_same(network: GraphNetwork, folder: Path, texts: list[str]) -> None:
    other = opened(folder)
    (spec,), (others,) = network.inputs.values(), other.inputs.values()
    tokens = encoded(texts, spec)
    np.testing.assert_array_equal(tokens, encoded(texts, others))
    wanted = other.run(tokens, to="sentence")
    assert wanted.std() > 1e-3
    np.testing.assert_allclose(network.run(tokens, to="sentence"), wanted, rtol=1e-5, atol=1e-5)


def test_features_are_those_of_the_folder(bert: Path) -> None:
    network = regraft.open(bert / "model.onnx")
    (spec,) = network.inputs.values()
    assert (spec.name, spec.layout) == ("input_ids", "tokens")
    assert network.bottleneck() == "sentence"
    assert network.outputs == ("last_hidden_state", "sentence")
    assert len(network.cuts()) == 5
    require_same(network, bert, TEXTS)


def test_opened_at_a_tensor_it_has_no_sentence(bert: Path) -> None:
    network = regraft.open(bert / "model.onnx", to="last_hidden_state")
    assert network.outputs == ("last_hidden_state",)
    assert list(network.inputs) == ["input_ids"]


def test_a_tokenizer_that_is_named(bert: Path, tmp_path: Path) -> None:
    network = regraft.open(alone(bert, tmp_path))
    assert list(network.inputs) == ["input_ids", "attention_mask", "token_type_ids"]
    said = parse_input(f"tokenizer={bert / 'tokenizer.json'},length=20")
    found = reads_texts(network, said)
    assert found.inputs["input_ids"].shape == (None, 20)
    folder = opened(bert)
    wanted = folder.run(encoded(TEXTS, folder.inputs["input_ids"]), to="sentence")
    tokens = encoded(TEXTS, found.inputs["input_ids"])
    np.testing.assert_allclose(found.run(tokens, to="sentence"), wanted, rtol=1e-5, atol=1e-5)


def test_tokenizers_that_cannot_be_used(bert: Path, tmp_path: Path) -> None:
    network = regraft.open(alone(bert, tmp_path))
    beside = "beside it a pad_token in tokenizer_config.json or a pad_token_id in config.json"
    for path, what in (
        (tmp_path / "none.json", "there is no such tokenizer"),
        (Path(shutil.copy(bert / "tokenizer.json", tmp_path)), "nobody says what fills up shorter texts"),
    ):
        with pytest.raises(BadArgument) as caught:
            reads_texts(network, {"tokenizer": str(path)})
        assert str(caught.value) == f"{what}\n  where: {path}\n  expected: its padding, or {beside}"
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": "[SEP]"}')
    with pytest.raises(BadArgument) as caught:
        reads_texts(network, {"tokenizer": str(tmp_path / "tokenizer.json")})
    assert str(caught.value) == (
        "the token that fills up shorter texts ends texts too: it tells nothing of where they stand\n"
        f"  where: {tmp_path / 'tokenizer.json'}\n  expected: a padding of its own"
    )


def test_fitted_and_predicted(bert: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    result = regraft.fit(bert / "model.onnx", data, settings={"epochs": 60}, out=tmp_path / "run")
    assert result.test is not None
    assert result.test.accuracy > 0.8 > result.baselines["majority class"]
    (tmp_path / "q.txt").write_text("dog\na very small cat\n")
    told = regraft.predict(tmp_path / "run", tmp_path / "q.txt").as_json()["predictions"]
    assert [one["input"] for one in told] == ["dog", "a very small cat"]


@pytest.mark.slow
def test_thawed_and_searched(bert: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    thawed = regraft.fit(
        alone(bert, tmp_path),
        data,
        plan=Plan(freeze=r"encoder\.embeddings.*"),
        settings={"epochs": 15, "lr": 0.003},
        input=f"tokenizer={bert / 'tokenizer.json'},length=20",
        out=tmp_path / "run",
    )
    assert thawed.test is not None
    assert thawed.test.accuracy > 0.8
    found = regraft.search(bert / "model.onnx", data, passes=12, out=tmp_path / "search")
    assert len(found.as_json()["curve"]) == 6


@pytest.mark.slow
def test_a_real_encoder(tmp_path: Path) -> None:
    folder = minilm()
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(folder / name, tmp_path)
    if (folder / "1_Pooling").is_dir():
        shutil.copytree(folder / "1_Pooling", tmp_path / "1_Pooling")
    require_same(regraft.open(as_onnx(folder, tmp_path / "model.onnx")), folder, TEXTS[1:])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_an_encoder_of_any_length_is_written(kind: str, small_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    """The file reads texts of all lengths that the encoder has positions for, in batches of all sizes."""
    network = opened(small_encoder(kind))
    regraft.export(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for rows, length in ((1, 1), (1, 20), (5, 3), (33, 16), (2, 17)):
        tokens = np.random.default_rng(length).integers(0, 20, (rows, length))
        found = session.run(list(network.outputs), {"input_ids": tokens})
        for one, other in zip(found, network.run(tokens, to=list(network.outputs)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_model_made_of_an_encoder_is_written(bert: Path, tmp_path: Path) -> None:
    """It answers for the texts that it was trained for as it does itself, and so does the file opened again."""
    plan = Plan(at="encoder.layer.1.output.LayerNorm")
    result = regraft.fit(opened(bert), table(tmp_path / "t.csv"), plan=plan, settings={"epochs": 2}, out=tmp_path / "r")
    regraft.export(result.network, tmp_path / "model.onnx")
    (spec,) = result.network.inputs.values()
    for texts in (TEXTS[:1], TEXTS, TEXTS[3:]):
        tokens, wanted = encoded(texts, spec), result.network.run(encoded(texts, spec))
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        np.testing.assert_allclose(session.run(None, {"input_ids": tokens})[0], wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(regraft.open(tmp_path / "model.onnx").run(tokens), wanted, rtol=1e-5, atol=1e-5)
