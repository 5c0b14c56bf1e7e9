"""Models of pictures and texts, with random weights: the points are those of transformers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoders import opened
from PIL import Image

from regraft.cli.app import run
from regraft.few_labels.sentences import Sentences

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("torchvision")

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
WORDS = {"vocab_size": 20, "max_position_embeddings": 12, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
VOCABULARY = ["<none>", "<start>", "<end>", "a", "photo", "of", "rose", "tulip", "red", "cup", "and", "very", "."]
TEXTS = ["a rose", "a red tulip and a very red cup", "very " * 40, ""]
PARTS = {"text_config": {**SMALL, **WORDS}, "vision_config": {**SMALL, "image_size": 16, "patch_size": 8}}


def folder_of(name: str, folder: Path) -> Path:
    """A model, its image processor and its tokenizer, as transformers saves them."""
    torch.manual_seed(0)
    extra = {"projection_dim": 16} if name == "CLIP" else {}
    config = getattr(transformers, f"{name}Config")(**PARTS, **extra)
    getattr(transformers, f"{name}Model")(config).eval().save_pretrained(folder)
    size = {"size": {"height": 16, "width": 16}}
    sizes = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}} if name == "CLIP" else size
    getattr(transformers, f"{name}ImageProcessor")(**sizes).save_pretrained(folder)
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: k for k, word in enumerate(VOCABULARY)}, unk_token="<none>")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    pair = [("<start>", 1), ("<end>", 2)]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing("<start> $A <end>", None, pair)
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<end>", unk_token="<none>")
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["CLIP", "Siglip"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(request.param, tmp_path_factory.mktemp(request.param))


def theirs(folder: Path) -> tuple[Any, Any]:
    """The module and the tokenizer."""
    return transformers.AutoModel.from_pretrained(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)


def unit(points: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(points).numpy()


def test_points_of_texts(model: Path) -> None:
    module, tokenizer = theirs(model)
    fed = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=12, return_tensors="pt")
    names = ("input_ids", "attention_mask") if type(module).__name__ == "CLIPModel" else ("input_ids",)
    with torch.no_grad():
        expected = unit(module.get_text_features(**{name: fed[name] for name in names}).pooler_output)
    found = Sentences(opened(model))
    np.testing.assert_allclose(found.points(TEXTS), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.points(TEXTS[1:2]), expected[1:2], rtol=1e-4, atol=1e-5)


def test_points_of_pictures(model: Path) -> None:
    network = opened(model)
    assert network.outputs == ("picture", "sentence")
    spec = network.inputs["pixel_values"]
    assert (spec.shape, spec.layout, spec.origin) == ((None, 3, 16, 16), "NCHW", "file")
    module, _ = theirs(model)
    pixels = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        expected = module.get_image_features(pixel_values=pixels).pooler_output.numpy()
    found = network.run({"pixel_values": pixels.numpy()}, to="picture")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def drawn(folder: Path) -> Path:
    """Pictures of two classes."""
    random = np.random.default_rng(0)
    for name in ("rose", "tulip"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    return folder / "photos"


@pytest.mark.slow
def test_pictures_told_by_names(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = drawn(tmp_path)
    words = ["zeroshot", f"hf:{model}", str(photos), "--template", "a photo of a {}", "--template", "a {} .", "--json"]
    with warnings.catch_warnings(action="ignore"):
        assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["n"], found["majority"]) == ("nearest description", 16, 0.5)
    (tmp_path / "names.csv").write_text("rose\ntulip\n")
    words = ["zeroshot", f"hf:{model}", "--classes", str(tmp_path / "names.csv"), *words[3:], "--predict", str(photos)]
    with warnings.catch_warnings(action="ignore"):
        assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    right = [one["input"].split("/")[-2] == one["class"] for one in told["predictions"]]
    assert sum(right) == round(16 * found["accuracy"])
    assert [one["class"] for one in told["predictions"]] == by_transformers(model, photos)


def by_transformers(folder: Path, photos: Path) -> list[str]:
    module, tokenizer = theirs(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pictures = [Image.open(path) for path in sorted(photos.rglob("*.png"))]
    points = list[np.ndarray]()
    with torch.no_grad():
        seen = unit(module.get_image_features(**processor(pictures, return_tensors="pt")).pooler_output)
        for template in ("a photo of a {}", "a {} ."):
            texts = [template.format(name) for name in ("rose", "tulip")]
            fed = tokenizer(texts, padding="max_length", max_length=12, return_tensors="pt")
            names = ("input_ids", "attention_mask") if type(module).__name__ == "CLIPModel" else ("input_ids",)
            points.append(unit(module.get_text_features(**{name: fed[name] for name in names}).pooler_output))
    return [("rose", "tulip")[k] for k in (seen @ np.mean(points, axis=0).T).argmax(axis=1)]
