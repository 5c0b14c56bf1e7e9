"""Which weight goes where: what decides, and what is left undecided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from torch import nn

from regraft.errors import BadArgument
from regraft.network import GraphNetwork
from regraft.network.loading import load_into
from regraft.network.matching import match_module, match_network

RANDOM = np.random.default_rng(0)


def values(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name.replace("__", "/"): RANDOM.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def pairs(found: object) -> dict[str, tuple[str, str, str]]:
    return {p.source: (p.target, p.turn, p.why) for p in found.pairs}  # type: ignore[attr-defined]


class Net(nn.Module):
    """A convolution of 3 x 5, a depthwise one, a batch norm, a dense layer on a picture (8 2 2), and one more."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, (3, 5))
        self.depth = nn.Conv2d(4, 8, 3, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(32, 6)
        self.last = nn.Linear(6, 3)


TENSORFLOW = {
    "conv/kernel": (3, 5, 2, 4), "conv/bias": (4,), "depth/depthwise_kernel": (3, 3, 4, 2), "depth/bias": (8,),
    "norm/gamma": (8,), "norm/beta": (8,), "norm/moving_mean": (8,), "norm/moving_variance": (8,),
    "fc/kernel": (32, 6), "fc/bias": (6,), "last/kernel": (6, 3), "last/bias": (3,), "global_step": (),
}  # fmt: skip


def test_tensorflows_layout_is_told_by_a_kernel_that_is_not_square() -> None:
    found = match_module(values(**TENSORFLOW), Net())
    assert (found.undecided, found.unused, found.untouched, found.percent) == ({}, (), (), 100)
    assert pairs(found)["conv/kernel"] == ("conv.weight", "h w i o -> o i h w", "name")
    assert pairs(found)["depth/depthwise_kernel"] == ("depth.weight", "h w c m -> (c m) 1 h w", "name")
    assert pairs(found)["fc/kernel"] == ("fc.weight", "(h w c) o -> o (c h w), c=8 h=2 w=2", "name")
    assert found.notes == (
        "the file's kernels are (h w i o), height before width",
        "the file's dense layers are (i o)",
        "rows of dense layers after a picture are taken as (h w c); --sample decides",
    )


def test_swapped_sides_are_told_by_a_kernel_that_is_not_square() -> None:
    given = values(**{**TENSORFLOW, "conv/kernel": (5, 3, 2, 4)})
    found = match_module(given, Net())
    assert pairs(found)["conv/kernel"][1] == "w h i o -> o i h w"
    assert found.notes[0] == "the file's kernels are (w h i o), width before height: SWAPPED"
    net = Net()
    load_into(net, given, found.rename(), layout=None)
    np.testing.assert_array_equal(net.conv.weight.detach(), given["conv/kernel"].transpose(3, 2, 1, 0))


def test_theanos_flipped_kernels_are_told_by_a_sample(tmp_path: Path) -> None:
    given = values(W=(2, 1, 3, 3), b=(2,), V=(2, 2, 1, 1))
    x = RANDOM.normal(size=(1, 1, 6, 6)).astype("float32")
    convolved = [scipy.signal.convolve2d(x[0, 0], kernel[0], "valid") for kernel in given["W"]]
    hidden = np.stack(convolved)[None] + given["b"][:, None, None]
    np.savez(tmp_path / "sample.npz", input=x, output=np.einsum("oi,bihw->bohw", given["V"][..., 0, 0], hidden))
    found = match_module(
        given, nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 1, bias=False)), tmp_path / "sample.npz"
    )
    assert pairs(found)["W"] == ("0.weight", "o i h w -> o i -h -w", "sample")
    assert pairs(found)["V"] == ("1.weight", "o i h w -> o i h w", "sample")
    assert (
        found.notes[1]
        == "the file's kernels are (o i h w), height before width, from their ends: FLIPPED, as Theano's are"
    )


def test_a_list_goes_by_its_order() -> None:
    given = {str(number): value for number, value in enumerate(Net().state_dict().values()) if value.ndim}
    found = match_module({name: value.numpy() for name, value in given.items()}, Net())
    assert [pair.target for pair in found.pairs] == [n for n in Net().state_dict() if "num_batches" not in n]
    assert {(pair.why, pair.confidence) for pair in found.pairs} == {("order", "fair")}


