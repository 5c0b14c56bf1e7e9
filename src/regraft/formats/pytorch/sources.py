"""Modules by address (`timm:NAME`, `torchvision:NAME`, `hf:FOLDER` or `hf:REPOSITORY`), and how they are fed.

The weights are the pretrained ones of the package's hub; or none are fetched, because a file's will be put in, or
because `random` ones are wanted.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from inspect import signature
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from regraft.errors import BadArgument, MissingExtra, MissingFile, UnknownName, UnreadableFile, nearest_names
from regraft.files.tokenizers import pooling_beside, separator_of, tokenizer_at
from regraft.formats.pytorch.hub import fetching, offline_where_unreachable, on_hub
from regraft.formats.pytorch.pictures import USUAL, timm_picture, torchvision_picture
from regraft.formats.pytorch.processors import processor_picture
from regraft.network.graph import PICTURE, SENTENCE, InputSpec
from regraft.network.texts import MASK, TOKENS, TYPES

_README = "README.md"
_SEED = 0  # of random weights: the same for every call


@dataclass(frozen=True, kw_only=True)
class Native:
    """A module of a package, and how it is fed.

    Attributes:
        sample: inputs of a batch of two.
        free: how many of the first dimensions of each input may change.
        picture: how pictures are fed, for networks that take them; its name and shape are not known yet.
        side: inputs that go to every layer beside the data.
        pooling: for text, how the sentence is made of its words: "mean" or "cls"; None: there is none.
        tokenizer: for text, the tokenizer.json; "": there is none.
        separator: for pairs of texts, the token that ends the first; None: what follows has no type of its own.
        outputs: what the outputs are called; (): by the modules that give them.
        together: whether all inputs have one batch.
    """

    module: nn.Module
    sample: Any
    free: int = 1
    picture: InputSpec | None = None
    side: tuple[str, ...] = ()
    pooling: str | None = None
    tokenizer: str = ""
    separator: int | None = None
    outputs: tuple[str, ...] = ()
    together: bool = True


def native(package: str, name: str, *, pretrained: bool, create: Mapping[str, Any]) -> Native:
    """The module at an address.

    Args:
        pretrained: with the hub's weights; else with random ones, always the same.
        create: how else it is created than the package does by itself ({"num_classes": 1001}).

    Raises:
        MissingExtra: the package is not installed.
        UnknownName: it has no such model.
        MissingFile: its hub cannot be reached, or has no weights for it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return _PACKAGES[package](name, pretrained, create)


def class_names(package: str, name: str) -> list[str] | None:
    """The names of the classes a model's published weights tell apart; None where the package does not say."""
    if package == "torchvision":
        weights = _torchvision_weights(_package("torchvision"), name)
        return list(weights.meta.get("categories") or ()) or None if weights else None
    if package == "timm":
        timm = _package("timm")
        config = timm.get_pretrained_cfg(name)
        info = timm.data.ImageNetInfo()
        return [info.index_to_description(k) for k in range(1000)] if config and config.num_classes == 1000 else None
    return _labels(_package("transformers").AutoConfig.from_pretrained(name, **_offline(name)))


def imagenet_accuracy(package: str, name: str) -> float | None:
    """The share of ImageNet's pictures a model's published weights tell right; None where the package does not say."""
    weights = _torchvision_weights(_package("torchvision"), name) if package == "torchvision" else None
    percent = weights.meta.get("_metrics", {}).get("ImageNet-1K", {}).get("acc@1") if weights else None
    return None if percent is None else percent / 100


def licence(package: str, name: str) -> str | None:
    """The licence of a model's published weights; None where the package does not say."""
    if package == "timm":
        config = _package("timm").get_pretrained_cfg(name)
        return (config and config.license) or None
    if package != "hf":
        return None
    readme = _place_of(name, (_README,)) / _README
    if not readme.is_file():
        return None
    said = re.match(r"---\n(?:(?!---).*\n)*?license: *(\S+)", readme.read_text(encoding="utf-8", errors="replace"))
    return said[1] if said else None


