"""Texts computed only as far as they go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import WORDS, opened

from regraft.data import open_unlabelled, prepare
from regraft.data.tokens import encoded
from regraft.features import Features, Place, Trunk, extract, make_engine
from regraft.features.trimming import Trimming
from regraft.network import Graph, GraphNetwork, New, Node, Plan, Ref
from regraft.network.surgery import graft

LAYER, LENGTH = "encoder.layer.0.output.LayerNorm", 12
TEXTS = ["the dog", "a cat sees the old house", "one"]


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_what_only_fills_up_is_not_computed_and_changes_nothing(small_encoder, kind):
    network = opened(small_encoder(kind))
    grafted = graft(network, Plan(freeze_below=LAYER), classes=3, each_place=True).network
    (spec,) = network.inputs.values()
    tokens = torch.from_numpy(np.pad(encoded(TEXTS, spec), ((0, 0), (0, 7)), constant_values=(kind == "Roberta") * 1))
    (layer,) = network.module([LAYER], ["input_ids"])(tokens)
    batch = (tokens, layer, torch.arange(45).reshape(3, 15), torch.zeros(3, 15, dtype=torch.bool))
    trimmed = Trimming(grafted, ("input_ids", LAYER))(batch)
    assert [tuple(tensor.shape) for tensor in trimmed] == [(3, 8), (3, 8, 16), (3, 8), (3, 15)]
    head = grafted.module(list(grafted.outputs), ["input_ids", LAYER])
    torch.testing.assert_close(head(*trimmed[:2])[0], head(*batch[:2])[0][:, :8], atol=1e-6, rtol=1e-5)


def test_without_tokens_nothing_is_cut(bert):
    network = opened(bert)
    batch = (torch.zeros(2, 5, 16), torch.zeros(2, 5, dtype=torch.int64))
    assert Trimming(network, (LAYER,))(batch) is batch


def test_beside_what_is_no_sequence_nothing_is_cut(bert):
    """A convolution begins with its sequence as a picture of one row, whose places lie on another axis."""
    plan = Plan(at=LAYER, new=(New(kind="conv", width=4),))
    grafted = graft(opened(bert), plan, classes=2)
    assert grafted.features[0] == "input_ids"
    batch = (torch.full((2, 5), 4), torch.zeros(2, 1, 5, 16), torch.zeros(2, dtype=torch.int64))
    batch[0][:, 3:] = 0
    assert Trimming(grafted.network, grafted.features)(batch) is batch


class Watched:
    """Features of texts, and how many numbers of them the engine computed."""

    def __init__(self, network: GraphNetwork, tensors: tuple[str, ...], folder: Path) -> None:
        self.computed = 0
        (spec,) = network.inputs.values()
        made = make_engine("torch", Trunk(network, tensors, spec))

        def watched(batch: np.ndarray):
            self.computed += batch.size
            return made.compute(batch)

        random = np.random.default_rng(0)
        lengths = np.r_[9, 10, random.integers(1, 4, 98)]
        path = folder / "texts.txt"
        path.write_text("\n".join(" ".join(random.choice(WORDS, count)) for count in random.permutation(lengths)))
        self.examples = open_unlabelled([path])
        self.tokens = prepare(self.examples, range(100), spec)
        place, engine = Place(root=folder / "cache"), replace(made, compute=watched)
        self.features: Features = extract(network, tensors, self.examples, spec, place, engine=engine, within=True)


def of_one_length(network: GraphNetwork) -> GraphNetwork:
    (spec,) = network.inputs.values()
    return network.with_input(replace(spec, shape=(None, LENGTH)))


@pytest.mark.parametrize(("kind", "filler"), [("Bert", 0), ("Roberta", 1)])
def test_what_fills_up_is_not_computed_and_stored_as_nothing(small_encoder, kind: str, filler: int, tmp_path: Path):
    network = of_one_length(opened(small_encoder(kind)))
    found = Watched(network, ("input_ids", LAYER), tmp_path)
    assert found.computed < 0.6 * found.tokens.size
    everything = range(100)
    assert np.array_equal(found.features.rows("input_ids", everything), found.tokens)
    text = found.tokens != filler
    layer, expected = found.features.rows(LAYER, everything), network.run(found.tokens, to=LAYER)
    np.testing.assert_allclose(layer[text], expected[text], atol=1e-5)
    assert layer.shape == (100, LENGTH, 16)
    assert not layer[~text].any()
    with_it = extract(network, (LAYER,), found.examples, network.inputs["input_ids"], Place(root=tmp_path / "cache"))
    assert with_it.rows(LAYER, everything)[~text].any()


def test_where_what_fills_up_counts_all_is_computed(bert: Path, tmp_path: Path) -> None:
    """A layer that compares each word with the mean of all places."""
    (spec,) = opened(bert).inputs.values()
    nodes = (
        Node(name=spec.name, function="input"),
        Node(name="mask:0", function="token_mask", args=(Ref(spec.name),), kwargs={"filler": 0}),
        Node(name="table:0", function="parameter", args=("table",), kwargs={"trainable": True}),
        Node(name="axis:0", function="constant", args=(0,), kwargs={"dtype": "int32"}),
        Node(name="words:0", function="gather", args=(Ref("table:0"), Ref(spec.name), Ref("axis:0"))),
        Node(name="places:0", function="constant", args=((1,),), kwargs={"dtype": "int32"}),
        Node(name="mean:0", function="mean", args=(Ref("words:0"), Ref("places:0")), kwargs={"keep_dims": True}),
        Node(name="layer:0", function="sub", args=(Ref("words:0"), Ref("mean:0"))),
    )
    table = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
    network = of_one_length(
        GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("layer:0",)), {"table": table}, format="x")
    )
    found = Watched(network, ("layer:0",), tmp_path)
    assert found.computed > found.tokens.size
    text = found.tokens != 0
    layer = found.features.rows("layer:0", range(100))
    np.testing.assert_allclose(layer[text], network.run(found.tokens)[text], atol=1e-6)
    assert not layer[~text].any()