def test_two_that_fit_the_same_places_are_not_guessed() -> None:
    net = nn.ModuleDict({"key": nn.Linear(4, 5), "query": nn.Linear(4, 5), "head": nn.Linear(5, 2)})
    given = values(first__weight=(5, 4), second__weight=(5, 4), third__weight=(5, 4), top__weight=(2, 5))
    found = match_module(given, net)
    assert pairs(found) == {"top/weight": ("head.weight", "o i -> o i", "only fit")}
    assert found.undecided == dict.fromkeys(list(given)[:3], ("key.weight", "query.weight"))


def test_an_order_that_names_speak_against_is_not_taken() -> None:
    net = nn.ModuleDict({"key": nn.Linear(4, 5, bias=False), "query": nn.Linear(4, 5, bias=False)})
    found = match_module(values(attention__query__weight=(5, 4), attention__key__weight=(5, 4)), net)
    assert found.pairs == ()
    assert set(found.undecided) == {"attention/query/weight", "attention/key/weight"}


def test_square_dense_layers_are_undecided_unless_a_word_tells() -> None:
    net = nn.ModuleDict({"fc": nn.Linear(4, 4)})
    found = match_module(values(fc__V=(4, 4), fc__bias=(4,)), net)
    assert found.undecided == {"fc/V": ("fc.weight",)}
    assert found.notes == ("1 weights fit in two layouts, and nothing tells which: --sample decides",)
    told = match_module(values(fc__kernel=(4, 4), fc__bias=(4,)), net)
    assert pairs(told)["fc/kernel"][1] == "i o -> o i"
    assert told.notes[0] == "two layouts fit; taken is that of files which say kernel"


def test_a_sample_decides(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    given = {name: value.numpy() for name, value in net.state_dict().items()}
    given = {name: value.T.copy() if value.ndim == 2 else value for name, value in given.items()}
    x = torch.randn(3, 4)
    with torch.no_grad():
        np.savez(tmp_path / "sample.npz", input=x.numpy(), output=net(x).numpy())
    other = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    before = {name: value.clone() for name, value in other.state_dict().items()}
    found = match_module(given, other, tmp_path / "sample.npz")
    assert {pair.turn for pair in found.pairs} == {"", "i o -> o i"}
    assert found.difference is not None
    assert found.difference < 1e-6
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
    np.savez(tmp_path / "wrong.npz", input=x.numpy(), output=np.zeros((3, 4), "f4") + 9)
    with pytest.raises(BadArgument) as error:
        match_module(given, other, tmp_path / "wrong.npz")
    text = str(error.value)
    assert text.startswith(
        "no way to put the file into the model gives the expected output\n"
        "  expected: a relative difference of at most 0.0001\n  got: "
    )
    assert text.endswith(
        " at best, of 2 ways tried\n"
        "  to do: look at the proposal without the sample, edit the map it writes, and load that"
    )


def test_nothing_fits() -> None:
    with pytest.raises(BadArgument) as error:
        match_module(values(w=(7, 9)), nn.Linear(2, 3))
    assert str(error.value) == (
        "no weight of the file fits any place of the model\n  expected: weight (3, 2), bias (3,)\n  got: w (7, 9)"
    )


def test_a_network_takes_what_fits(dense_net: GraphNetwork, vectors: np.ndarray, tmp_path: Path) -> None:
    given = {
        name.replace("/kernel", ".weight").replace("/bias", ".bias"): p.value.T
        for name, p in dense_net.assign({"hidden1/bias": np.ones(6)}).parameters.items()
    }
    expected = dense_net.assign({"hidden1/bias": np.ones(6)}).run(vectors)
    blank = dense_net.assign({name: p.value * 0 for name, p in dense_net.parameters.items()})
    found = match_network(given, blank)
    np.testing.assert_array_equal(blank.assign(found.weights).run(vectors), expected)
    np.savez(tmp_path / "sample.npz", input=vectors, output=expected)
    assert match_network(given, blank, tmp_path / "sample.npz").difference == 0


def test_a_sample_without_an_output(dense_net: GraphNetwork, vectors: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "sample.npz", input=vectors)
    given = {name: p.value for name, p in dense_net.parameters.items()}
    with pytest.raises(BadArgument, match="does not hold both an input and the output") as error:
        match_network(given, dense_net, tmp_path / "sample.npz")
    assert error.value.what == "the sample does not hold both an input and the output expected for it"