def model_names(package: str, pattern: str) -> list[str]:
    """The names of the models of a package whose weights are published, by a pattern as a shell has it.

    Of the hub of transformers those that are fetched most often, 1,000 at most.

    Raises:
        MissingExtra: the package is not installed.
        BadArgument: there is no such package.
        MissingFile: the hub cannot be reached.
    """
    if package == "timm":
        names = _package("timm").list_pretrained()
    elif package == "torchvision":
        names = _package("torchvision").models.list_models()
    elif package == "hf":
        _package("transformers")
        names = on_hub(max(re.split(r"\[.*?\]|[*?]", pattern), key=len))
    else:
        raise BadArgument(f"{package} publishes no models", expected="timm, torchvision or hf")
    return matching(names, pattern)


def _labels(config: Any) -> list[str] | None:
    """The classes a configuration names; those that transformers only numbers are no names."""
    labels: dict[int, str] = config.id2label
    if not _tells_pictures(config) or all(label == f"LABEL_{k}" for k, label in labels.items()):
        return None
    return [str(labels[k]) for k in sorted(labels)]


def _timm(name: str, pretrained: bool, create: Mapping[str, Any]) -> Native:
    timm = _package("timm")
    known = timm.list_models() + timm.list_pretrained()
    if not timm.is_model(name):
        raise UnknownName(f"timm has no model {name!r}", nearest=nearest_names(name, known), fix="timm.list_models()")
    with fetching("timm", name):
        module = timm.create_model(name, pretrained=pretrained, **create)
    config: Mapping[str, Any] = module.pretrained_cfg
    spec = timm_picture(config)
    return Native(module=module, sample=torch.zeros(2, *config["input_size"]), picture=spec)


def _torchvision(name: str, pretrained: bool, create: Mapping[str, Any]) -> Native:
    torchvision = _package("torchvision")
    if name not in torchvision.models.list_models():
        raise UnknownName(
            f"torchvision has no model {name!r}",
            nearest=nearest_names(name, torchvision.models.list_models()),
            fix="torchvision.models.list_models()",
        )
    weights = _torchvision_weights(torchvision, name)
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") and not pretrained else {}
    with fetching("torchvision", name):
        module = torchvision.models.get_model(name, weights=weights if pretrained else None, **options, **create)
    spec, sample = torchvision_picture(weights.transforms() if weights else None)
    return Native(module=module, sample=sample, picture=spec)


def _torchvision_weights(torchvision: Any, name: str) -> Any:
    try:
        return torchvision.models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError):
        return None


def _hf(name: str, pretrained: bool, create: Mapping[str, Any]) -> Native:
    transformers = _package("transformers")
    folder = Path(name)
    if not folder.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise MissingFile("there is no such folder", where=name, expected="a folder with a config.json, or USER/NAME")
    offline = _offline(name)
    with fetching("hf", name):
        config = transformers.AutoConfig.from_pretrained(name, **offline)
        kind = transformers.AutoModelForImageClassification if _tells_pictures(config) else transformers.AutoModel
        if pretrained:
            module = kind.from_pretrained(name, dtype=torch.float32, **offline, **create)
        else:
            module = kind.from_config(config, dtype=torch.float32, **create)
    if hasattr(module, "get_image_features") and hasattr(module, "get_text_features"):
        return paired_model(module, name)
    if module.main_input_name == "pixel_values":
        return picture_model(module, name)
    module = getattr(module, "encoder", module) if config.is_encoder_decoder else module
    place = _place_of(name, ("tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json"))
    return text_model(module, pooling_beside(place), _tokenizer(place, config))


def _place_of(name: str, files: Sequence[str]) -> Path:
    """The folder of a model: its own, or the one into which some files of a hub are fetched, as far as it has them."""
    if Path(name).is_dir():
        return Path(name)
    fetched = importlib.import_module("transformers.utils.hub").cached_file
    with fetching("hf", name):
        for file in files:
            fetched(name, file, _raise_exceptions_for_missing_entries=False)
        return Path(fetched(name, "config.json")).parent


def _offline(name: str) -> dict[str, bool]:
    return {"local_files_only": True} if Path(name).is_dir() else {}


def _tells_pictures(config: Any) -> bool:
    """Whether the model has a head that tells classes of pictures apart."""
    return any(name.endswith("ForImageClassification") for name in config.architectures or ())


def picture_model(module: Any, name: str) -> Native:
    """A model of transformers that takes pictures.

    Args:
        name: the folder or repository whose image processor's record says how they are fed.
    """
    spec, sample = _pictures(module.config, module.config, name)
    return Native(module=module, sample={"pixel_values": sample}, picture=spec)


