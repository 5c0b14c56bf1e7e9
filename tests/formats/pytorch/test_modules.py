"""Modules give what torch gives: bit by bit, at another batch than they were traced at, cut or whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formats.pytorch.modules import FAMILIES, PICTURE, ROWS, Shows, Small, Tied, settled
from torch import nn

import regraft
from regraft.errors import BadArgument, UnsupportedFormat, UnsupportedOp
from regraft.formats.pytorch import read_module
from regraft.network import GraphNetwork


def opened(module: nn.Module, shape: tuple[int, ...] = PICTURE) -> GraphNetwork:
    return regraft.open(module, sample=torch.zeros(2, *shape))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_gives_what_the_module_gives(family: str) -> None:
    make, shape = FAMILIES[family]
    module = settled(make())
    network = opened(module, shape)
    for batch in (1, 3):
        x = torch.randn(batch, *shape, requires_grad=True)
        expected = module(x)
        (got,) = network.module(network.outputs)(x)
        assert torch.equal(expected, got)
        if expected.requires_grad:
            weight = torch.cos(torch.arange(expected.numel())).reshape(expected.shape)
            sides = [torch.autograd.grad((side * weight).sum(), x, retain_graph=True)[0] for side in (expected, got)]
            torch.testing.assert_close(sides[0], sides[1], rtol=1e-5, atol=1e-6, equal_nan=True)


def test_names_are_those_of_modules() -> None:
    network = opened(settled(Small()))
    named = [name for name in network.tensors if name.startswith("blocks.1") and name not in network.parameters]
    assert named == [
        "blocks.1.conv1",
        "blocks.1.bn1/stored",
        "blocks.1.bn1/batch.0",
        "blocks.1.bn1/batch.1",
        "blocks.1.bn1/batch.2",
        "blocks.1.bn1",
        "blocks.1.act",
        "blocks.1.conv2",
        "blocks.1.bn2/stored",
        "blocks.1.bn2/batch.0",
        "blocks.1.bn2/batch.1",
        "blocks.1.bn2/batch.2",
        "blocks.1.bn2",
        "blocks.1/add",
        "blocks.1.act@2",
    ]
    assert list(network.inputs) == ["x"]
    assert network.outputs == ("fc",)
    assert [cut.tensor for cut in network.cuts()] == ["stem.2", "blocks.0.act@2", "blocks.1.act@2"]
    assert network.bottleneck() == "flatten"
    assert list(network.layers)[:4] == ["stem.0", "stem.1", "stem.2", "blocks.0.conv1"]
    assert network.layers["blocks.0.bn1"].parameters == tuple(
        f"blocks.0.bn1.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    )


def test_every_cut_can_be_made() -> None:
    network = opened(settled(Small()))
    for cut in network.cuts(all=True):
        trunk, rest = network.split([cut.tensor])
        x = np.random.default_rng(0).normal(size=(3, *PICTURE)).astype("f4")
        np.testing.assert_array_equal(rest.run(trunk.run(x)), network.run(x))


class Masked(nn.Module):
    """Two layers and a mask for both, made from the size of the batch and, where asked, of the values, below them."""

    def __init__(self, *, of_values: bool) -> None:
        super().__init__()
        self.first, self.second, self.of_values = nn.Linear(4, 4), nn.Linear(4, 4), of_values

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = (torch.arange(x.shape[0] * 4).reshape(-1, 4) % 4 < 3).float()
        if self.of_values:
            mask = mask * (x > 0)
        return self.second(self.first(x) * mask) * mask


def test_a_cut_is_asked_for_the_batch_and_not_for_values() -> None:
    x = torch.randn(5, 4)
    network = opened(Masked(of_values=False), (4,))
    trunk, rest = network.split(["first"])
    assert list(rest.inputs) == ["first"]
    np.testing.assert_array_equal(rest.run(trunk.run(x.numpy())), network.run(x.numpy()))
    with pytest.raises(BadArgument, match="data flow past the cut first\n  got: the rest still needs x"):
        opened(Masked(of_values=True), (4,)).split(["first"])


def test_a_weight_with_two_names_is_one_parameter() -> None:
    with pytest.warns(UserWarning, match="Tied: ") as said:
        network = opened(Tied(), (6,))
    assert sorted(str(warning.message) for warning in said) == [
        "Tied: 2 parameters are not read in evaluation and are left out (unused.weight, unused.bias)",
        "Tied: second.weight is the same weight as first.weight and goes by that name",
    ]
    assert list(network.parameters) == ["first.weight"]


def test_a_write_that_another_tensor_shows_is_refused() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        opened(Shows(), ROWS)
    assert str(caught.value) == (
        "1 steps of the model cannot be run\n"
        "  where: Shows\n"
        "  got: aten.add_.Tensor into a tensor that another one, transpose, shows (1: add)\n"
        "  to do: cut below them: to='transpose' can be computed"
    )


def test_all_unknown_operations_are_named_at_once() -> None:
    class Strange(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + 1
            return torch.fft.rfft(x).abs().sum() + torch.linalg.svdvals(x).sum() + torch.fft.rfft(x).abs().mean()

    with pytest.raises(UnsupportedOp) as caught:
        opened(Strange(), ROWS)
    assert (
        caught.value.got
        == "aten.fft_rfft.default (2: fft_rfft, fft_rfft@2); aten.linalg_svdvals.default (1: linalg_svdvals)"
    )
    assert caught.value.fix == "cut below them: to='add' can be computed"


def test_a_branch_on_values_is_refused() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x

    with pytest.raises(
        UnsupportedFormat, match=r"^torch.export cannot trace this module for any batch\n  where: Branches"
    ):
        opened(Branches(), ROWS)


def test_a_module_needs_a_sample() -> None:
    with pytest.raises(BadArgument) as caught:
        regraft.open(Small())
    assert str(caught.value) == (
        "the shape of the module's input is not known\n"
        "  where: Small\n"
        "  to do: give one: regraft.open(module, sample=torch.zeros(2, 3, 224, 224))"
    )


def test_a_sample_of_one_example_is_enough() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 3)).eval()
    network = read_module(module, torch.zeros(1, 3, 4, 4))
    x = torch.randn(5, 3, 4, 4)
    np.testing.assert_allclose(network.run(x.numpy()), module(x).detach().numpy(), atol=1e-6)


def test_the_module_is_left_as_it_is() -> None:
    module = Small().train()
    module.stem[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = opened(module)
    assert module.training
    assert not module.stem[1].training
    network.weights["fc.weight"].data.zero_()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_several_inputs_and_outputs_by_name() -> None:
    class Two(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"sum": left + right, "first": left[:, 0]}

    network = read_module(Two(), {"right": torch.zeros(2, 4), "left": torch.zeros(2, 4)})
    left, right = np.arange(12, dtype="f4").reshape(3, 4), np.ones((3, 4), "f4")
    total, first = network.run({"left": left, "right": right})
    np.testing.assert_array_equal(total, left + right)
    np.testing.assert_array_equal(first, left[:, 0])
