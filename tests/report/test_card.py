from __future__ import annotations

import re
from typing import Any

from markdown_it import MarkdownIt
from report.small import Changed, Search

from regraft.report import write_card
from regraft.run import RunFolder

HOSTILE = "<script>alert(1)</script> | *x* `y` [a](b)\n# z"


def card(run: RunFolder) -> str:
    return write_card(run).read_text(encoding="utf-8")


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


def test_the_usual_sections_in_their_order(search: Search) -> None:
    heads = re.findall(r"^## (.+)$", card(search.run), flags=re.MULTILINE)
    assert heads == [
        *("What it is", "Where it comes from", "Data", "How it was trained", "Results", "Limits", "How to use it"),
    ]


def test_it_lies_in_the_run(search: Search) -> None:
    assert write_card(search.run) == search.run.path / "model_card.md"


def test_what_it_says(search: Search) -> None:
    page = rendered(card(search.run))
    for text in (
        "A classifier of 4 classes: bar, cross, disc, wedge.",
        '<td>frozen + linear</td>\n<td style="text-align:right">60.0\N{NO-BREAK SPACE}%</td>',
        "stopped early after 1 epoch: a quarter of the budget",
        "<li>the data look unlike what the network was trained on (gap 1.3)</li>",
        "<td>lr</td>\n<td>0.005</td>",
        "It is a tie:",
        f"regraft predict {search.run.path} FILES",
        f"regraft export {search.run.path} model.onnx",
    ):
        assert text in page, text
    assert f"<code>{search.results['winner']['plan_text'].rstrip()}\n</code>" in page.replace("&#39;", "'")


def test_four_tables_are_tables(search: Search) -> None:
    page = rendered(card(search.run))
    assert page.count("<table>") == 4
    assert "|" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


def _hostile(results: dict[str, Any]) -> None:
    results["data"]["source"] = results["winner"]["name"] = results["trials"][3]["name"] = HOSTILE
    results["warnings"] = [HOSTILE, "1. first", "- dash", "```"]
    results["baselines"] = {HOSTILE: 0.3}
    results["winner"]["plan_text"] = "at: ```\n# no heading\n"
    results["model"] = "a`b"


def test_hostile_names_are_text(changed: Changed) -> None:
    page = rendered(card(changed(_hostile)))
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; | *x* `y` [a](b) # z"
    assert "<script" not in page
    assert "<a " not in page
    assert f"<td>{shown}</td>" in page
    assert f"<li>{shown}</li>" in page
    assert page.count("<h1>") == 1
    assert page.count("<ol>") == 0
    assert page.count("<ul>") == 1
    assert "<code>at: ```\n# no heading\n</code>" in page
    assert "<code>a`b</code>" in page


def test_a_path_with_spaces_is_one_argument(changed: Changed) -> None:
    page = card(changed(lambda results: results.update(run="my runs/it's one")))
    assert "regraft predict 'my runs/it'\"'\"'s one' FILES\n" in page


def test_nothing_to_warn_of(changed: Changed) -> None:
    text = card(changed(lambda results: results.update(warnings=[])))
    assert "It knows these 4 classes only" in text
