"""How figures look, on light and on dark pages, and how they become PNG and SVG.

Colours are those of Okabe and Ito, which people with any colour vision can distinguish; lines differ in
dashes too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from extract.store.output_file import SOFTWARE

DPI = 144  # of PNG; SVG has none
Place = Literal["upper left", "lower left", "lower right", "best", "above"]


@dataclass(frozen=True)
class Theme:
    background: str
    ink: str
    faint: str
    all_videos: str
    abnormal: str
    oracle: str
    truth: str


LIGHT = Theme("#ffffff", "#1b1f24", "#b8bec6", "#0072b2", "#d55e00", "#1b1f24", "#e69f00")
DARK = Theme("#14181d", "#e6e9ed", "#4a525c", "#56b4e9", "#e69f00", "#e6e9ed", "#d55e00")


def canvas(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure, in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=theme.background, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def chart(width: float, height: float, theme: Theme) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = canvas(width, height, theme)
    axes = figure.subplots()
    style(axes, theme)
    return figure, axes


def style(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.ink, labelcolor=theme.ink, labelsize=9)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_color(theme.faint)
        spine.set_visible(side in ("left", "bottom"))


def legend(axes: Axes, theme: Theme, place: Place) -> None:
    """Where there is something to name. place: of matplotlib, or "above" the axes."""
    if axes.get_legend_handles_labels()[1]:
        options: dict[str, Any] = {"fontsize": 9, "frameon": True, "labelcolor": theme.ink}
        if place == "above":
            box = axes.legend(loc="lower left", bbox_to_anchor=(0, 1), **options)
        else:
            box = axes.legend(loc=place, **options)
        box.get_frame().set(facecolor=theme.background, edgecolor=theme.faint, alpha=0.9)


def plain(text: str, longest: int = 44) -> str:
    """Text from lists and files made safe for a figure: no formulas, printable, not too long."""
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    text = text if len(text) <= longest else "…" + text[1 - longest :]
    # Last, because a cut between the backslash and its dollar would begin a formula.
    return text.replace("$", r"\$")


def to_png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", facecolor=figure.get_facecolor(), metadata={"Software": SOFTWARE})
    return image.getvalue()


def to_svg(figure: Figure) -> bytes:
    """Text stays text. The same figure gives the same bytes."""
    image = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "score"}):
        figure.savefig(
            image,
            format="svg",
            facecolor=figure.get_facecolor(),
            metadata={"Date": None, "Creator": SOFTWARE},
        )
    return image.getvalue()
