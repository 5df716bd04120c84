"""One HTML page about an evaluation: self-contained, no scripts, no network, light and dark, also on a phone.

The templates next to this file are rendered with autoescape: names from lists, stores and files arrive as
text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from extract.runtime.atomic import write_text
from extract.runtime.foreign.printable import printable
from score.evaluation.evaluation import Evaluation
from score.evaluation.measure_names import NAMES
from score.evaluation.protocols import ProtocolResult
from score.report import summary
from score.report.figures import DARK, LIGHT, Material
from score.report.html.charts import draw_charts
from score.report.html.video_cards import video_cards
from score.runs.training_log import SeedLog

TILES = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc")
CURVES = ("roc", "pr", "f1_threshold", "calibration", "online")


def write_report(
    evaluation: Evaluation,
    path: Path,
    *,
    command: str = "",
    training: Sequence[SeedLog] = (),
    protocols: Sequence[ProtocolResult] = (),
) -> None:
    """Write the page. command: the command that produced it, shown verbatim. training: logs of the seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, report_html(evaluation, command=command, training=training, protocols=protocols))


def report_html(
    evaluation: Evaluation,
    *,
    command: str = "",
    training: Sequence[SeedLog] = (),
    protocols: Sequence[ProtocolResult] = (),
) -> str:
    """The page as text."""
    charts = draw_charts(Material(evaluation, training))
    # Only sections with content get a link on top.
    sections = {
        "measures": "Measures",
        "curves": "Curves",
        "published": "Comparison" if "comparison" in charts else "",
        "classes": "Classes",
        "training": "Training" if "training" in charts else "",
        "videos": "Videos",
        "origin": "Origin",
    }
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            evaluation=evaluation,
            charts=charts,
            curves=[charts[name] for name in CURVES if name in charts],
            sections={anchor: word for anchor, word in sections.items() if word},
            tiles={name: evaluation.oracle.get(f"oracle_{name}") for name in TILES},
            measured=[name for name in TILES if evaluation.summaries[name].mean is not None],
            names=NAMES,
            groups=[
                ("headline", summary.headline(evaluation)),
                *summary.groups(evaluation),
                *([(summary.PROTOCOL_TITLE, summary.protocol_lines(protocols))] if protocols else []),
            ],
            column_text=summary.column_text(evaluation),
            warnings=[
                *evaluation.notes,
                *summary.online_lines(evaluation),
                *sorted(set(summary.undefined(evaluation).values())),
            ],
            cards=video_cards(evaluation),
            command=command,
            details=json.dumps(evaluation.provenance.details, indent=1, ensure_ascii=False, default=str),
            light=LIGHT,
            dark=DARK,
        )
    )
    # Marks that turn the direction of text, and bytes of names that are not UTF-8, are shown as escapes.
    return "\n".join(map(printable, page.split("\n")))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("score.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": summary.number,
        "interval": summary.interval_text,
        "thousands": lambda value: "-" if value is None else f"{value:,}",
        "percent": lambda value, digits=0: "-" if value is None else f"{value:.{digits}%}",
        "capitalised": lambda text: text[:1].upper() + text[1:],
        "breakable": _breakable,
    }
    return environment


def _breakable(name: str) -> Markup:
    """Let a long path break after its folders."""
    return escape(name).replace("/", Markup("/<wbr>"))
