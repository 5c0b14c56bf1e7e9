from __future__ import annotations

import numpy as np
import pytest
import torch
from grounds import demo_network, dense_network
from torch import nn

import regraft
from regraft.errors import BadArgument
from regraft.trials.levels import survey


def test_a_dense_network_is_cut_above_each_of_its_hidden_layers():
    _, levels = survey(demo_network())
    assert [level.cut for level in levels] == [f"dnn/hidden{k}/Relu:0" for k in (1, 2, 3, 4)]
    assert [level.layers for level in levels] == [1, 2, 3, 4]
    assert [level.width for level in levels] == [demo_network().tensors[level.cut].shape[1] for level in levels]
    assert levels[-1].cut == demo_network().bottleneck()
    assert sorted(level.flops for level in levels) == [level.flops for level in levels]


def test_the_surveyed_network_gives_the_vectors_of_all_cuts_and_keeps_the_weights():
    surveyed, levels = survey(demo_network())
    assert surveyed.outputs == tuple(level.vector for level in levels)
    x = np.random.default_rng(0).random((3, 784), np.float32)
    for level in levels:
        np.testing.assert_array_equal(surveyed.run(x, to=level.vector), demo_network().run(x, to=level.cut))


def test_the_bottleneck_stands_for_the_end_of_the_last_block():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(5, 2),
    )  # fmt: skip
    network = regraft.open(module.eval(), sample=torch.zeros(2, 3, 9, 9))
    _, levels = survey(network)
    assert [(level.cut, level.layers, level.width) for level in levels] == [("1", 1, 4), ("5", 2, 5)]
    assert network.bottleneck() == "5"


@pytest.mark.slow
def test_mobilenet_v2_has_a_cut_for_each_of_its_blocks():
    pytest.importorskip("torchvision")
    network = regraft.open("torchvision:mobilenet_v2", weights="random")
    _, levels = survey(network)
    assert [level.layers for level in levels] == [1, *range(3, 52, 3), 52]
    assert [level.width for level in levels] == [32, 16, 24, 24, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320, 1280]
    assert levels[-1].cut == network.bottleneck()


def test_further_cuts_stand_where_they_belong_and_only_once():
    network = dense_network((6, 5, 4, 3, 2))
    _, plain = survey(network)
    assert [level.cut for level in plain] == ["1", "3", "5"]
    _, more = survey(network, ["2", "0", "3"])
    assert [level.cut for level in more] == ["0", "1", "2", "3", "5"]
    assert [level.layers for level in more] == [1, 1, 2, 2, 3]
    assert [level for level in more if level.cut in ("1", "3", "5")] == list(plain)


def test_a_network_without_a_place_for_a_head():
    class Cubes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv3d(1, 2, 3), nn.Conv3d(2, 2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(torch.relu(self.first(x)))

    network = regraft.open(Cubes().eval(), sample=torch.zeros(2, 1, 7, 7, 7))
    with pytest.raises(BadArgument) as error:
        survey(network)
    assert str(error.value) == (
        "this network has no cut that a head can stand on\n"
        "  expected: a tensor (b d), (b t d) or (b h w c) through which all data flow\n"
        "  to do: name one: `regraft fit --at TENSOR`"
    )
