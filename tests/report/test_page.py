from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.small import Changed, Search

from regraft.data.arrays import unlabelled
from regraft.report import write_report
from regraft.run import RunFolder


class Reader(HTMLParser):
    """What a page holds: its text, and every attribute that may fetch something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def written(run: RunFolder, pictures: Any = None) -> str:
    return write_report(run, pictures).read_text(encoding="utf-8")


def test_it_lies_in_the_run_and_nothing_half_written_beside_it(search: Search, changed: Changed) -> None:
    run = changed(lambda results: None)
    assert write_report(run, search.pictures) == run.path / "report.html"
    assert sorted(path.name for path in run.path.iterdir()) == ["report.html", "results.json", "run.json"]


def test_the_same_results_give_the_same_bytes(search: Search) -> None:
    first = write_report(search.run, search.pictures).read_bytes()
    assert write_report(search.run, search.pictures).read_bytes() == first
    assert len(first) < 1_500_000


def test_it_fetches_nothing(search: Search) -> None:
    page = written(search.run, search.pictures)
    found = Reader(page)
    assert found.addresses
    assert all(address.startswith("data:") for address in found.addresses)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "http:" not in page.replace("http://www.w3.org/", "")
    assert "https:" not in page


def test_no_id_stands_twice(search: Search) -> None:
    ids = re.findall(r'\sid="([^"]+)"', written(search.run, search.pictures))
    assert len(ids) == len(set(ids))


def test_all_trials_and_baselines_are_there(search: Search) -> None:
    page = written(search.run, search.pictures)
    for trial in search.results["trials"]:
        assert f'data-value="{trial["name"]}"' in page
    for name in search.results["baselines"]:
        assert f'<span class="name">{name}</span>' in page
    assert "stopped early after 1 epoch: a quarter of the budget" in page
    assert page.count("<img ") == len(search.results["mistakes"])


def test_what_there_is_not_is_left_out(changed: Changed) -> None:
    def empty(results: dict[str, Any]) -> None:
        results.update(warnings=[], mistakes=[], augmentation=None, curve=[])
        results["budget"].update(stored=[], engines=[])
        results["trials"][3]["learning"] = []
        results["winner"]["test"]["confusion"] = np.eye(4, dtype=int).tolist()

    page = written(changed(empty))
    for gone in ('id="mistakes"', 'id="learning"', "Warning", "kept views", "untrained</li>"):
        assert gone not in page
    assert "No cut was probed" in page
    assert "Nothing was." in page
    assert '<td colspan="2">none</td>' in page


def test_a_single_cut_is_a_curve(changed: Changed) -> None:
    page = written(changed(lambda results: results.update(curve=results["curve"][:1])))
    assert "at best" in page


def test_stages_that_were_not_foretold_or_not_run(changed: Changed) -> None:
    def change(results: dict[str, Any]) -> None:
        del results["budget"]["forecast"]["heads"]
        del results["seconds"]["thaw"]

    page = written(changed(change))
    assert "not foretold" in page
    assert "not run" in page


def test_many_classes_are_listed_without_a_matrix(changed: Changed) -> None:
    def widen(results: dict[str, Any]) -> None:
        names = [f"class {k}" for k in range(200)]
        results["data"]["classes"] = names
        score = {"n": 3, "precision": 0.5, "recall": 0.5, "f1": 0.5}
        results["winner"]["test"].update(
            classes=names,
            confusion=np.ones((200, 200), int).tolist(),
            per_class=[{"name": name, **score} for name in names],
        )

    page = written(changed(widen))
    assert "200 classes make too wide a matrix; results.json holds it." in page
    assert '<th scope="row">class 199</th>' in page
    assert len(page) < 1_500_000


def test_rows_of_numbers_are_mistakes_too(changed: Changed) -> None:
    run = changed(lambda results: None)
    page = written(run, unlabelled(np.arange(2400.0).reshape(160, 15), "rows"))
    assert "<img" not in page
    assert "(15 numbers)" in page


@pytest.mark.parametrize(
    "name", ["{{ 7 * 7 }}", "{% raw %}", "</script>", "<b>&amp;", "$\\frac{1}{0}$", "花 🌷 \u202e"]
)
def test_names_are_text(search: Search, changed: Changed, name: str) -> None:
    def rename(results: dict[str, Any]) -> None:
        results["trials"][3]["name"] = results["winner"]["name"] = name
        results["curve"][0]["cut"] = results["data"]["source"] = name

    page = written(changed(rename))
    assert Reader(page).tags == Reader(written(search.run)).tags
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<code>{escaped}</code>" in page


def test_templates_are_part_of_the_package() -> None:
    from importlib.resources import files

    folder = files("regraft.report") / "templates"
    names = {"report.html", "parts.html", "report.css", "report.js", "model_card.md"}
    assert {Path(entry.name).name for entry in folder.iterdir()} == names
