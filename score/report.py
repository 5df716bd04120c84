"""One HTML page about an evaluation: self-contained, without scripts and network, light and dark, also on a
phone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from score.evaluation import Evaluation, ScoredVideo, own_auc
from score.evaluation_json import reading, table, undefined
from score.plots import DARK, LIGHT, ranking, roc_figure
from score.timeline_svg import spans, timeline_svg

# The policy makes a browser enforce what the page promises: nothing is loaded, nothing runs.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = f"""
:root {{ color-scheme: light dark; --paper: {LIGHT.background}; --ink: {LIGHT.ink};
  --soft: #59636e; --line: #d5dae0;
  --card: #f6f7f9; --score: {LIGHT.all_videos}; --truth: {LIGHT.truth}; --truth-strength: .4; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: {DARK.background}; --ink: {DARK.ink};
  --soft: #9aa4b0; --line: #333b45;
  --card: #1c2229; --score: {DARK.all_videos}; --truth: {DARK.truth}; --truth-strength: .5; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.4rem; margin: .2rem 0; }} h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
p, li, figcaption, .soft {{ color: var(--soft); }} .soft, figcaption {{ font-size: .875rem; }}
.headline {{ display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }}
.headline > * {{ flex: 1 1 19rem; min-width: 0; margin: 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: normal; }}
td.number, th.number {{ text-align: right; }} td.number span {{ white-space: nowrap; }}
th {{ vertical-align: bottom; }}
tr:first-child > .lead {{ font-weight: 600; font-size: 1.1rem; }}
.warn {{ border-left: 4px solid var(--truth); padding: .1rem 0 .1rem .8rem; }}
@media (max-width: 30rem) {{ table {{ font-size: .8125rem; }} th, td {{ padding-right: .5rem; }}
  tr:first-child > .lead {{ font-size: 1rem; }} }}
img {{ max-width: 100%; height: auto; display: block; }}
.videos {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: .8rem; }}
.video {{ background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .5rem .6rem; margin: 0; content-visibility: auto; contain-intrinsic-size: auto 9rem; }}
.video b {{ display: block; font-size: .875rem; }}
.video svg {{ display: block; width: 100%; height: 5rem; margin: .3rem 0; background: var(--paper); }}
.truth {{ fill: var(--truth); fill-opacity: var(--truth-strength); }} .range {{ fill: var(--score); fill-opacity: .25; }}
.score {{ fill: none; stroke: var(--score); stroke-width: 1.6; vector-effect: non-scaling-stroke; }}
.half {{ stroke: var(--line); vector-effect: non-scaling-stroke; stroke-dasharray: 3 3; }}
.key {{ display: inline-block; width: 1.4em; height: .8em; margin: 0 .3em 0 .8em; vertical-align: baseline; }}
pre {{ background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .6rem; overflow-x: auto;
  white-space: pre-wrap; font-size: .8125rem; }}
"""


def write_report(evaluation: Evaluation, path: Path, *, command: str = "") -> None:
    """Write the page. command: how it was made, shown as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report_html(evaluation, command=command), encoding="utf-8")


