"""One HTML page about an evaluation: self-contained, without scripts and network, light and dark, also on a
phone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from extract.runtime.atomic import write_text
from score.evaluation.results import Evaluation
from score.report.figures import Material
from score.report.html import headline, markup
from score.report.html.charts import Charts, confusion_rates
from score.report.html.style import STYLE
from score.report.html.videos import videos
from score.runs.training_log import SeedLog

# The policy makes a browser enforce what the page promises: nothing is loaded, nothing runs.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
PARTS = {  # anchor -> its word in the bar on top
    "measures": "Measures",
    "curves": "Curves",
    "published": "Comparison",
    "classes": "Classes",
    "training": "Training",
    "videos": "Videos",
    "origin": "Origin",
}
CLASS_COLUMNS = (
    "class",
    "videos",
    "frames",
    "anomalous frames",
    "mean video score",
    "videos over threshold",
    "AUC in its videos",
    "AUC with normal videos",
    "AP with normal videos",
)


def write_report(
    evaluation: Evaluation, path: Path, *, command: str = "", training: Sequence[SeedLog] = ()
) -> None:
    """Write the page. command: how it was made, shown as it is. training: logs of the seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, report_html(evaluation, command=command, training=training))


def report_html(evaluation: Evaluation, *, command: str = "", training: Sequence[SeedLog] = ()) -> str:
    """The page as text; every word that comes from lists, stores or files is escaped."""
    charts = Charts(Material(evaluation, training))
    body = "\n".join(
        [
            headline.measures(evaluation),
            charts.section("curves", "Curves", ("roc", "pr", "f1_threshold", "calibration")),
            charts.section("published", "Comparison", ("comparison",)),
            _classes(evaluation) + charts.html("confusion") + confusion_rates(evaluation),
            charts.section("training", "Training", ("training",)),
            videos(evaluation),
            _origin(evaluation, command),
        ]
    )
    links = (f'<a href="#{anchor}">{word}</a>' for anchor, word in PARTS.items() if f'id="{anchor}"' in body)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(evaluation.title)}</title><style>{STYLE}</style></head>\n<body>\n"
        f"<header>{headline.head(evaluation)}</header><nav>{''.join(links)}</nav>\n"
        f"<main>{headline.tiles(evaluation)}\n{body}\n</main></body></html>\n"
    )


def _classes(evaluation: Evaluation) -> str:
    rows = [
        [
            row.event_class,
            f"{row.videos:,}",
            f"{row.frames:,}",
            markup.count(row.positives),
            f"{row.video_score:.3f}",
            "-" if row.alarm_share is None else f"{row.alarm_share:.0%}",
            markup.number(row.frame_auc),
            markup.number(row.frame_auc_with_normal),
            markup.number(row.frame_ap_with_normal),
        ]
        for row in evaluation.classes
    ]
    return f'<h2 id="classes">Classes</h2>{markup.table(CLASS_COLUMNS, rows)}'


def _origin(evaluation: Evaluation, command: str) -> str:
    shown = f"<pre>{escape(command)}</pre>" if command else ""
    details = escape(json.dumps(evaluation.details, indent=1, ensure_ascii=False, default=str))
    return (
        f'<h2 id="origin">Where this comes from</h2>{shown}{_seeds(evaluation)}'
        f"<details><summary>Versions, settings, spec</summary><pre>{details}</pre></details>"
    )


def _seeds(evaluation: Evaluation) -> str:
    names = [name for name in headline.TILES if evaluation.summaries[name].mean is not None]
    count = len(evaluation.summaries["video_auc"].per_seed)
    if count < 2 or not names:
        return ""
    labels = evaluation.details.get("seeds") or list(range(count))
    rows = [
        [
            f"seed {labels[index]}",
            *(markup.number(evaluation.summaries[name].per_seed[index]) for name in names),
        ]
        for index in range(count)
    ]
    return markup.table(["", *(name.replace("_", " ") for name in names)], rows)
