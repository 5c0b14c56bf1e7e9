"""A small finished search, its page, and Debian's browser to look at it."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from report.small import searched

from regraft.data import Examples
from regraft.run import RunFolder

_ALONE = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The run of a search, what is in its results.json, and the examples its mistakes point into."""

    run: RunFolder
    results: dict[str, Any]
    pictures: Examples


Changed = Callable[[Callable[[dict[str, Any]], None]], RunFolder]


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    run, splits = searched(tmp_path_factory.mktemp("search"))
    return Search(run=run, results=run.read_json("results.json"), pictures=splits.test.examples)


@pytest.fixture
def changed(search: Search, tmp_path: Path) -> Changed:
    """Another run, whose results are those of the search after a change."""

    def make(change: Callable[[dict[str, Any]], None]) -> RunFolder:
        results = copy.deepcopy(search.results)
        change(results)
        run = RunFolder.create(tmp_path / "changed")
        run.write_json("results.json", results)
        return run

    return make


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    """Debian's chromium, with a new profile and without its own errands in the network."""
    program = shutil.which("chromium")
    if program is None:
        assert os.environ.get("CI") != "true", "there is no chromium: run `make browser`"
        pytest.skip("there is no chromium: run `make browser`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(_ALONE))
        yield chromium
        chromium.close()
