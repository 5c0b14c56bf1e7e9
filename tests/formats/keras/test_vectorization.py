"""TextVectorization: its words and rules are the input's; what else it may do is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.keras.making import functional, h5, layer

import regraft
from regraft.data.tokens import encoded
from regraft.errors import UnreadableFile, UnsupportedOp

USUAL = {"standardize": "lower_and_strip_punctuation", "split": "whitespace", "ngrams": None, "output_mode": "int"}


def net(folder: Path, **config: Any) -> Path:
    """Texts, numbers of their words, an embedding."""
    texts = layer("InputLayer", "texts", batch_input_shape=[None, 1], dtype="string")
    settings = {**USUAL, "output_sequence_length": 3, "vocabulary": ["dog", "é"], **config}
    layers = (
        texts,
        layer("TextVectorization", "words", "texts", **settings),
        layer("Embedding", "table", "words", input_dim=9, output_dim=2),
        layer("Flatten", "flat", "table"),
    )
    table = {"table": {"embeddings": np.arange(18, dtype=np.float32).reshape(9, 2)}}
    return h5(folder / "net.h5", functional(*layers), table)


def test_words_that_the_author_gave(tmp_path: Path) -> None:
    network = regraft.open(net(tmp_path))
    (spec,) = network.inputs.values()
    assert (spec.name, spec.shape, spec.dtype, spec.layout) == ("words", (None, 3), "int64", "tokens")
    tokens = encoded(["DOG! é", "a É dog dog"], spec)
    assert tokens.tolist() == [[2, 3, 0], [1, 1, 2]]  # only letters of ASCII are made small
    assert network.run(tokens)[0].tolist() == [4, 5, 6, 7, 0, 1]


@pytest.mark.parametrize(
    ("config", "units"),
    [
        ({"standardize": None}, [1, 3, 0]),
        ({"standardize": "lower"}, [1, 3, 0]),
        ({"standardize": "strip_punctuation"}, [1, 3, 0]),
        ({"split": "character", "vocabulary": ["d", "o"], "output_sequence_length": 5}, [2, 3, 1, 1, 1]),
    ],
)
def test_rules(config: dict[str, Any], units: list[int], tmp_path: Path) -> None:
    (spec,) = regraft.open(net(tmp_path, **config)).inputs.values()
    assert encoded(["DOG! é"], spec).tolist() == [units]


@pytest.mark.parametrize(
    ("config", "got"),
    [
        ({"standardize": {"module": "builtins"}}, "standardize {'module': 'builtins'}"),
        ({"split": None}, "split None"),
        ({"ngrams": [1, 2]}, "ngrams [1, 2]"),
        ({"output_mode": "multi_hot"}, "output_mode multi_hot"),
        ({"ragged": True}, "ragged True"),
    ],
)
def test_what_else_it_may_do(config: dict[str, Any], got: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        regraft.open(net(tmp_path, **config))
    assert str(caught.value) == (
        f"this TextVectorization does more than to number words or characters\n"
        f"  where: {tmp_path / 'net.h5'}, layer words\n"
        "  expected: standardize and split of Keras's own, output_mode int, no ngrams\n"
        f"  got: {got}\n"
        "  to do: save the model without the layer, and name its words: --input vocabulary=FILE"
    )


def test_words_that_are_not_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as caught:
        regraft.open(net(tmp_path, vocabulary=None))
    assert str(caught.value) == (
        "the file does not hold the words of its TextVectorization\n"
        f"  where: {tmp_path / 'net.h5'}, layer words\n"
        "  expected: assets/layers/text_vectorization/vocabulary.txt\n"
        "  to do: save it as .keras; or save the model without the layer, and name its words: --input vocabulary=FILE"
    )
