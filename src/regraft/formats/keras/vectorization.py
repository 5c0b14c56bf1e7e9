"""The layer TextVectorization: an input of its own, of the numbers of words, that says how texts become these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regraft.errors import UnreadableFile, UnsupportedOp
from regraft.formats.keras.container import Content
from regraft.formats.keras.model import Layer, Made, Model
from regraft.formats.keras.weights import placed
from regraft.network.vocabulary import RULES, Rules, Vocabulary, listed, of_vectorization

_KIND = "TextVectorization"
_FILE = "vocabulary.txt"
_USUAL = RULES["vectorization"]
# What its settings `standardize` and `split` may be; "lower_and_strip_punctuation" is both.
_STANDARDS = (None, "lower", "strip_punctuation", "lower_and_strip_punctuation")
_SPLITS = ("whitespace", "character")


def reading_texts(model: Model, file: Content) -> tuple[Model, dict[str, Vocabulary]]:
    """The model with such a layer in the place of the input of texts that it reads, and vocabularies by input.

    Raises:
        UnsupportedOp: the layer does something else than to look up words or characters.
        UnreadableFile: the file does not hold its words.
    """
    texts = {
        layer.name for layer in model.layers if layer.kind == "InputLayer" and layer.config.get("dtype") == "string"
    }
    places = {layer.name: place for layer, place in placed(model) if layer.kind == _KIND}
    found: dict[str, Vocabulary] = {}
    layers: list[Layer] = []
    gone: dict[str, str] = {}
    for layer in model.layers:
        reads = [made.layer for call in layer.calls for made in call.reads()]
        if layer.name in places and len(reads) == 1 and reads[0] in texts:
            found[layer.name] = _vocabulary(layer, places[layer.name], file)
            length = layer.config.get("output_sequence_length")
            config = {"batch_shape": [None, length], "dtype": "int64"}
            layers.append(replace(layer, kind="InputLayer", config=config, calls=()))
            gone[reads[0]] = layer.name
        else:
            layers.append(layer)
    inputs = tuple(Made(gone.get(made.layer, made.layer), 0, made.index) for made in model.inputs)
    return replace(model, layers=tuple(one for one in layers if one.name not in gone), inputs=inputs), found


def _vocabulary(layer: Layer, place: str, file: Content) -> Vocabulary:
    where = f"{file.path}, layer {layer.name}"
    settings = layer.config
    strange = {
        key: value
        for key, value, usual in (
            ("standardize", settings.get("standardize"), _STANDARDS),
            ("split", settings.get("split"), _SPLITS),
            ("ngrams", settings.get("ngrams"), (None,)),
            ("output_mode", settings.get("output_mode"), ("int",)),
            ("ragged", settings.get("ragged", False), (False,)),
        )
        if value not in usual
    }
    if strange:
        key, value = next(iter(strange.items()))
        raise UnsupportedOp(
            "this TextVectorization does more than to number words or characters",
            where=where,
            expected="standardize and split of Keras's own, output_mode int, no ngrams",
            got=f"{key} {str(value)[:80]}",
            fix="save the model without the layer, and name its words: --input vocabulary=FILE",
        )
    return listed(of_vectorization(_words(layer, place, file, where)), _rules(settings), where)


def _rules(settings: Any) -> Rules:
    standard = settings.get("standardize") or ""
    return replace(
        _USUAL,
        unit="characters" if settings.get("split") == "character" else "words",
        lower="ascii" if "lower" in standard else "none",
        gone=_USUAL.gone if "punctuation" in standard else "",
    )


def _words(layer: Layer, place: str, file: Content, where: str) -> Sequence[str]:
    """The layer's words: those its author gave it, or those it found and keeps in a file of its own."""
    given = layer.config.get("vocabulary")
    if isinstance(given, list):
        return [str(word) for word in given]
    text = file.texts.get(f"{place}/{_FILE}")
    if text is None:
        raise UnreadableFile(
            "the file does not hold the words of its TextVectorization",
            where=where,
            expected=f"assets/{place}/{_FILE}",
            fix="save it as .keras; or save the model without the layer, and name its words: --input vocabulary=FILE",
        )
    return text.rstrip("\n").split("\n")
