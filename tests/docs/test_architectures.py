"""The page of architectures: its totals are those of its rows, and some of them are tried again."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architectures.md").read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    """A module of scripts/."""
    found = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def test_the_totals_are_those_of_the_rows() -> None:
    counted = re.search(r"\*\*(\d+) of (\d+) work\.\*\* (\d+) do not", PAGE)
    assert counted is not None
    works, total, rest = map(int, counted.groups())
    rows = re.findall(r"^\| `(\w+:\w+)` \|", PAGE, re.MULTILINE)
    refused = re.findall(r"^- `(\w+:\w+)`: .+", PAGE, re.MULTILINE)
    assert (len(rows), len(refused), works + rest) == (works, rest, total)
    assert total >= 70
    assert works / total >= 66 / 70
    assert {*rows, *refused} == set(script("architectures").addresses())


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "timm:mobilenetv3_large_100",
        "timm:levit_128s",
        "torchvision:swin_t",
        "torchvision:squeezenet1_1",
        "transformers:DistilBertModel",
        "transformers:T5EncoderModel",
        "transformers:ViTForImageClassification",
    ],
)
def test_architectures_of_the_page_work(address: str) -> None:
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    import warnings

    architectures = script("architectures")
    with warnings.catch_warnings(action="ignore"):
        record = architectures.tried(address)
    assert record["equal"]
    assert record["tried"]
    assert set(record["tried"].values()) == {"equal"}
    assert f"| `{address}` | {record['cuts']} | {record['all']} | equal |" in PAGE
