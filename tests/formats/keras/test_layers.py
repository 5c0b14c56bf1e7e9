"""Every layer gives what Keras gives: files and answers of Keras 2 and 3 are in golden/."""

from __future__ import annotations

import io
import lzma
import runpy
from pathlib import Path

import numpy as np
import oracle
import pytest
from formats.keras.golden_files import answers, golden, inputs, names, written

from regraft.formats import keras
from regraft.formats.keras.layers import LAYERS
from regraft.network import GraphNetwork
from regraft.network.curves import CURVE_NAMES
from regraft.network.functions.curves import CURVES

CASES = [pytest.param(major, name, id=f"{major}-{name}") for major in (2, 3) for name in names(major)]


def opened(folder: Path, major: int, name: str) -> GraphNetwork:
    return keras.read(written(folder, major, name))


@pytest.mark.parametrize(("major", "name"), CASES)
def test_values(major: int, name: str, tmp_path: Path) -> None:
    network = opened(tmp_path, major, name)
    given, wanted = inputs(major, name), answers(major, name)
    assert set(given) == set(network.inputs)
    got = network.run(given, to=list(network.outputs))
    assert len(got) == len(wanted) > 0
    for tensor, one, other in zip(network.outputs, got, wanted, strict=True):
        assert one.shape == other.shape, tensor
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=tensor)
        told = network.tensors[tensor].shape  # in a batch of one's own size
        assert told is not None
        assert all(size in (None, have) for size, have in zip(told, one.shape, strict=True)), tensor


def test_the_page_of_layers_is_up_to_date() -> None:
    root = Path(__file__).parents[3]
    page = runpy.run_path(str(root / "scripts/keras_page.py"))["page"]
    text = (root / "docs/keras.md").read_text(encoding="utf-8")
    assert text == page(text), "run scripts/keras_page.py"


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_says_what_it_gives(kind: str) -> None:
    assert (LAYERS[kind].__doc__ or "").strip().endswith(".")


def test_every_activation_function_that_is_named_can_be_computed() -> None:
    assert set(CURVES) == CURVE_NAMES


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("major", [2, 3])
def test_golden_is_what_keras_says(major: int, tmp_path: Path) -> None:
    folder = Path(__file__).parent
    oracle.run(folder / "keras_oracle.py", str(major), folder, tmp_path / "golden")
    said = dict(np.load(io.BytesIO(lzma.decompress((tmp_path / "golden").read_bytes()))))
    stored = golden(major)
    assert str(said["/version"]) == str(stored["/version"])
    assert said.keys() == stored.keys()
    for key, value in stored.items():
        if "/out/" in key:
            np.testing.assert_allclose(said[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
