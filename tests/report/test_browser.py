"""The page as readers see it, in a real browser: at a desk and on a phone, by day and by night."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page
from report.small import Changed, Search

from regraft.report import write_report

pytestmark = pytest.mark.slow

DESK, PHONE = (1280, 900), (360, 740)
VIEWS = [(size, scheme) for size in (DESK, PHONE) for scheme in ("light", "dark")]
NAMES = [f"{'desk' if size == DESK else 'phone'}, {scheme}" for size, scheme in VIEWS]
# How far a box has been scrolled, as soon as it has been.
SCROLLED = """box => new Promise(done => {
    const look = () => box.scrollLeft > 0 ? done(box.scrollLeft) : requestAnimationFrame(look);
    look();
})"""
# What the page itself says its colours are, as bytes.
COLOUR = "name => painted([getComputedStyle(document.documentElement).getPropertyValue(name)])"


@contextmanager
def opened(browser: Browser, address: Path | str, **how: Any) -> Generator[Page]:
    """The page in a context of its own; it fails where the page complains or asks for anything else."""
    context = browser.new_context(**how)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    url = address.as_uri() if isinstance(address, Path) else address
    page.goto(url)
    if how.get("java_script_enabled", True):
        page.evaluate(f"() => {{ {LOOKS}; Object.assign(window, {{ stickingOut, paleTexts, painted }}) }}")
    yield page
    assert not complaints
    assert {address for address in asked if not address.startswith("data:")} == {url}
    context.close()


LOOKS = (Path(__file__).parent / "looks.js").read_text(encoding="utf-8")


def sized(size: tuple[int, int], scheme: str = "light") -> dict[str, Any]:
    return {"viewport": {"width": size[0], "height": size[1]}, "color_scheme": scheme}


@pytest.fixture(scope="module")
def file(search: Search) -> Path:
    return write_report(search.run, search.pictures)


@pytest.fixture(params=VIEWS, ids=NAMES, scope="module")
def view(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Generator[Page]:
    size, scheme = request.param
    with opened(browser, file, **sized(size, scheme)) as found:
        yield found


@pytest.fixture
def page(view: Page) -> Page:
    """The page as it is when it has just been opened."""
    view.evaluate("document.querySelector('details').open = false; scrollTo(0, 0)")
    return view


@pytest.fixture
def desk(browser: Browser, file: Path) -> Generator[Page]:
    with opened(browser, file, **sized(DESK)) as found:
        yield found


def test_nothing_sticks_out(page: Page) -> None:
    page.locator("summary").click()
    width = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("stickingOut()") == []


def test_what_must_be_seen_is_seen(page: Page, search: Search) -> None:
    height, width = page.evaluate("[document.documentElement.scrollHeight, innerWidth]")
    pictures = page.locator(".gallery img")
    assert pictures.count() == len(search.results["mistakes"]) > 0
    parts = [
        "#verdict",
        ".warnings",
        "#curve svg:visible",
        "#baselines .bars",
        "#schemes table",
        "#time .bars >> nth=0",
    ]
    parts += [".matrix", ".pairs", ".gallery", "#learning svg", "#plan-text", "#command-text"]
    for part in [*map(page.locator, parts), *pictures.all()]:
        box = part.bounding_box()
        assert box is not None
        assert box["width"] > 60
        assert box["height"] > 15
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
        # tables may be wider than a phone: they scroll in their box
        assert box["x"] + box["width"] <= width or part.locator("xpath=ancestor::*[@class='scroll']").count()


def test_tables_that_are_too_wide_scroll_by_themselves(browser: Browser, file: Path) -> None:
    with opened(browser, file, **sized(PHONE)) as page:
        box = page.locator("#schemes .scroll")
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
        box.focus()  # the keyboard reaches it
        page.keyboard.press("ArrowRight")
        assert box.evaluate(SCROLLED) > 0


def test_the_sentence_that_matters_comes_first(page: Page) -> None:
    verdict = page.locator("#verdict")
    assert verdict.inner_text().startswith("“top 2 layers thawed” gets ")
    box = verdict.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < page.evaluate("innerHeight")


def test_pictures_are_decoded(page: Page) -> None:
    assert page.eval_on_selector_all("img", "all => all.every(one => one.complete && one.naturalWidth === 24)")


def test_text_stands_out_from_its_ground(page: Page) -> None:
    page.locator("summary").click()
    found = page.evaluate("paleTexts()")
    assert found["pale"] == []
    assert found["count"] > 200


def test_the_measure_of_contrast_finds_pale_text(desk: Page) -> None:
    desk.add_style_tag(content=".standing { color: #999 } .right { color: #7b9 } svg text { fill: #ccc !important }")
    pale = desk.evaluate("paleTexts().pale")
    assert any(text.startswith("2.8") for text in pale)  # #999 on white is 2.85
    assert any(text.endswith(": layers reused") for text in pale)
    assert len(pale) > 8


def test_night_is_dark_and_day_is_light(page: Page) -> None:
    ground = pixels(page.locator("header"))[2, -3].mean()
    night = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert ground < 50 if night else ground > 240


def test_the_curve_is_drawn(page: Page, search: Search) -> None:
    drawing = page.locator("#curve svg:visible")
    assert drawing.count() == 1
    image = pixels(drawing)
    line, winner, other = (near(image, page.evaluate(COLOUR, f"--{name}")) for name in ("accent", "winner", "other"))
    columns = np.flatnonzero(line.any(axis=0))
    assert columns.max() - columns.min() > 0.75 * image.shape[1]
    assert line.any(axis=0)[columns.min() : columns.max()].mean() > 0.97  # without a gap
    assert winner.sum() > 40
    assert other.sum() > 15
    rows = [np.flatnonzero(line[:, column]).mean() for column in (columns.min(), columns.max())]
    assert rows[0] > rows[1]  # the accuracy rises with the layers, as in the results
    band = near(image, mixed(page, "--accent", 0.16))
    assert band.sum() > 0.02 * image[..., 0].size


def test_learning_is_drawn(desk: Page) -> None:
    image = pixels(desk.locator("#learning svg"))
    line = near(image, desk.evaluate(COLOUR, "--winner")).any(axis=0)
    assert np.ptp(np.flatnonzero(line)) > 0.6 * image.shape[1]


def test_bars_are_as_long_as_their_numbers(desk: Page, search: Search) -> None:
    bars = desk.locator("#baselines .bars li")
    accuracies = {**search.results["baselines"], "top 2 layers thawed": search.results["winner"]["score"]}
    assert bars.count() == len(accuracies)
    for bar in bars.all():
        name = bar.locator(".name").inner_text()
        fill, track = (bar.locator(part).bounding_box() for part in (".fill", ".track"))
        assert fill is not None
        assert track is not None
        assert fill["width"] / track["width"] == pytest.approx(accuracies[name], abs=0.005)


def test_a_click_sorts_and_a_second_one_turns_it_round(desk: Page) -> None:
    assert column(desk, 0) == ["4", "3", "2", "1", "5"]  # as written: by accuracy, the unknown last
    heading = desk.get_by_role("columnheader", name="Loss")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    losses = [float(text) for text in column(desk, 7) if text != "–"]
    assert losses == sorted(losses)
    assert column(desk, 7)[-1] == "–"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in column(desk, 7)[:-1]] == losses[::-1]
    assert column(desk, 7)[-1] == "–"
    assert desk.locator("#schemes [aria-sort]").count() == 1


def test_the_keyboard_sorts(desk: Page) -> None:
    desk.locator("#schemes .scroll").focus()
    for _ in range(2):
        desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.textContent") == "Scheme"
    outline = desk.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    desk.keyboard.press("Enter")
    assert column(desk, 1) == sorted(column(desk, 1))
    desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    assert column(desk, 0) == ["4", "3", "2", "1", "5"]


def test_the_plan_is_copied(browser: Browser, file: Path, search: Search) -> None:
    with opened(browser, file, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator("#plan").get_by_role("button", name="Copy").first.click()
        page.get_by_text("copied", exact=True).wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == search.results["winner"]["plan_text"]


def test_where_copying_is_forbidden_the_text_is_marked(browser: Browser, file: Path, search: Search) -> None:
    """Browsers give no clipboard to a page that came by plain HTTP."""
    context = browser.new_context()
    context.route("**", lambda route: route.fulfill(path=file, content_type="text/html"))
    page = context.new_page()
    page.goto("http://reports.example/report.html")
    page.locator("#plan").get_by_role("button", name="Copy").last.click()
    page.get_by_text("the browser forbids copying: the text is marked, press Ctrl-C").wait_for()
    assert page.evaluate("getSelection().toString()").strip() == search.results["winner"]["command"]
    context.close()


def test_without_scripts_nothing_is_missing(browser: Browser, file: Path) -> None:
    with opened(browser, file, **sized(DESK), java_script_enabled=False) as page:
        assert page.locator("button:visible").count() == 0
        assert page.locator("#schemes tbody tr").count() == 5
        assert page.locator("#plan-text").is_visible()
        assert page.get_by_role("columnheader", name="Loss").is_visible()


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</pre></script><svg onload=alert(3)>",
    "javascript:alert(4)//' onfocus='alert(4)",
]


def _hostile(results: dict[str, Any]) -> None:
    script, image, drawing, attribute = HOSTILE
    results["source"]["name"], results["data"]["source"] = script, image
    results["winner"].update(name=drawing, plan_text=drawing, command=attribute, ties=[script])
    results["trials"][3].update(name=drawing, cut=image, note=attribute, state=script)
    results["curve"][0]["cut"] = image
    results["budget"]["stored"][0]["tensor"] = attribute
    results["baselines"][image] = 0.1
    results["baseline_notes"][image] = script
    results["warnings"] = HOSTILE
    results["mistakes"][0].update(input=image, truth=script, taken=drawing)
    results["winner"]["test"]["classes"] = HOSTILE
    for score, name in zip(results["winner"]["test"]["per_class"], HOSTILE, strict=True):
        score["name"] = name


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_hostile_names_are_shown_and_run_nothing(
    browser: Browser, search: Search, changed: Changed, size: tuple[int, int]
) -> None:
    file = write_report(changed(_hostile), search.pictures)
    with opened(browser, file, **sized(size)) as page:
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == len(search.results["mistakes"])
        assert page.locator(".warnings li").all_inner_texts() == HOSTILE
        assert page.locator(".matrix tbody th").all_inner_texts() == HOSTILE
        assert page.locator("#plan-text").inner_text() == HOSTILE[2]
        assert page.title() == f"{HOSTILE[0]} on {HOSTILE[1]}: regraft search"
        assert page.evaluate("stickingOut()") == []


def test_a_script_that_got_in_would_not_run(browser: Browser, file: Path, tmp_path: Path) -> None:
    """The second wall: the page forbids every script but its own."""
    broken = tmp_path / "broken.html"
    text = file.read_text(encoding="utf-8")
    broken.write_text(text.replace("</main>", "<script>window.ran = true</script></main>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(broken.as_uri())
    assert page.evaluate("window.ran") is None
    page.close()


def test_long_names_do_not_widen_the_page(browser: Browser, search: Search, changed: Changed) -> None:
    def lengthen(results: dict[str, Any]) -> None:
        long = "InceptionV3/InceptionV3/Mixed_5b/Branch_1/Conv2d_0a_1x1" * 3
        results["source"]["name"] = results["data"]["source"] = results["warnings"][0] = long
        results["winner"]["name"] = results["trials"][3]["name"] = results["rule"]["name"] = long
        results["baselines"][long] = 0.4
        results["run"] = results["model"] = long
        results["mistakes"][0].update(input=long, truth=long, taken=long)
        results["winner"]["test"]["classes"][0] = results["winner"]["test"]["per_class"][0]["name"] = long
        results["winner"]["command"] = long

    file = write_report(changed(lengthen), search.pictures)
    with opened(browser, file, **sized(PHONE)) as page:
        assert page.evaluate("stickingOut()") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_paper_is_white_and_has_no_buttons(browser: Browser, file: Path) -> None:
    with opened(browser, file, **sized(DESK, "dark")) as page:
        page.emulate_media(media="print")
        assert page.evaluate(COLOUR, "--paper") == [255, 255, 255]
        assert page.evaluate("paleTexts().pale") == []
        assert page.get_by_role("button", name="Copy").count() == 0
        assert page.pdf(format="A4").startswith(b"%PDF")


def column(page: Page, number: int) -> list[str]:
    """What stands in a column of the table of schemes, from top to bottom."""
    return [row.locator("th, td").nth(number).inner_text() for row in page.locator("#schemes tbody tr").all()]


def pixels(part: Locator) -> np.ndarray:
    """What is seen of a part of the page: (h w 3)."""
    image = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
    return np.asarray(image, dtype=np.int64)


def near(image: np.ndarray, colour: list[int]) -> np.ndarray:
    """Where (h w) an image has about that colour."""
    return np.abs(image - np.array(colour)).max(axis=2) < 24


def mixed(page: Page, name: str, alpha: float) -> list[int]:
    """A colour of the page laid thinly over its ground."""
    ink, ground = (np.array(page.evaluate(COLOUR, colour)) for colour in (name, "--paper"))
    return np.round(alpha * ink + (1 - alpha) * ground).astype(int).tolist()
