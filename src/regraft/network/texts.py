"""A text encoder whose one input are the tokens of texts; the vector of a sentence made of its words'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from regraft.network.graph import CODE, NAMED, SENTENCE, Graph, InputSpec, Node, Ref
from regraft.network.network import GraphNetwork
from regraft.network.vocabulary import Vocabulary

TOKENS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"  # the inputs of text encoders
VECTORS, WORDS = "vectors", "words"  # of a network of word vectors: its table, and the rows of a text
_SEQUENCE = 3  # axes of one


def encoder(
    network: GraphNetwork, tokenizer: str, filler: int | None, separator: int | None, pooling: str | None
) -> GraphNetwork:
    """A text encoder that reads texts, with the vector of a sentence where its first output are words (b t d)."""
    if TOKENS not in network.inputs:
        return network
    network = reading_tokens(network, tokenizer, filler, separator)
    shape = network.tensors[network.outputs[0]].shape or ()
    words = len(shape) == _SEQUENCE and MASK in network.nodes and MASK not in network.inputs
    return with_sentence(network, pooling) if pooling and words else network


def word_vectors(table: np.ndarray, vocabulary: Vocabulary, *, format: str) -> GraphNetwork:
    """A network of vectors of words: each word's, and their mean over the words of a text.

    Args:
        table: (n d), a row for each number of the vocabulary.
    """
    tokens = InputSpec(
        name=TOKENS, shape=(None, None), dtype="int64", layout="tokens", tokenizer=vocabulary.said(), origin="file"
    )
    nodes = (
        Node(name=TOKENS, function="input"),
        Node(name=MASK, function="token_mask", args=(Ref(TOKENS),), kwargs={"filler": vocabulary.filler}),
        Node(name=VECTORS, function="parameter", args=(VECTORS,), kwargs={"trainable": True}),
        Node(name=WORDS, function="embedding", args=(Ref(TOKENS), Ref(VECTORS))),
    )
    graph = Graph(nodes=nodes, inputs=(tokens,), outputs=(WORDS,), collections={NAMED: (WORDS,)})
    return with_sentence(GraphNetwork(graph, {VECTORS: table}, format=format), "mean")


def reading_tokens(
    network: GraphNetwork, tokenizer: str, filler: int | None, separator: int | None, *, causal: bool = False
) -> GraphNetwork:
    """A text encoder whose one input of texts is their tokens: they tell where texts stand, and which of two is which.

    Args:
        filler: the token that fills up; None: it ends texts too.
        separator: the token behind which tokens are of type 1; None: all are of type 0.
        causal: no word looks at later ones, and so what fills up may also end texts, as in CLIP; of another encoder
            that would tell nothing, and it keeps all inputs.
    """
    if filler is None and not causal:
        return network
    tokens = replace(network.inputs[TOKENS], layout="tokens", tokenizer=tokenizer)
    first = [node for node in network.graph.nodes if node.name == TOKENS]
    for node in _told_by_tokens(filler, separator):
        if node.name in network.inputs:
            first += _typed(node, network.inputs[node.name].dtype)
    gone = {node.name for node in first}
    nodes = (*first, *(node for node in network.graph.nodes if node.name not in gone))
    inputs = tuple(
        tokens if spec.name == TOKENS else spec
        for spec in network.graph.inputs
        if spec.name == TOKENS or spec.name not in gone
    )
    return GraphNetwork(replace(network.graph, nodes=nodes, inputs=inputs), network.values, format=network.format)


def _told_by_tokens(filler: int | None, separator: int | None) -> Iterator[Node]:
    """What is computed of tokens in place of a further input."""
    tokens = (Ref(TOKENS),)
    if filler is None:
        yield Node(name=MASK, function="aten.ones_like.default", args=tokens)
    else:
        yield Node(name=MASK, function="token_mask", args=tokens, kwargs={"filler": filler})
    if filler is None or separator is None:
        yield Node(name=TYPES, function="aten.zeros_like.default", args=tokens)
    else:
        said = {"separator": separator, "filler": filler}
        yield Node(name=TYPES, function="token_types", args=tokens, kwargs=said)


def _typed(node: Node, dtype: str) -> list[Node]:
    """A node of int64 as the type that an input has in whose place it stands."""
    if dtype == "int64":
        return [node]
    whole = replace(node, name=f"{node.name}@int64")
    return [whole, Node(name=node.name, function="cast", args=(Ref(whole.name),), kwargs={"DstT": dtype})]


def with_sentence(network: GraphNetwork, pooling: str) -> GraphNetwork:
    """A text encoder with one more output, the vector of a sentence: the mean of its words' or that of the first."""
    words = Ref(network.outputs[0])
    if pooling == "cls":
        new = [(SENTENCE, "aten.select.int", (words, 1, 0))]
    else:
        new = [
            ("sentence/mask", "aten.unsqueeze.default", (Ref(MASK), -1)),
            ("sentence/weights", "aten.type_as.default", (Ref("sentence/mask"), words)),
            ("sentence/weighted", "aten.mul.Tensor", (words, Ref("sentence/weights"))),
            ("sentence/sum", "aten.sum.dim_IntList", (Ref("sentence/weighted"), (1,))),
            ("sentence/count", "aten.sum.dim_IntList", (Ref("sentence/weights"), (1,))),
            ("sentence/least", "aten.clamp.default", (Ref("sentence/count"), 1e-9)),
            (SENTENCE, "aten.div.Tensor", (Ref("sentence/sum"), Ref("sentence/least"))),
        ]
    found = with_outputs(network, new, (*network.outputs, SENTENCE))
    collections = {**found.collections, CODE: (SENTENCE,)}
    return GraphNetwork(replace(found.graph, collections=collections), found.values, format=found.format)


def with_outputs(
    network: GraphNetwork, new: Sequence[tuple[str, str, tuple[Any, ...]]], outputs: tuple[str, ...]
) -> GraphNetwork:
    """The network with more nodes, each a name, a function and its arguments, and with these outputs."""
    nodes = [Node(name=name, function=function, args=args) for name, function, args in new]
    known = set(network.outputs)
    collections = dict(network.collections)
    if NAMED in collections:
        collections[NAMED] = (*collections[NAMED], *(name for name in outputs if name not in known))
    graph = replace(network.graph, nodes=(*network.graph.nodes, *nodes), outputs=outputs, collections=collections)
    return GraphNetwork(graph, network.values, format=network.format)
