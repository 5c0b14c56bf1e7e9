"""The public face: complete, sorted, and free of charge."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from inspect import isfunction
from pathlib import Path

import pytest

import regraft

ROOT = Path(__file__).parent.parent


def test_all_is_sorted_and_complete() -> None:
    functions = {name for name, value in vars(regraft).items() if isfunction(value) and not name.startswith("_")}
    assert regraft.__all__ == sorted(regraft.__all__)
    assert set(regraft.__all__) == (set(regraft._HOMES) | functions) - {"import_module"}


@pytest.mark.parametrize("name", regraft.__all__)
def test_every_public_name_is_found_and_documented(name: str) -> None:
    assert getattr(regraft, name).__doc__
    assert name in dir(regraft)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'regraft' has no attribute 'fti'$"):
        _ = regraft.fti


def test_the_version_stands_in_two_places_and_is_the_same() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == regraft.__version__


def test_no_foreign_framework_is_installed_beside_regraft() -> None:
    installed = {distribution.name.lower().replace("_", "-") for distribution in distributions()}
    assert "torch" in installed
    assert not {name for name in installed if name.startswith(("tensorflow", "tf-keras", "caffe"))}


def test_importing_regraft_loads_nothing_heavy() -> None:
    code = (
        "import regraft, sys; print([name for name in ('torch', 'numpy', 'sklearn', 'typer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