def paired_model(module: Any, name: str) -> Native:
    """A model of transformers that brings pictures and texts to points that can be compared (CLIP, SigLIP).

    Its outputs are "picture" and "sentence", each of its own inputs; texts are filled up to as many tokens as it has
    positions for.
    """
    spec, pictures = _pictures(module.config.vision_config, module.config, name)
    words = module.config.text_config
    tokens = torch.arange(3 * words.max_position_embeddings).reshape(3, -1) % (words.vocab_size - 1)
    sample = {"pixel_values": pictures, TOKENS: tokens}
    if not words.model_type.startswith("siglip"):  # which reads what fills a text up as it reads the text
        sample[MASK] = torch.ones_like(tokens)
    module.forward = MethodType(_both_points, module)
    return Native(
        module=module,
        sample=sample,
        picture=spec,
        outputs=(PICTURE, SENTENCE),
        together=False,
        tokenizer=_tokenizer(_place_of(name, ("tokenizer.json", "tokenizer_config.json")), words),
    )


def _both_points(module: Any, pixel_values: Tensor, **words: Tensor) -> tuple[Tensor, Tensor]:
    pictures, texts = module.get_image_features(pixel_values=pixel_values), module.get_text_features(**words)
    return pictures.pooler_output, texts.pooler_output


def _pictures(config: Any, whole: Any, name: str) -> tuple[InputSpec | None, Tensor]:
    """How a model of this configuration is fed, which may be part of a whole one, and two pictures for it."""
    said = _processor(name)
    spec = None if said is None else processor_picture(said, _processor_class(said, whole), config.num_channels, name)
    size = getattr(config, "image_size", USUAL)
    height, width = (size, size) if isinstance(size, int) else size
    shape = (config.num_channels, height, width) if spec is None else [side or 0 for side in spec.shape[1:]]
    return spec, torch.zeros(2, *shape)


def _processor(name: str) -> Mapping[str, Any] | None:
    """The record of a model's image processor; None where it has none."""
    base = importlib.import_module("transformers.image_processing_base")
    try:
        with offline_where_unreachable("hf"):
            return base.ImageProcessingMixin.get_image_processor_dict(name, **_offline(name))[0]
    except (OSError, ValueError) as error:
        if "valid JSON" in str(error):
            raise UnreadableFile("the record of the image processor is damaged", where=name, got=str(error)) from error
        return None


def _processor_class(said: Mapping[str, Any], config: Any) -> Any:
    """The class of the image processor: the record's, or where an old one names none the model's."""
    known = importlib.import_module("transformers.models.auto.image_processing_auto").IMAGE_PROCESSOR_MAPPING_NAMES
    usual = (known.get(config.model_type) or {}).get("torchvision", "")
    kind = str(said.get("image_processor_type") or said.get("feature_extractor_type") or usual)
    _package("torchvision")
    name = kind.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    return getattr(_package("transformers"), name, None) if name.endswith("ImageProcessor") else None


def text_model(module: nn.Module, pooling: str | None = "mean", tokenizer: str = "") -> Native:
    """A text encoder of transformers, whose inputs are the numbers of tokens and which of them are none.

    A third are the types of tokens, where it has some and they follow from the tokens of its tokenizer.
    """
    tokens = torch.arange(2 * 13).reshape(2, 13) % 5 + 1
    mask = torch.ones_like(tokens)
    mask[1, 9:] = 0
    sample = {TOKENS: tokens, MASK: mask}
    separator = separator_of(tokenizer) if tokenizer and _has_types(module) else None
    if separator is not None:
        sample[TYPES] = torch.zeros_like(tokens)
    return Native(
        module=module,
        sample=sample,
        free=2,
        side=(MASK,),
        pooling=pooling,
        tokenizer=tokenizer,
        separator=separator,
    )


def _has_types(module: Any) -> bool:
    """Whether a text encoder knows the first of two texts from the second by types."""
    return TYPES in signature(module.forward).parameters and getattr(module.config, "type_vocab_size", 0) > 1


def _tokenizer(folder: Path, config: Any) -> str:
    return tokenizer_at(folder / "tokenizer.json", config.to_dict())


_PACKAGES: Mapping[str, Callable[[str, bool, Mapping[str, Any]], Native]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "hf": _hf,
}
_EXTRAS = {"timm": "timm", "torchvision": "timm", "transformers": "text"}


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(f"{name} is needed for this model", fix=f"pip install 'regraft[{_EXTRAS[name]}]'") from error
