"""The charts of the page, each drawn for light and for dark, with what a reader should look for."""

from __future__ import annotations

from collections.abc import Iterable

from score.evaluation.results import Evaluation
from score.report.figures import DARK, FIGURES, LIGHT, Material
from score.report.html.markup import picture, table

SEEDS = "Thin: each seed; thick: their mean. "
ROC = (
    "The oracle alarms at all frames of anomalous videos and at no other. Papers publish the area under this "
    "curve, not points of it: theirs are in the comparison."
)
CAPTIONS = {  # name -> what it shows, how to read it
    "roc": ("ROC", ROC),
    "pr": (
        "Precision and recall",
        "Few frames are anomalous, so precision tells more than ROC about how an alarm feels.",
    ),
    "f1_threshold": (
        "F1 against the threshold",
        "A flat top forgives a threshold that is a little off; what is best on the test videos is no result.",
    ),
    "calibration": (
        "Calibration of frame scores",
        "On the diagonal a score is the probability of an anomaly. Weak labels do not ask for that.",
    ),
    "comparison": (
        "Beside published results",
        "Other features, other splits of training and other rules of selection: read differences of a point or "
        "two with care.",
    ),
    "confusion": ("Called classes", "Rows: the true class; columns: what its videos were called."),
    "training": ("Training", "Dots: the epoch that was kept. Chosen on validation videos, never on these."),
}


class Charts:
    """Figures of one evaluation as HTML; "" for those that it has nothing for."""

    def __init__(self, material: Material):
        self.material = material

    def html(self, name: str) -> str:
        light, dark = (FIGURES[name](self.material, theme) for theme in (LIGHT, DARK))
        if light is None or dark is None:
            return ""
        title, caption = CAPTIONS[name]
        if name == "comparison" and not self.material.published:
            caption = "Nothing is published for exactly these videos."
        several = len(self.material.evaluation.videos[0].video_score) > 1
        seeds = SEEDS if several and name in ("roc", "pr", "f1_threshold", "training") else ""
        return picture(light, dark, name=title, caption=seeds + caption)

    def section(self, anchor: str, title: str, names: Iterable[str]) -> str:
        """A part of the page with these charts; "" where there is none."""
        found = [html for html in map(self.html, names) if html]
        if not found:
            return ""
        return f'<h2 id="{anchor}">{title}</h2><div class="figures">{"".join(found)}</div>'


def confusion_rates(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each class that a head told."""
    report = evaluation.class_report
    if report is None:
        return ""
    rows = [
        [name, *("-" if value is None else f"{value:.3f}" for value in rates)]
        for name, *rates in zip(report.event_classes, report.precision, report.recall, report.f1, strict=True)
    ]
    return "<h3>Called classes</h3>" + table(("class", "precision", "recall", "F1"), rows)
