"""A matplotlib drawing as a part of a page: it takes the page's colours and fonts, and holds no outside text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Stand-ins that matplotlib takes for colours; the page's own, which differ by day and night, replace them.
INK: Final = "#010001"
MUTED: Final = "#010002"
LINE: Final = "#010003"
ACCENT: Final = "#010004"
OTHER: Final = "#010005"
WINNER: Final = "#010006"
PAPER: Final = "#010007"
_COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    OTHER: "var(--other)",
    WINNER: "var(--winner)",
    PAPER: "var(--paper)",
}

_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, and is as sharp and small as the page's own
    "svg.hashsalt": "regraft",  # the same numbers give the same bytes
    "font.size": 12.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelpad": 8.0,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": LINE,
    "grid.linewidth": 1.0,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0.0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def drawn(name: str, title: str, size: tuple[float, float], paint: Callable[[Axes], None]) -> Markup:
    """An SVG element to stand in a page.

    Args:
        name: of the drawing, unlike that of any other in the page; its ids start with it.
        title: what there is to see, for those who do not see it.
        size: width and height in CSS pixels at which text has the size of the page's small print.
        paint: draws on the axes, in the colours of this file.
    """
    with rc_context(_STYLE):
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
        paint(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    return Markup(_fitted(file.getvalue(), name, title, size))


def in_percent(axes: Axes) -> None:
    """Mark the upright axis in per cent."""
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))


def _percent(share: float, _: int | None) -> str:
    return f"{round(100 * share, 1):g} %"


def _fitted(text: str, name: str, title: str, size: tuple[float, float]) -> str:
    """The drawing without what only a file of its own needs."""
    inner = text[text.index("<defs>", text.index("<svg")) : text.rindex("</svg>")]
    inner = re.sub(r"<style.*?</style>", "", inner, flags=re.DOTALL)
    inner = re.sub(r"font-family: [^;\"]*;? ?", "", inner)
    inner = re.sub(r"(id=\"|xlink:href=\"#|url\(#)", rf"\g<1>{name}-", inner)
    inner = re.sub(r"#01000[1-7]\b", lambda colour: _COLOURS[colour[0]], inner)
    inner = re.sub(r"\s*\n\s*", " ", inner)
    label = f"{name}-title"
    return (
        f'<svg class="drawing" role="img" aria-labelledby="{label}" viewBox="0 0 {size[0]:g} {size[1]:g}">'
        f'<title id="{label}">{escape(title)}</title>{inner}</svg>'
    )
