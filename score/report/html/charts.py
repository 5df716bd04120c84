"""The charts of the page, drawn for light and for dark, each with what a reader should look for."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from matplotlib.figure import Figure

from score.report.figures import DARK, FIGURES, LIGHT, Material, to_svg

SEEDS = "Thin: each seed; thick: their mean. "
WITH_SEEDS = ("roc", "pr", "f1_threshold", "online", "training")
UNPUBLISHED = "Nothing is published for exactly these videos."
# Name of the figure -> its title and how to read it.
CAPTIONS = {
    "roc": (
        "ROC",
        "The oracle raises an alarm at all frames of anomalous videos and at no other. Papers publish the "
        "area under this curve, not points on it: see the comparison for theirs.",
    ),
    "pr": (
        "Precision and recall",
        "Few frames are anomalous, so precision says more than ROC about how often an alarm is right.",
    ),
    "f1_threshold": (
        "F1 against the threshold",
        "A flat top forgives a threshold that is a little off; the best one on test videos is not a result.",
    ),
    "online": (
        "As if the videos were live",
        "Further left are fewer false alarms, lower down faster and fewer missed ones. Marks: thresholds "
        "that validation videos chose; the lines show what others would give here, and choose nothing.",
    ),
    "calibration": (
        "Calibration of frame scores",
        "On the diagonal a score is the probability of an anomaly. Weak labels do not train for that.",
    ),
    "comparison": (
        "Compared with published results",
        "Features, training splits and rules of selection differ: read differences of a point or two with "
        "care.",
    ),
    "confusion": ("Predicted classes", "Rows: the true class; columns: the class predicted for its videos."),
    "training": ("Training", "Dots: the epoch that was kept. Chosen on validation videos, never on these."),
}


@dataclass(frozen=True)
class Chart:
    """light, dark: data URIs of SVG."""

    title: str
    caption: str
    light: str
    dark: str


def draw_charts(material: Material) -> dict[str, Chart]:
    """By name; without those that the evaluation has no data for."""
    found = {}
    for name, (title, caption) in CAPTIONS.items():
        light, dark = (FIGURES[name](material, theme) for theme in (LIGHT, DARK))
        if light is None or dark is None:
            continue
        if name == "comparison" and not material.published:
            caption = UNPUBLISHED
        if name in WITH_SEEDS and material.evaluation.num_seeds > 1:
            caption = SEEDS + caption
        found[name] = Chart(title, caption, _data_uri(light), _data_uri(dark))
    return found


def _data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(to_svg(figure)).decode("ascii")
