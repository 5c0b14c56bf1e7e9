from __future__ import annotations

import re
from xml.etree import ElementTree

from matplotlib.axes import Axes
from report.small import Search

from regraft.report.drawing import ACCENT, INK, drawn, in_percent
from regraft.report.figures import curve, learning
from regraft.report.results import read_results


def paint(axes: Axes) -> None:
    axes.plot([0, 1], [0.2, 0.9], "o-", color=ACCENT)
    axes.text(0.5, 0.5, "here", color=INK)
    in_percent(axes)


def test_the_page_gives_colours_and_font() -> None:
    text = str(drawn("one", "A line", (300, 200), paint))
    assert "var(--accent)" in text
    assert "var(--ink)" in text
    assert not re.search(r"#0100\d\d|#000|font-family|<style|<\?xml|<!DOCTYPE|http:", text)
    assert 'viewBox="0 0 300 200"' in text


def test_two_drawings_share_no_id() -> None:
    ids = [re.findall(r'id="([^"]+)"', drawn(name, "A line", (300, 200), paint)) for name in ("one", "two")]
    assert not set(ids[0]) & set(ids[1])
    for name, own in zip(("one", "two"), ids, strict=True):
        text = str(drawn(name, "A line", (300, 200), paint))
        assert len(own) == len(set(own))
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(own)


def test_the_same_again_is_the_same_text() -> None:
    assert drawn("one", "A line", (300, 200), paint) == drawn("one", "A line", (300, 200), paint)


def test_a_title_is_text() -> None:
    root = ElementTree.fromstring(drawn("one", "5 < 6 & <b>", (300, 200), paint).replace("xlink:href", "href"))
    assert root.attrib["role"] == "img"
    assert root[0].text == "5 < 6 & <b>"
    assert root.attrib["aria-labelledby"] == root[0].attrib["id"]


def test_ticks_in_between_are_not_rounded_away() -> None:
    def narrow(axes: Axes) -> None:
        paint(axes)
        axes.set_yticks([0.875, 0.9])

    text = str(drawn("one", "A line", (300, 200), narrow))
    assert ">87.5 %<" in text
    assert ">90 %<" in text


def test_the_curve_for_desk_and_phone(search: Search) -> None:
    results = read_results(search.run)
    for text in curve(results):
        assert text.count("var(--winner)") >= 2  # the winner, and its interval
        assert "var(--other)" in text  # the untrained trunk
        assert "layers reused" in text
        won = f"{100 * results.won.score:.1f}\N{NO-BREAK SPACE}% with 3</title>"
        assert won in text


def test_only_trials_with_several_epochs_have_a_learning_curve(search: Search) -> None:
    learned = learning(read_results(search.run))
    assert [each.trial.name for each in learned] == ["top 2 layers thawed"]
    assert "by epoch" in learned[0].drawing
