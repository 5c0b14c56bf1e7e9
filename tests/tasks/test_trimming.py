from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders import opened

from regraft.data.tokens import encoded
from regraft.network import New, Plan
from regraft.network.surgery import graft
from regraft.tasks.trimming import Trimming

TEXTS = ["the dog", "a cat sees the old house", "one"]


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_what_only_fills_up_is_not_computed_and_changes_nothing(small_encoder, kind):
    network = opened(small_encoder(kind))
    grafted = graft(network, Plan(freeze_below="encoder.layer.0.output.LayerNorm"), classes=3, each_place=True).network
    (spec,) = network.inputs.values()
    tokens = torch.from_numpy(np.pad(encoded(TEXTS, spec), ((0, 0), (0, 7)), constant_values=(kind == "Roberta") * 1))
    (layer,) = network.module(["encoder.layer.0.output.LayerNorm"], ["input_ids"])(tokens)
    batch = (tokens, layer, torch.arange(45).reshape(3, 15), torch.zeros(3, 15))
    trimmed = Trimming(grafted, ("input_ids", "encoder.layer.0.output.LayerNorm"))(batch)
    assert [tuple(tensor.shape) for tensor in trimmed] == [(3, 8), (3, 8, 16), (3, 8), (3, 15)]
    head = grafted.module(list(grafted.outputs), ["input_ids", "encoder.layer.0.output.LayerNorm"])
    torch.testing.assert_close(head(*trimmed[:2])[0], head(*batch[:2])[0][:, :8], atol=1e-6, rtol=1e-5)


def test_without_tokens_nothing_is_cut(bert):
    network = opened(bert)
    batch = (torch.zeros(2, 5, 16), torch.zeros(2, 5, dtype=torch.int64))
    assert Trimming(network, ("encoder.layer.0.output.LayerNorm",))(batch) is batch


def test_beside_what_is_no_sequence_nothing_is_cut(bert):
    """A convolution begins with its sequence as a picture of one row, whose places lie on another axis."""
    plan = Plan(at="encoder.layer.0.output.LayerNorm", new=(New(kind="conv", width=4),))
    grafted = graft(opened(bert), plan, classes=2)
    assert grafted.features[0] == "input_ids"
    batch = (torch.full((2, 5), 4), torch.zeros(2, 1, 5, 16), torch.zeros(2, dtype=torch.int64))
    batch[0][:, 3:] = 0
    assert Trimming(grafted.network, grafted.features)(batch) is batch
