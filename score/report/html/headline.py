"""The top of the page: what was judged, what a reader must know, and the numbers that matter most."""

from __future__ import annotations

from html import escape

from score.evaluation.names import NAMES
from score.evaluation.results import Evaluation
from score.report.html import markup
from score.report.summary import groups, reading, table, undefined

TILES = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc")


def head(evaluation: Evaluation) -> str:
    """Title, what it is about, and notes."""
    facts = [f"{len(evaluation.videos):,} test videos, {evaluation.num_anomalous:,} anomalous"]
    share = (
        "" if evaluation.positives is None else f", {evaluation.positives / evaluation.frames:.1%} anomalous"
    )
    facts.append(f"{evaluation.frames:,} frames{share}")
    facts.append(f"truth: {evaluation.convention}")
    if evaluation.smoothing != "none":
        facts.append(f"smoothing: {evaluation.smoothing}")
    chips = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    return (
        f'<p class="kind">Video anomaly detection · evaluation</p><h1>{escape(evaluation.title)}</h1>'
        f'<ul class="chips">{chips}</ul>{_notes(evaluation)}'
    )


def tiles(evaluation: Evaluation) -> str:
    """The headline measures; a track from 0 to 1 shows value, interval and oracle."""
    cards = "".join(_tile(evaluation, name) for name in TILES)
    oracle = evaluation.oracle["oracle_frame_auc"].value
    key = (
        ""
        if oracle is None
        else (
            "; diamond: the video-level oracle, which knows what videos are anomalous and nothing about where"
        )
    )
    return (
        f'<div class="tiles">{cards}</div>'
        f'<p class="soft">{escape(reading(evaluation))}. Tracks run from 0 to 1; band: the interval{key}.</p>'
    )


def measures(evaluation: Evaluation) -> str:
    """Every measure in tables, the headline first."""
    parts = [("headline", table(evaluation)), *groups(evaluation)]
    blocks = "".join(
        f"<div><h3>{escape(title[:1].upper() + title[1:])}</h3>{markup.table((), map(_row, rows))}</div>"
        for title, rows in parts
    )
    events = _events(evaluation)
    return f'<h2 id="measures">All measures</h2><div class="columns">{blocks}{events}</div>'


def _row(row: tuple[str, str]) -> tuple[str, ...]:
    """Name, number and interval; words behind them go to the name, where lines may break."""
    name, text = row
    value, *more = text.split("  ")
    said = [each for each in more if not each.startswith("[")]
    return " ".join([name, *said]), value, "".join(each for each in more if each not in said)


def _events(evaluation: Evaluation) -> str:
    if not evaluation.events:
        return ""
    rows = [
        [
            "any overlap" if row.tiou == 0 else f"{row.tiou:g}",
            *(markup.number(value, 3) for value in (row.precision, row.recall, row.f1, row.ap)),
        ]
        for row in evaluation.events
    ]
    return (
        f"<div><h3>Events</h3>{markup.table(('temporal IoU', 'precision', 'recall', 'F1', 'AP'), rows)}</div>"
    )


def _notes(evaluation: Evaluation) -> str:
    lines = [*evaluation.notes, *sorted(set(undefined(evaluation).values()))]
    if not lines:
        return ""
    items = (f"<li{' class=leak' if line.startswith('LEAK') else ''}>{escape(line)}</li>" for line in lines)
    return f'<ul class="warn">{"".join(items)}</ul>'


def _tile(evaluation: Evaluation, name: str) -> str:
    summary = evaluation.summaries[name]
    if summary.mean is None:
        value, track, facts = "-", "", summary.reason
    else:
        spread = f" <small>± {summary.std:.4f}</small>" if len(summary.per_seed) > 1 else ""
        value, facts = f"{summary.mean:.4f}{spread}", ""
        if summary.interval is not None:
            facts = f"[{summary.interval[0]:.4f}, {summary.interval[1]:.4f}]"
        oracle = evaluation.oracle[f"oracle_{name}"].value if f"oracle_{name}" in evaluation.oracle else None
        if oracle is not None:
            facts += f"{' · ' if facts else ''}oracle {oracle:.4f}"
        track = _track(summary.mean, summary.interval, oracle)
    return (
        f'<div class="tile"><p class="name">{escape(NAMES[name])}</p><p class="value">{value}</p>{track}'
        f'<p class="facts">{escape(facts)}</p></div>'
    )


def _track(value: float, interval: tuple[float, float] | None, oracle: float | None) -> str:
    band = ""
    if interval is not None:
        low, high = interval
        band = f'<i style="left:{low:.2%};width:{high - low:.2%}"></i>'
    diamond = "" if oracle is None else f'<u style="left:{oracle:.2%}"></u>'
    return f'<div class="track">{band}<b style="left:{value:.2%}"></b>{diamond}</div>'
