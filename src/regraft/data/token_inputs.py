"""A network whose input are the numbers of tokens, made one that reads texts by what the user says of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data.said import with_user
from regraft.data.vocabularies import read_vocabulary
from regraft.errors import BadArgument, ShapeMismatch
from regraft.files.tokenizers import filler_of, pooling_beside, record, separator_of, tokenizer_at
from regraft.network.graph import InputSpec
from regraft.network.network import GraphNetwork
from regraft.network.texts import TOKENS, encoder, word_vectors
from regraft.network.vocabulary import Vocabulary

_TABLE = 2  # axes of one
_PASSING = frozenset({"cast", "identity"})  # on the way from an input to the table that it names rows of
_TABLES = {"embedding": 1, "gather": 0, "onnx_gather": 0, "aten.embedding.default": 0}  # and where the table stands


def reads_texts(network: GraphNetwork, said: Mapping[str, Any]) -> GraphNetwork:
    """The network with its input described as `--input vocabulary=FILE,rules=NAME,length=NUMBER` says.

    Or as `tokenizer=FILE` does, a tokenizer.json: of an encoder the mask is then computed from the tokens. Words whose
    numbers the network's table has no rows for are unknown ones, which is warned of. Of a file with one array,
    vectors of words, a network is made.

    Raises:
        BadArgument: more is said than belongs together, the network has no input of tokens, or nobody says how long
            texts are.
        RegraftError: the file cannot be read; see `read_vocabulary`.
    """
    for file, beside in (("tokenizer", ("length",)), ("vocabulary", ("rules", "lower", "pad", "length"))):
        if file in said and said.keys() <= {file, *beside}:
            break
    else:
        raise BadArgument(
            "what is said of the input does not go together",
            expected="vocabulary=FILE with some of rules, lower, pad, length; or tokenizer=FILE with length",
            got=", ".join(said),
        )
    path = Path(said[file])
    network = _tokenized(network, path) if file == "tokenizer" else _numbered(network, path, said)
    spec = next(spec for spec in network.graph.inputs if spec.tokenizer)
    spec = with_user(spec, {"length": said["length"]}) if "length" in said else spec
    if spec.shape[1] is None and not any(node.function == "token_mask" for node in network.graph.nodes):
        raise BadArgument(
            "nobody says how long texts are, and what fills them up is read by the network too",
            where=spec.name,
            fix=f"say how long they were in its training: --input {file}=FILE,length=50",
        )
    return network.with_input(spec)


def _tokenized(network: GraphNetwork, path: Path) -> GraphNetwork:
    tokenizer = tokenizer_at(path, record(path.with_name("config.json"), "the encoder"))
    if not tokenizer:
        raise BadArgument(
            "nobody says what fills up shorter texts" if path.is_file() else "there is no such tokenizer",
            where=str(path),
            expected="its padding, or beside it a pad_token in tokenizer_config.json or a pad_token_id in config.json",
        )
    if TOKENS in network.inputs and not network.inputs[TOKENS].tokenizer:
        if (filler := filler_of(tokenizer)) is None:
            raise BadArgument(
                "the token that fills up shorter texts ends texts too: it tells nothing of where they stand",
                where=str(path),
                expected="a padding of its own",
            )
        return encoder(network, tokenizer, filler, separator_of(tokenizer), pooling_beside(path.parent))
    return _described(network, tokenizer)


def _numbered(network: GraphNetwork, path: Path, said: Mapping[str, Any]) -> GraphNetwork:
    vocabulary = read_vocabulary(path, said)
    if not network.inputs and len(network.values) == 1:
        return _of_table(next(iter(network.values.values())), vocabulary, str(path))
    rows = _rows(network, _tokens(network).name)
    if rows is not None and (beyond := sum(number >= rows for number in vocabulary.numbers.values())):
        warnings.warn(
            f"{path.name}: {beyond:,} of {len(vocabulary.numbers):,} words are unknown to the network, which has "
            f"{rows:,} rows for them",
            stacklevel=4,
        )
        vocabulary = vocabulary.within(rows)
    return _described(network, vocabulary.said())


def _of_table(table: np.ndarray, vocabulary: Vocabulary, where: str) -> GraphNetwork:
    """A file with one array, vectors of words: it has a row for each number, or for each but 0, which fills up."""
    most = max(vocabulary.numbers.values())
    if table.ndim != _TABLE or table.dtype.kind != "f" or len(table) not in (most, most + 1):
        raise ShapeMismatch(
            "the vocabulary does not fit the vectors",
            where=where,
            expected=f"({most + 1}, width), a row for each number, or ({most}, width), for each but 0",
            got=str(table.shape),
        )
    if len(table) == most:
        table = np.concatenate([np.zeros_like(table[:1]), table])
    return word_vectors(table, vocabulary, format="vectors")


def _described(network: GraphNetwork, tokenizer: str) -> GraphNetwork:
    spec = _tokens(network)
    return network.with_input(replace(spec, shape=spec.shape or (None, None), layout="tokens", tokenizer=tokenizer))


def _tokens(network: GraphNetwork) -> InputSpec:
    """The one input of a network, (b t)."""
    network.require_graph()
    found = list(network.inputs.values())
    if len(found) != 1 or len(found[0].shape) not in (0, 2):
        raise BadArgument(
            "the network has no input for the numbers of words",
            expected="one input (b t)",
            got=", ".join(f"{spec.name} {spec.shape}" for spec in found),
        )
    if found[0].tokenizer:
        raise BadArgument(
            "the network itself says how it reads texts", where=found[0].name, fix="leave that out of --input"
        )
    return found[0]


def _rows(network: GraphNetwork, input: str) -> int | None:
    """How many rows the table has of which an input names some; None where it goes into no table."""
    names = {input}
    for node in network.graph.nodes:
        if names.isdisjoint(node.refs()):
            continue
        if node.function in _PASSING:
            names.add(node.name)
        elif node.function in _TABLES:
            table = network.tensors[next(ref for k, ref in enumerate(node.refs()) if k == _TABLES[node.function])]
            return table.shape[0] if table.shape else None
    return None
