"""A small finished search, its page, and Debian's browser to look at it."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from report.small import Changed, Search, searched

from regraft.run import RunFolder

_ALONE = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


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
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("there is no chromium: run `make browser`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(_ALONE))
        yield chromium
        chromium.close()
