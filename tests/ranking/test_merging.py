"""Several networks as one: each computes what it does alone, and what they share is there once."""

from __future__ import annotations

from collections import Counter

import numpy as np
from grounds import demo_network, dense_network

from regraft.network import GraphNetwork
from regraft.ranking.merging import Part, merged


def changed(network: GraphNetwork, *names: str) -> GraphNetwork:
    """The network with other numbers in some of its weights."""
    return network.assign({name: network.parameters[name].value + 0.5 for name in names})


def operations(network: GraphNetwork) -> Counter[str]:
    return Counter(node.function for node in network.graph.nodes)


def test_siblings_share_what_lies_below_their_first_difference() -> None:
    network = demo_network()
    given, output = next(iter(network.inputs)), network.outputs[0]
    wanted = (*(cut.tensor for cut in network.cuts()), output)
    siblings = [network, changed(network, "hidden3/kernel"), changed(network, "outputs/bias")]
    parts = [Part(network=one, tensors=wanted, given=given) for one in siblings]
    whole = merged(parts, network.inputs[given])
    rows = np.random.default_rng(0).random((5, 784), np.float32)
    found = dict(zip(whole.network.outputs, whole.network.run(rows, list(whole.network.outputs)), strict=True))
    for one, names in zip(siblings, whole.names, strict=True):
        for tensor, name in zip(wanted, names, strict=True):
            np.testing.assert_array_equal(found[name], one.run(rows, tensor))
    # five layers of the first, the upper three of the second, and the third has only its last bias for itself
    alone = operations(merged(parts[:1], network.inputs[given]).network)
    together = operations(whole.network)
    assert together["mat_mul"] == alone["mat_mul"] + 3 == 8
    assert len(whole.network.parameters) == len(network.parameters) + 1 + 1
    first, second, third = whole.names
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, False, False]
    assert [a == b for a, b in zip(first, third, strict=True)] == [True, True, True, True, False]


def test_what_has_nothing_in_common_stays_apart() -> None:
    networks = [dense_network((6, 5, 4), seed) for seed in (0, 1)]
    spec = next(iter(networks[0].inputs.values()))
    parts = [Part(network=one, tensors=one.outputs, given=spec.name) for one in networks]
    whole = merged(parts, spec)
    rows = np.ones((2, 6), np.float32)
    for one, found in zip(networks, whole.network.run(rows, list(whole.network.outputs)), strict=True):
        np.testing.assert_array_equal(found, one.run(rows))
    assert len(whole.network.parameters) == 8


def test_weights_are_one_where_type_shape_and_numbers_are_equal() -> None:
    network = dense_network((4, 2, 8))
    ones = network.assign({name: np.ones_like(parameter.value) for name, parameter in network.parameters.items()})
    spec = next(iter(ones.inputs.values()))
    whole = merged([Part(network=ones, tensors=ones.outputs, given=spec.name)] * 2, spec)
    assert sorted(p.shape for p in whole.network.parameters.values()) == [(2,), (2, 4), (8,), (8, 2)]
    square = dense_network((4, 4, 4))
    ones = square.assign({name: np.ones_like(parameter.value) for name, parameter in square.parameters.items()})
    whole = merged([Part(network=ones, tensors=ones.outputs, given=spec.name)], spec)
    assert sorted(p.shape for p in whole.network.parameters.values()) == [(4,), (4, 4)]
