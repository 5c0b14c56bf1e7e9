"""Training in a network is training in torch: batch norm, its moving averages, and what is drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formats.pytorch.modules import PICTURE, ROWS, Attention, Small, settled
from thawing import assert_same_in_both_modes, draws, of_state, thawed
from torch import nn
from torch.nn import functional

import regraft
from regraft.network import GraphNetwork, Plan


def opened(module: nn.Module, shape: tuple[int, ...] = PICTURE) -> GraphNetwork:
    return regraft.open(module, sample=torch.zeros(2, *shape))


def one_step(module: nn.Module, network: GraphNetwork, x: torch.Tensor, labels: torch.Tensor) -> None:
    """Compare one step of training: gradients of all weights, and what the buffers become."""
    program = network.module(network.outputs, training=True, updates=True)
    (logits, *following) = program(x)
    functional.cross_entropy(logits, labels).backward()
    module.train()
    expected = module(x)
    functional.cross_entropy(expected, labels).backward()
    assert torch.equal(logits, expected)
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(network.weights[name].grad, parameter.grad, rtol=1e-4, atol=1e-6)
    buffers = dict(module.named_buffers())
    assert set(program.updated) == {name for name in buffers if "running" in name}
    for name, value in zip(program.updated, following, strict=True):
        assert torch.equal(value, buffers[name]), name


def test_a_step_of_training_equals_torchs() -> None:
    module = settled(Small())
    module.drop.p = 0.0
    one_step(module, opened(module), torch.randn(4, *PICTURE), torch.arange(4))


@pytest.mark.slow
def test_a_step_of_training_a_resnet_equals_torchs() -> None:
    timm = pytest.importorskip("timm")
    module = settled(timm.create_model("resnet18", num_classes=7))
    one_step(module, opened(module, (3, 64, 64)), torch.randn(4, 3, 64, 64), torch.arange(4))


def test_moving_averages_are_not_trained() -> None:
    network = opened(settled(Small()))
    still = {name for name, parameter in network.parameters.items() if not parameter.trainable}
    assert still == {name for name in network.parameters if "running" in name}
    assert not any("num_batches_tracked" in name for name in network.parameters)


def test_dropout_is_active_in_training_only() -> None:
    network = opened(settled(Small()))
    x = np.random.default_rng(0).normal(size=(64, *PICTURE)).astype("f4")
    below, dropped = network.run(x, ["flatten", "drop"], training=True)
    kept = dropped != 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(dropped[kept], below[kept] * 2, rtol=1e-6)
    below, dropped = network.run(x, ["flatten", "drop"])
    np.testing.assert_array_equal(dropped, below)


@pytest.mark.parametrize(("kind", "axes"), [(nn.Dropout2d, (2, 3)), (nn.AlphaDropout, ())])
def test_other_kinds_of_dropout(kind: type[nn.Module], axes: tuple[int, ...]) -> None:
    network = opened(nn.Sequential(nn.Identity(), kind(0.4)))
    x = np.random.default_rng(0).normal(size=(40, *PICTURE)).astype("f4")
    np.testing.assert_array_equal(network.run(x), x)
    trained = network.run(x, training=True)
    changed = (trained != x).reshape(40, 3, -1)
    if axes:  # a whole channel is dropped, or none of it
        assert set(np.unique((trained == 0).mean(axes))) == {0.0, 1.0}
    assert changed.any()


def test_attention_drops_its_weights_in_training_at_the_modules_rate() -> None:
    module = Attention(0.5).eval()
    network = opened(module, ROWS)
    x = torch.randn(3, *ROWS)
    np.testing.assert_array_equal(network.run(x.numpy()), module(x).detach().numpy())
    trained = network.module(network.outputs, training=True)
    torch.manual_seed(5)
    (got,) = trained(x)
    torch.manual_seed(5)
    expected = module.train()(x)
    assert torch.equal(got, expected)
    assert not torch.equal(trained(x)[0], got)


def test_paths_that_only_training_drops_are_said() -> None:
    timm = pytest.importorskip("timm")
    module = timm.create_model("vit_tiny_patch16_224", depth=2, img_size=32, drop_path_rate=0.2).eval()
    with pytest.warns(
        UserWarning, match=r"does not drop paths as the module does \(blocks.1.drop_path1, blocks.1.drop"
    ):
        opened(module, (3, 32, 32))


def test_frozen_statistics_are_used_in_training_and_the_rest_learns() -> None:
    network = opened(settled(Small()))
    x = np.random.default_rng(0).normal(size=(12, *PICTURE)).astype("f4")
    done = thawed(network, Plan(at="drop", freeze=None, freeze_statistics=True), x)
    assert done.graft.frozen == {name for name in done.graft.network.parameters if "running" in name}
    assert done.changed == of_state(done.graft, "reused")
    assert_same_in_both_modes(done.graft, x, "flatten")
    assert draws(done.graft, x)
