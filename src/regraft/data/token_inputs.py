"""A network whose input are the numbers of tokens, made one that reads texts by what the user says of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from regraft.data.said import TEXTS, with_user
from regraft.data.vocabularies import read_vocabulary
from regraft.errors import BadArgument
from regraft.network.graph import InputSpec
from regraft.network.network import GraphNetwork

_PASSING = frozenset({"cast", "identity"})  # on the way from an input to the table that it names rows of
_TABLES = {"embedding": 1, "gather": 0, "onnx_gather": 0, "aten.embedding.default": 0}  # and where the table stands


def reads_texts(network: GraphNetwork, said: Mapping[str, Any]) -> GraphNetwork:
    """The network with its input described as `--input vocabulary=FILE,rules=NAME,length=NUMBER` says.

    Words whose numbers its table has no rows for are unknown ones, which is warned of.

    Raises:
        BadArgument: more is said than belongs together, the network has no input of tokens, or nobody says how long
            texts are.
        RegraftError: the file cannot be read; see `read_vocabulary`.
    """
    strange = [key for key in said if key not in (*TEXTS, "length")]
    if strange or "vocabulary" not in said:
        raise BadArgument(
            "what is said of the input does not go together",
            expected="vocabulary=FILE, and beside it some of rules, lower, pad, length",
            got=", ".join(said),
        )
    path, spec = Path(said["vocabulary"]), _tokens(network)
    vocabulary, rows = read_vocabulary(path, said), _rows(network, spec.name)
    if rows is not None and (beyond := sum(number >= rows for number in vocabulary.numbers.values())):
        warnings.warn(
            f"{path.name}: {beyond:,} of {len(vocabulary.numbers):,} words are unknown to the network, which has "
            f"{rows:,} rows for them",
            stacklevel=3,
        )
        vocabulary = vocabulary.within(rows)
    shape = spec.shape or (None, None)
    spec = replace(spec, shape=shape, layout="tokens", tokenizer=vocabulary.said())
    spec = with_user(spec, {"length": said["length"]}) if "length" in said else spec
    if spec.shape[1] is None:
        raise BadArgument(
            "nobody says how long texts are, and what fills them up is read by the network too",
            where=spec.name,
            fix="say how long they were in its training: --input vocabulary=FILE,length=50",
        )
    return network.with_input(spec)


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
            "the network itself says how it reads texts", where=found[0].name, fix="leave out the vocabulary"
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
