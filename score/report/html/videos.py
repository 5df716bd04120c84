"""Every test video on the page: its scores along its frames over the annotated spans.

Order and choice are style alone (radio buttons and the `order` of a grid), so the page needs no script.
"""

from __future__ import annotations

from html import escape

from score.evaluation.results import Evaluation, ScoredVideo, own_auc
from score.report.figures.timelines import ranking, spans
from score.report.html.timeline_svg import timeline_svg

CHOICES = {  # group -> id of the button: its words
    "order": {"worst": "worst first", "best": "best first"},
    "show": {"every": "all", "anomalous": "anomalous", "normal": "normal"},
}


def videos(evaluation: Evaluation) -> str:
    order = ranking(evaluation)
    figures = "".join(
        _video(evaluation.videos[index], evaluation.pairs[index], place) for place, index in enumerate(order)
    )
    sorting = (
        "Worst are those that cost most frame AUC"
        if any(share is not None for share in evaluation.pairs)
        else "Worst are those whose video score is farthest from their label"
    )
    several = len(evaluation.videos[0].video_score) > 1
    band = (
        '<span class="key" style="background:var(--score);opacity:.25"></span>range of seeds'
        if several
        else ""
    )
    return (
        f'<h2 id="videos">All {len(order)} test videos</h2>'
        f'<p class="soft">{sorting}.'
        '<span class="key" style="background:var(--score);height:.2em;vertical-align:middle"></span>score'
        f"{band}"
        '<span class="key" style="background:var(--truth);opacity:var(--truth-strength)"></span>annotated '
        f"anomaly; dashes: 0.5</p>{_choices(evaluation)}"
        f'<div class="videos">{figures}</div>'
    )


def _choices(evaluation: Evaluation) -> str:
    one_class = evaluation.num_anomalous in (0, len(evaluation.videos))
    groups = {name: words for name, words in CHOICES.items() if not (one_class and name == "show")}
    inputs = "".join(
        f'<input class="choice" type="radio" name="{group}" id="{name}"{" checked" if place == 0 else ""}>'
        for group, names in groups.items()
        for place, name in enumerate(names)
    )
    labels = "".join(
        '<span class="choices">'
        + "".join(f'<label for="{name}">{words}</label>' for name, words in names.items())
        + "</span>"
        for names in groups.values()
    )
    return f'{inputs}<div class="bar">{labels}</div>'


def _name(video_id: str) -> str:
    """Lines break behind folders."""
    return escape(video_id).replace("/", "/<wbr>")


def _video(video: ScoredVideo, share: float | None, place: int) -> str:
    facts = [
        video.video.event_class,
        f"{video.num_frames:,} frames" + (f" at {video.fps:g}/s" if video.fps else ""),
    ]
    if truth := ", ".join(f"{start}-{stop}" for start, stop in spans(video.label)):
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
    kind = "anomalous" if video.video.is_anomalous else "normal"
    return (
        f'<figure class="video {kind}" style="--place:{place}"><b>{_name(video.video.video_id)}</b>'
        f"{timeline_svg(video)}<figcaption>{escape(' · '.join(facts))}</figcaption></figure>"
    )
