"""Weights of a file put into a user's own module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.loading import load_into

RANDOM = np.random.default_rng(0)


def values(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name.replace("__", "/"): RANDOM.normal(size=shape).astype("float32") for name, shape in shapes.items()}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, (3, 5))
        self.depth = nn.Conv2d(4, 8, 3, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.hidden1 = nn.Linear(6, 6)


def test_names_and_layouts_are_turned_from_tensorflow_to_torch() -> None:
    net = Net()
    given = values(
        conv1__kernel=(3, 5, 2, 4), conv1__bias=(4,), depth__depthwise_weights=(3, 3, 4, 2), depth__biases=(8,),
        norm__gamma=(8,), norm__beta=(8,), norm__moving_mean=(8,), norm__moving_variance=(8,),
        hidden1__kernel=(6, 6), hidden1__bias=(6,), global_step=(),
    )  # fmt: skip
    loaded = load_into(net, given)
    assert str(loaded) == (
        "loaded 10/10 tensors, 100.0 % of the parameters\n"
        "  not in the module: 1 of the optimizer's slots and counters\n"
        "note: torch's own eps of 1e-05 stands in 1 batch norm (norm); weights do not hold it, and TensorFlow's layers "
        "have 0.001: BatchNorm2d(..., eps=1e-3)"
    )
    np.testing.assert_array_equal(net.conv1.weight.detach(), given["conv1/kernel"].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(net.hidden1.weight.detach(), given["hidden1/kernel"].T)
    np.testing.assert_array_equal(net.norm.running_var, given["norm/moving_variance"])
    depthwise = given["depth/depthwise_weights"]
    for channel in range(4):
        for multiple in range(2):
            np.testing.assert_array_equal(
                net.depth.weight.detach()[channel * 2 + multiple, 0], depthwise[:, :, channel, multiple]
            )


def test_a_map_of_names_leads_where_names_differ() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    given = values(hidden1__kernel=(3, 2), hidden1__bias=(2,), hidden2__kernel=(2, 2))
    loaded = load_into(net, given, rename={"hidden1/(.*)": r"0/\1"})
    assert loaded.matched == {"hidden1/kernel": "0.weight", "hidden1/bias": "0.bias"}
    assert loaded.untouched == ("1.weight", "1.bias")
    assert loaded.unused == ("hidden2/kernel",)
    assert loaded.percent == pytest.approx(100 * 8 / 14)


def test_what_belongs_to_the_optimizer_is_counted_not_listed() -> None:
    slots = {f"{name}/{slot}": (2,) for name in ("0/bias", "other/bias") for slot in ("Adam", "Adam_1")}
    counters = {"beta1_power": (), "train/beta2_power_1": (), "global_step": ()}
    averages = {"0/bias/ExponentialMovingAverage": (2,), "steps": ()}
    given = values(**{"0/bias": (2,), "other/bias": (2,), **slots, **counters, **averages})
    loaded = load_into(nn.Sequential(nn.Linear(3, 2)), given)
    assert str(loaded) == (
        "loaded 1/2 tensors, 25.0 % of the parameters\n"
        "  not in the file: 0.weight\n"
        "  not in the module: other/bias\n"
        "  not in the module: 0/bias/ExponentialMovingAverage\n"
        "  not in the module: steps\n"
        "  not in the module: 7 of the optimizer's slots and counters"
    )
    assert set(loaded.unused) == set(given) - {"0/bias"}


def test_only_a_batch_norm_that_was_loaded_and_has_torchs_eps_is_noted() -> None:
    net = nn.ModuleDict(
        {
            "one": nn.BatchNorm1d(2),
            "told": nn.BatchNorm1d(2, eps=1e-3),
            "left": nn.BatchNorm1d(2),
            "layer": nn.LayerNorm(2),
        }
    )
    given = values(one__gamma=(2,), told__gamma=(2,), layer__gamma=(2,))
    assert load_into(net, given).notes == (
        "torch's own eps of 1e-05 stands in 1 batch norm (one); weights do not hold it, and TensorFlow's layers "
        "have 0.001: BatchNorm2d(..., eps=1e-3)",
    )
    assert load_into(net, values(told__gamma=(2,), layer__gamma=(2,))).notes == ()


def test_nothing_that_matches_is_an_error() -> None:
    with pytest.raises(BadArgument) as error:
        load_into(nn.Sequential(nn.Linear(3, 2)), values(hidden1__kernel=(3, 2)))
    assert str(error.value) == (
        "none of the file's weights is in the module\n"
        "  expected: names like 0.weight, 0.bias\n"
        "  got: names like hidden1/kernel\n"
        "  to do: map them: rename={'old name': 'new name'}; groups work: {'(.*)/kernel': r'\\1.weight'}"
    )


def test_a_shape_that_does_not_fit_changes_nothing() -> None:
    net = nn.ModuleDict({"hidden1": nn.Linear(3, 2)})
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ShapeMismatch) as error:
        load_into(net, values(hidden1__bias=(2,), hidden1__kernel=(4, 2)))
    assert str(error.value) == (
        "1 of the file's weights do not fit the module; nothing was changed\n"
        "  expected: hidden1.weight (2, 3)\n"
        "  got: hidden1/kernel (2, 4)\n"
        "  to do: leave them out: rename={'old name': 'not used'}"
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.fc = nn.Linear(4, 4)
        self.act = nn.PReLU(4)


def test_a_layout_nobody_says_is_told_by_shapes_and_by_the_word_for_weights() -> None:
    net = Small()
    given = values(conv__W=(4, 2, 3, 3), fc__W=(4, 4), act__alpha=(1, 1, 4))  # as Lasagne keeps them
    loaded = load_into(net, given, rename={"(.*)/W": r"\1.weight"}, layout=None)
    assert loaded.notes[0] == (
        "the file does not say its layout: convolutions taken as (out in h w), by their shapes; "
        "dense layers taken as (in out), by their names"
    )
    np.testing.assert_array_equal(net.conv.weight.detach(), given["conv/W"])
    np.testing.assert_array_equal(net.fc.weight.detach(), given["fc/W"].T)
    np.testing.assert_array_equal(net.act.weight.detach(), given["act/alpha"].reshape(4))


def test_torchs_layout_is_left_as_it_is() -> None:
    net = Small()
    given = {name: value.numpy() + 1 for name, value in net.state_dict().items()}
    assert str(load_into(net, given, layout="torch")) == "loaded 5/5 tensors, 100.0 % of the parameters"
    assert all(np.array_equal(given[name], value) for name, value in net.state_dict().items())


def test_two_layouts_that_fit_are_not_guessed() -> None:
    net = nn.ModuleDict({"fc": nn.Linear(4, 4)})
    before = net["fc"].weight.clone()
    with pytest.raises(BadArgument) as error:
        load_into(net, values(arr_0=(4, 4)), rename={"arr_0": "fc.weight"}, layout=None)
    assert str(error.value) == (
        "two layouts fit the file's dense weights, and nothing tells which it is\n"
        "  expected: (in out) or (out in)\n"
        "  got: arr_0 (4, 4)\n"
        "  to do: say it: rename={'old name': {'to': 'new name', 'turn': 'i o -> o i'}}, "
        "or `regraft match` with a sample"
    )
    assert torch.equal(before, net["fc"].weight)
    given = values(arr_0=(4, 4))
    load_into(net, given, rename={"arr_0": {"to": "fc.weight", "turn": "i o -> o i"}}, layout=None)
    np.testing.assert_array_equal(net["fc"].weight.detach(), given["arr_0"].T)


def test_what_is_mapped_to_nothing_is_left_out() -> None:
    net = nn.ModuleDict({"fc": nn.Linear(4, 3)})
    loaded = load_into(net, values(fc__kernel=(4, 3), fc__bias=(3,)), rename={"fc/bias": None})
    assert (loaded.unused, loaded.untouched) == (("fc/bias",), ("fc.bias",))
