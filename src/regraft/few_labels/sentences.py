"""Texts as points: what a sentence encoder makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import BadArgument, MissingExtra, UnreadableFile
from regraft.network import GraphNetwork

_BATCH = 32
_TOKENS, _MASK, _SENTENCE = "input_ids", "attention_mask", "sentence"


class Sentences:
    """A text encoder and its tokenizer, as a function from texts to points (n d) float32 of length 1."""

    def __init__(self, network: GraphNetwork, folder: Path) -> None:
        """Read the tokenizer beside a model.

        Args:
            network: what `regraft.open` gives for `hf:FOLDER`.
            folder: it holds the tokenizer.json.

        Raises:
            BadArgument: the network reads no tokens, or there is no tokenizer.
            UnreadableFile: the tokenizer is damaged.
            MissingExtra: the package tokenizers is not installed.
        """
        if _SENTENCE not in network.outputs or not {_TOKENS, _MASK} <= network.inputs.keys():
            raise BadArgument(
                "this network makes no points of sentences",
                expected=f"inputs {_TOKENS} and {_MASK}, and an output {_SENTENCE}, as hf:FOLDER gives them",
                got=f"{', '.join(network.inputs)} -> {', '.join(network.outputs)}",
            )
        self._network = network.towards(_SENTENCE)
        self._tokenizer = _tokenizer(folder / "tokenizer.json")

    def points(self, texts: Sequence[str]) -> np.ndarray:
        """The points of texts; what a text has beyond the tokens its tokenizer keeps does not count."""
        parts = [self._points(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        found = np.concatenate(parts)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def _points(self, texts: Sequence[str]) -> np.ndarray:
        encoded = self._tokenizer.encode_batch(list(texts))
        longest = max(len(one.ids) for one in encoded)
        fed = {name: np.zeros((len(texts), longest), np.int64) for name in (_TOKENS, _MASK)}
        for row, one in enumerate(encoded):
            fed[_TOKENS][row, : len(one.ids)] = one.ids
            fed[_MASK][row, : len(one.ids)] = one.attention_mask
        return self._network.run(fed)


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
