"""Figures of an evaluation in a light or dark theme, as matplotlib Figures and as PNG and SVG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from extract.runtime.atomic import write_bytes
from score.evaluation.evaluation import Evaluation
from score.report.figures.calibration import calibration
from score.report.figures.comparison import comparison
from score.report.figures.confusion import confusion
from score.report.figures.curves import precision_recall, roc
from score.report.figures.material import Material
from score.report.figures.online import online
from score.report.figures.theme import DARK, LIGHT, Theme, to_png, to_svg
from score.report.figures.threshold import f1_by_threshold
from score.report.figures.timelines import timelines
from score.report.figures.training import training
from score.runs.training_log import SeedLog

__all__ = ["DARK", "FIGURES", "LIGHT", "Material", "Theme", "draw", "to_png", "to_svg", "write_figures"]

# File name -> what draws it; None if the evaluation has nothing for it.
FIGURES: dict[str, Callable[[Material, Theme], Figure | None]] = {
    "roc": roc,
    "pr": precision_recall,
    "comparison": comparison,
    "f1_threshold": f1_by_threshold,
    "online": online,
    "calibration": calibration,
    "confusion": confusion,
    "timelines": timelines,
    "training": training,
}


def draw(material: Material, *, theme: Theme = LIGHT) -> dict[str, Figure]:
    """Every figure that the evaluation has something for."""
    drawn = {name: make(material, theme) for name, make in FIGURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def figure_files(folder: Path) -> list[Path]:
    """Every file that write_figures may write."""
    return [folder / f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "svg")]


def write_figures(evaluation: Evaluation, folder: Path, *, training: Sequence[SeedLog] = ()) -> list[Path]:
    """FOLDER/<name>.png and .svg of each; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in draw(Material(evaluation, training)).items():
        for suffix, encode in (("png", to_png), ("svg", to_svg)):
            written.append(folder / f"{name}.{suffix}")
            write_bytes(written[-1], encode(figure))
    return written