def report_html(evaluation: Evaluation, *, command: str = "") -> str:
    """The page as text; every word that comes from lists, stores or files is escaped."""
    parts = [
        f"<h1>{escape(evaluation.title)}</h1>",
        f"<p>{escape(reading(evaluation))}; truth: {escape(evaluation.convention)}</p>",
        _notes(evaluation),
        f'<div class="headline"><div class="wide">{_headline(evaluation)}</div>{_roc(evaluation)}</div>',
        f'<h2>Classes</h2><div class="wide">{_classes(evaluation)}</div>',
        _timelines(evaluation),
        _origin(evaluation, command),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(evaluation.title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _headline(evaluation: Evaluation) -> str:
    rows = []
    for name, number in table(evaluation):
        pieces = " ".join(
            f"<span>{escape(piece)}</span>" for piece in number.split("  ")
        )  # breaks before the interval only
        rows.append(f'<tr><td class="lead">{escape(name)}</td><td class="number lead">{pieces}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def _notes(evaluation: Evaluation) -> str:
    lines = [*evaluation.notes, *sorted(set(undefined(evaluation).values()))]
    if not lines:
        return ""
    return '<ul class="warn">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _roc(evaluation: Evaluation) -> str:
    light, dark = (_data_uri(roc_figure(evaluation, theme=theme)) for theme in (LIGHT, DARK))
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="ROC curves"></picture>'
        "<figcaption>Thin: each seed; thick: their mean. "
        "The oracle knows which videos are anomalous and nothing about where."
        "</figcaption></figure>"
    )


def _classes(evaluation: Evaluation) -> str:
    head = [
        "class",
        "videos",
        "frames",
        "anomalous frames",
        "mean video score",
        "AUC in its videos",
        "AUC with normal videos",
    ]
    rows = [
        [
            row.event_class,
            f"{row.videos:,}",
            f"{row.frames:,}",
            _count(row.positives),
            f"{row.video_score:.3f}",
            _number(row.frame_auc),
            _number(row.frame_auc_with_normal),
        ]
        for row in evaluation.classes
    ]
    return _table(head, rows)


def _timelines(evaluation: Evaluation) -> str:
    order = ranking(evaluation)
    figures = "".join(_timeline(evaluation.videos[index], evaluation.pairs[index]) for index in order)
    sorting = (
        "those that cost most frame AUC first"
        if any(share is not None for share in evaluation.pairs)
        else "those whose video score is farthest from their label first"
    )
    band = '<span class="key" style="background:var(--score);opacity:.25"></span>range of seeds'
    several = len(evaluation.videos[0].video_score) > 1
    return (
        f"<h2>All {len(order)} test videos</h2>"
        f'<p class="soft">Scores along the frames, {sorting}.'
        '<span class="key" style="background:var(--score);height:.2em;vertical-align:middle"></span>score'
        f"{band if several else ''}"
        '<span class="key" style="background:var(--truth);opacity:var(--truth-strength)"></span>annotated '
        f'anomaly; dashes: 0.5</p><div class="videos">{figures}</div>'
    )


def _timeline(video: ScoredVideo, share: float | None) -> str:
    truth = ", ".join(f"{start}-{stop}" for start, stop in spans(video.label))
    facts = [
        video.video.event_class,
        f"{video.num_frames:,} frames" + (f" at {video.fps:g}/s" if video.fps else ""),
    ]
    if truth:
        facts.append(f"anomaly {truth}")
    if video.label is None:
        facts.append("not annotated")
    facts.append(f"video score {video.video_score.mean():.3f}")
    if (own := own_auc(video)) is not None:
        facts.append(f"AUC inside {own:.3f}")
    if share is not None:
        facts.append(f"{share:.1%} of pairs in order")
    if video.missing:
        facts.append("MISSING in the store, scored 0")
    return (
        f'<figure class="video"><b>{escape(video.video.video_id)}</b>{timeline_svg(video)}'
        f"<figcaption>{escape(' · '.join(facts))}</figcaption></figure>"
    )


def _origin(evaluation: Evaluation, command: str) -> str:
    shown = f"<pre>{escape(command)}</pre>" if command else ""
    details = escape(json.dumps(evaluation.details, indent=1, ensure_ascii=False, default=str))
    seeds = _seeds(evaluation)
    return (
        f"<h2>Where this comes from</h2>{shown}{seeds}"
        f"<details><summary>Versions, settings, spec</summary><pre>{details}</pre></details>"
    )


def _seeds(evaluation: Evaluation) -> str:
    names = [
        name
        for name in ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc")
        if evaluation.summaries[name].mean is not None
    ]
    count = len(evaluation.summaries["video_auc"].per_seed)
    if count < 2 or not names:
        return ""
    labels = evaluation.details.get("seeds") or list(range(count))
    rows = [
        [f"seed {labels[index]}", *(_number(evaluation.summaries[name].per_seed[index]) for name in names)]
        for index in range(count)
    ]
    return f'<div class="wide">{_table(["", *(name.replace("_", " ") for name in names)], rows)}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cells(values: Sequence[str], tag: str) -> str:
        first, *rest = (escape(value) for value in values)
        return f"<{tag}>{first}</{tag}>" + "".join(
            f'<{tag} class="number"><span>{value}</span></{tag}>'
            if tag == "td"
            else f'<th class="number">{value}</th>'
            for value in rest
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _data_uri(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
