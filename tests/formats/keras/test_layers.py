"""Every layer gives what Keras gives: files and answers of Keras 2 and 3 are in golden/."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.keras.golden_files import answers, inputs, names, written

from regraft.formats import keras
from regraft.network import GraphNetwork

CASES = [pytest.param(major, name, id=f"{major}-{name}") for major in (2, 3) for name in names(major)]


def opened(folder: Path, major: int, name: str) -> GraphNetwork:
    return keras.read(written(folder, major, name))


@pytest.mark.parametrize(("major", "name"), CASES)
def test_values(major: int, name: str, tmp_path: Path) -> None:
    network = opened(tmp_path, major, name)
    given, wanted = inputs(major, name), answers(major, name)
    if len(given) == 1:
        given = {next(iter(network.inputs)): next(iter(given.values()))}
    assert set(given) == set(network.inputs)
    got = network.run(given, to=list(network.outputs))
    assert len(got) == len(wanted) > 0
    for tensor, one, other in zip(network.outputs, got, wanted, strict=True):
        assert one.shape == other.shape, tensor
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=tensor)
        told = network.tensors[tensor].shape  # in a batch of one's own size
        assert told is not None
        assert all(size in (None, have) for size, have in zip(told, one.shape, strict=True)), tensor
