"""Texts as points: what a sentence encoder makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import BadArgument, MissingExtra, UnreadableFile
from regraft.network import GraphNetwork
from regraft.network.graph import SENTENCE
from regraft.run import Progress

AS_IT_IS = "{}"  # the template that adds nothing

_BATCH = 32
_TOKENS, _MASK = "input_ids", "attention_mask"


class Sentences:
    """A text encoder and its tokenizer, as a function from texts to points (n d) float32 of length 1."""

    def __init__(self, network: GraphNetwork, folder: Path, templates: Sequence[str] = (AS_IT_IS,)) -> None:
        """Read the tokenizer beside a model.

        Args:
            network: what `regraft.open` gives for `hf:FOLDER`.
            folder: it holds the tokenizer.json.
            templates: what the name or the description of a class is put into ("a photo of a {}").

        Raises:
            BadArgument: the network reads no tokens, there is no tokenizer, or a template has no place for the class.
            UnreadableFile: the tokenizer is damaged.
            MissingExtra: the package tokenizers is not installed.
        """
        if SENTENCE not in network.outputs or _TOKENS not in network.inputs:
            raise BadArgument(
                "this network makes no points of sentences",
                expected=f"an input {_TOKENS} and an output {SENTENCE}, as hf:FOLDER gives them",
                got=f"{', '.join(network.inputs)} -> {', '.join(network.outputs)}",
            )
        for template in templates:
            if AS_IT_IS not in template:
                raise BadArgument(
                    "a template has no place for the class", expected="{} in it: 'a photo of a {}'", got=template
                )
        self._templates = templates
        self._network = network.towards(SENTENCE)
        self._length = network.inputs[_TOKENS].shape[1]
        self._tokenizer = _tokenizer(folder / "tokenizer.json")
        self._filler = _filler(folder / "tokenizer_config.json", self._tokenizer)
        if self._length is not None:
            self._tokenizer.enable_truncation(self._length)

    def points(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """The points of texts; what a text has beyond the tokens that are read does not count."""
        found = list[np.ndarray]()
        with (progress or Progress(silent=True)).task("texts", len(texts)) as advance:
            for start in range(0, len(texts), _BATCH):
                found.append(self._points(texts[start : start + _BATCH]))
                advance(len(found[-1]))
        return _of_length_1(np.concatenate(found))

    def described(self, texts: Sequence[str]) -> np.ndarray:
        """The points of classes by their names or descriptions: the means over all templates."""
        filled = [[template.replace(AS_IT_IS, text) for text in texts] for template in self._templates]
        return _of_length_1(np.mean([self.points(one) for one in filled], axis=0))

    def _points(self, texts: Sequence[str]) -> np.ndarray:
        encoded = self._tokenizer.encode_batch(list(texts))
        length = self._length or max(len(one.ids) for one in encoded)
        tokens = np.full((len(texts), length), self._filler, np.int64)
        mask = np.zeros_like(tokens)
        for row, one in enumerate(encoded):
            tokens[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = one.attention_mask
        fed = {_TOKENS: tokens, _MASK: mask}
        return self._network.run({name: fed[name] for name in self._network.inputs})


def _of_length_1(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)


def _tokenizer(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("tokenizers is needed to read texts", fix="pip install 'regraft[text]'") from error
    if not path.is_file():
        raise BadArgument("there is no tokenizer beside the text encoder", expected=str(path))
    try:
        found = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises bare ones
        raise UnreadableFile("the tokenizer is damaged", where=str(path), got=str(error)) from error
    found.no_padding()
    return found


def _filler(path: Path, tokenizer: Any) -> int:
    """The token that fills up what is shorter, as the record beside a tokenizer names it; else token 0."""
    if not path.is_file():
        return 0
    try:
        said = json.loads(path.read_text(encoding="utf-8")).get("pad_token")
        name = said.get("content") if isinstance(said, dict) else said
        found = None if name is None else tokenizer.token_to_id(name)
    except (ValueError, AttributeError, TypeError) as error:
        raise UnreadableFile("the record of the tokenizer is damaged", where=str(path), got=str(error)) from error
    return 0 if found is None else int(found)
