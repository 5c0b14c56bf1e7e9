"""Image models of transformers, and how their own image processors feed them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import regraft
from regraft.data.fitting import fitted, frame, stacked
from regraft.errors import UnreadableFile
from regraft.formats.pytorch.processors import processor_picture
from regraft.network.graph import InputSpec

transformers = pytest.importorskip("transformers")
pytest.importorskip("torchvision")

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}
STAGES = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
SWIN = {"patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "image_size": 32}
# A model -> its configuration, its processor, and what the record says.
MODELS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "ViT": ({**SMALL, "image_size": 32}, "ViT", {"size": {"height": 32, "width": 32}}),
    "DeiT": ({**SMALL, "image_size": 28, "patch_size": 14}, "DeiT",
             {"size": {"height": 32, "width": 32}, "crop_size": {"height": 28, "width": 28}}),
    "Swin": (SWIN, "ViT", {"size": {"height": 32, "width": 32}, "resample": 3, "image_mean": [0.485, 0.456, 0.406]}),
    "ConvNext": (STAGES, "ConvNext", {"size": {"shortest_edge": 56}, "resample": 2}),
    "ResNet": ({**STAGES, "embedding_size": 8, "layer_type": "basic"}, "ConvNext", {"size": {"shortest_edge": 56}}),
    "MobileNetV2": ({"image_size": 64, "depth_multiplier": 0.35}, "MobileNetV2",
                    {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}),
    "Levit": ({"image_size": 64, "hidden_sizes": [16, 16, 16], "num_attention_heads": [2, 2, 2], "depths": [1, 1, 1],
               "key_dim": [8, 8, 8]}, "Levit",
              {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}),
    "MobileViT": ({"image_size": 64, "hidden_sizes": [16, 24, 32],
                   "neck_hidden_sizes": [8, 8, 16, 16, 16, 16, 32]}, "MobileViT",
                  {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}),
}  # fmt: skip
NAMES = {0: "cat", 1: "dog", 2: "macaw"}


def folder_of(name: str, folder: Path) -> Path:
    """A model with random weights, and its processor, as transformers saves them."""
    config, processor, said = MODELS[name]
    kind: Any = getattr(transformers, f"{name}ForImageClassification")
    torch.manual_seed(0)
    labels = {"id2label": NAMES, "label2id": {label: number for number, label in NAMES.items()}}
    kind(kind.config_class(**config, **labels)).eval().save_pretrained(folder)
    getattr(transformers, f"{processor}ImageProcessor")(**said).save_pretrained(folder)
    return folder


def opened(folder: Path) -> regraft.network.network.GraphNetwork:
    with warnings.catch_warnings(action="ignore"):  # what a trace of evaluation does not show
        return regraft.open(f"hf:{folder}")


def as_fed(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """A picture as the description says, by its own formula."""
    low, high = spec.range or (0, 1)
    made = stacked([fitted(pixels, frame(spec, "", ""))], frame(spec, "", "")).astype(np.float32)
    made = made[:, ::-1] if spec.channels == "bgr" else made
    mean, std = (np.array(numbers or [neutral], np.float32).reshape(1, -1, 1, 1)
                 for numbers, neutral in ((spec.mean, 0), (spec.std, 1)))  # fmt: skip
    return (made / 255 * (high - low) + low - mean) / std


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_image_models_of_a_folder_open_as_they_run(name: str, tmp_path: Path) -> None:
    network = opened(folder_of(name, tmp_path))
    spec = network.inputs["pixel_values"]
    module = getattr(transformers, f"{name}ForImageClassification").from_pretrained(tmp_path).eval()
    x = torch.randn(3, *(side or 0 for side in spec.shape[1:]))
    with torch.no_grad():
        np.testing.assert_allclose(network.run(x.numpy()), module(x).logits.numpy(), rtol=1e-5, atol=1e-6)
    assert network.cuts()
    assert regraft.opening.classes_of(f"hf:{tmp_path}", None, network) == list(NAMES.values())
    assert (spec.origin, spec.layout) == ("file", "NCHW")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(90, 120), (75, 75), (61, 185)])
def test_pictures_are_fed_as_the_processor_feeds_them(name: str, shape: tuple[int, int]) -> None:
    """Within 2 of 255 levels at a place and 0.1 on the average: transformers resizes with torch, we with Pillow.

    Where an odd number of pixels is cut off, the two may begin a pixel apart: these sizes have none of that.
    """
    _, processor, said = MODELS[name]
    made = getattr(transformers, f"{processor}ImageProcessor")(**said)
    spec = processor_picture(json.loads(made.to_json_string()), type(made), 3, "here")
    assert spec is not None
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    waves = np.stack([np.sin(rows / 9 + k) * np.cos(columns / 7 - k) for k in range(3)], -1)
    pixels = np.round(127.5 + 100 * waves).astype(np.uint8)
    expected = made(pixels, return_tensors="np")["pixel_values"]
    levels = np.abs(as_fed(pixels, spec) - expected) * (np.array(spec.std or [1.0]).reshape(1, -1, 1, 1)) * 255
    assert levels.shape == (1, *spec.shape[1:])
    assert levels.max() < 2.01
    assert levels.mean() < 0.1


def test_an_old_record_has_the_defaults_of_its_class() -> None:
    said = {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 224}
    spec = processor_picture(said, transformers.ViTImageProcessor, 3, "here")
    assert spec == InputSpec(
        name="", shape=(None, 3, 224, 224), layout="NCHW", channels="rgb", range=(0.0, 1.0), mean=(0.5,) * 3,
        std=(0.5,) * 3, resize="antialias", origin="file",
    )  # fmt: skip
    spec = processor_picture({"size": 224, "crop_pct": 0.875}, transformers.ConvNextImageProcessor, 1, "here")
    assert spec is not None
    assert (spec.crop, spec.resize, spec.channels) == (224 / 256, "bicubic", "grey")
    spec = processor_picture({"size": 384}, transformers.ConvNextImageProcessor, 3, "here")
    assert spec is not None
    assert (spec.shape, spec.crop, spec.resize) == ((None, 3, 384, 384), 1.0, "stretched-bicubic")
    scaled = {"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True, "size": [240, 320]}
    spec = processor_picture(scaled, transformers.ViTImageProcessor, 3, "here")
    assert spec is not None
    assert (spec.shape, spec.range, spec.mean) == ((None, 3, 240, 320), (-1.0, 1.0), ())
    spec = processor_picture({"do_rescale": False}, transformers.ViTImageProcessor, 3, "here")
    assert spec is not None
    assert spec.range == (0.0, 255.0)


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        ({}, None, "transformers does not know its processor"),
        ({}, object, "it says nothing of size, do_rescale, do_normalize"),
        ({"do_resize": False}, "ViT", "pictures keep their size"),
        ({"size": {"longest_edge": 9}}, "ViT", "the size is said by longest_edge"),
        ({"size": {"shortest_edge": 9}}, "ViT", "their shape follows the picture's"),
        ({"crop_size": {"height": 99, "width": 50}}, "DeiT", "99x50 are cut out of 256x256"),
        ({"crop_size": 300}, "DeiT", "pictures are padded"),
        ({"resample": 2}, "DeiT", "pictures are stretched bilinearly before the middle is cut out"),
    ],
)
def test_what_has_no_words_is_said(said: dict[str, Any], kind: Any, reason: str) -> None:
    kind = getattr(transformers, f"{kind}ImageProcessor") if isinstance(kind, str) else kind
    with pytest.warns(UserWarning, match="how pictures are fed") as caught:
        assert processor_picture(said, kind, 3, "here") is None
    assert str(caught[0].message) == (
        f"here: how pictures are fed is not taken from preprocessor_config.json: {reason}; say it: --input"
    )


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ({"size": {"height": "many", "width": 3}}, "ValueError: invalid literal for int() with base 10: 'many'"),
        ({"image_mean": [None]}, "TypeError: float() argument must be a string or a real number, not 'NoneType'"),
        ({"resample": 77}, "KeyError: 77"),
    ],
)
def test_damaged_records(said: dict[str, Any], got: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        processor_picture(said, transformers.ViTImageProcessor, 3, "here")
    assert str(caught.value) == (
        "the record of the image processor is damaged\n  where: here, preprocessor_config.json\n"
        f"  got: {got}\n  to do: copy it again from where the model came"
    )


def test_a_folder_without_a_record_or_with_a_broken_one(tmp_path: Path) -> None:
    folder = folder_of("ViT", tmp_path)
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(UnreadableFile, match="the record of the image processor is damaged"):
        opened(folder)
    (folder / "preprocessor_config.json").unlink()
    spec = opened(folder).inputs["pixel_values"]
    assert (spec.shape, spec.range, spec.origin) == ((None, 3, 32, 32), None, "unknown")
