"""The vector of a tensor is what a dense layer there would read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network.conftest import Builder
from torch import nn

import regraft
from regraft.network import Graph, GraphNetwork, InputSpec
from regraft.network.vectors import with_vectors


class Steps(nn.Module):
    """A sequence (b t 4) through two dense layers, then the mean over its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))).mean(1))


def test_pictures_with_channels_last_are_averaged_over_their_places(
    conv_net: GraphNetwork, pictures: np.ndarray
) -> None:
    wanted = ["conv1/Relu:0", "add:0"]
    grown, vectors = with_vectors(conv_net, wanted)
    assert [(vectors[name].width, vectors[name].name in grown.outputs) for name in wanted] == [(4, True)] * 2
    for name in wanted:
        known = conv_net.run(pictures, to=name)
        np.testing.assert_allclose(grown.run(pictures, to=vectors[name].name), known.mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_pictures_with_channels_first_are_averaged_over_their_places() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 9, 3), nn.ReLU()).eval()
    network = regraft.open(module, sample=torch.zeros(2, 3, 9, 11))
    x = np.random.default_rng(0).normal(size=(3, 3, 9, 11)).astype("float32")
    grown, vectors = with_vectors(network, ["1", "3"])
    assert [vector.width for vector in vectors.values()] == [4, 9]
    for name, vector in vectors.items():
        known = network.run(x, to=name).mean((2, 3))
        np.testing.assert_allclose(grown.run(x, to=vector.name), known, rtol=1e-5, atol=1e-6)


def test_sequences_are_averaged_over_their_steps() -> None:
    torch.manual_seed(0)
    network = regraft.open(Steps().eval(), sample=torch.zeros(2, 7, 4))
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype("float32")
    grown, vectors = with_vectors(network, ["relu", "relu@2"])
    assert [vector.width for vector in vectors.values()] == [6, 5]
    for name, vector in vectors.items():
        known = network.run(x, to=name).mean(1)
        np.testing.assert_allclose(grown.run(x, to=vector.name), known, rtol=1e-5, atol=1e-6)


def test_a_vector_stands_for_itself(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    grown, found = with_vectors(dense_net, ["dnn/hidden2/Relu:0", "dnn/hidden1/Relu:0"])
    assert grown.outputs == ("dnn/hidden2/Relu:0", "dnn/hidden1/Relu:0")
    assert {name: (vector.name, vector.width) for name, vector in found.items()} == {
        "dnn/hidden2/Relu:0": ("dnn/hidden2/Relu:0", 5),
        "dnn/hidden1/Relu:0": ("dnn/hidden1/Relu:0", 6),
    }
    np.testing.assert_array_equal(
        grown.run(vectors, to="dnn/hidden2/Relu:0"), dense_net.run(vectors, to="dnn/hidden2/Relu:0")
    )


def test_the_source_stays_as_it_is(conv_net: GraphNetwork) -> None:
    before = conv_net.graph
    with_vectors(conv_net, ["conv1/Relu:0"])
    assert conv_net.graph is before
    assert conv_net.outputs == ("dnn/logits/BiasAdd:0",)


@pytest.mark.parametrize("shape", [(None,), (None, 2, 2, 2, 2)])
def test_where_no_dense_layer_can_stand_there_is_no_vector(shape: tuple[int | None, ...]) -> None:
    b = Builder()
    top = b.add("relu:0", "relu", b.add("x:0", "input"))
    spec = InputSpec(name="x:0", shape=shape, layout="flat")
    network = GraphNetwork(Graph(nodes=tuple(b.nodes), inputs=(spec,), outputs=(top,)), b.values, format="test")
    grown, vectors = with_vectors(network, [top])
    assert (grown.outputs, vectors) == ((), {})
