"""Every test video on the page: its scores along its frames over the annotated spans, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from score.evaluation.evaluation import Evaluation, ScoredVideo, own_auc
from score.report.figures.timelines import ranking, spans
from score.report.html.timeline_svg import timeline_svg


@dataclass(frozen=True)
class VideoCard:
    """drawing: SVG without any text from outside. facts: one line."""

    video_id: str
    is_anomalous: bool
    drawing: Markup
    facts: str


def video_cards(evaluation: Evaluation) -> list[VideoCard]:
    """The video that costs most first."""
    return [_card(evaluation.videos[index], evaluation.pair_accuracy[index]) for index in ranking(evaluation)]


def _card(video: ScoredVideo, accuracy: float | None) -> VideoCard:
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
    if accuracy is not None:
        facts.append(f"pairwise ranking accuracy {accuracy:.1%}")
    if video.missing:
        facts.append("MISSING in the store, scored 0")
    drawing = Markup(timeline_svg(video))
    return VideoCard(video.video.video_id, video.video.is_anomalous, drawing, " · ".join(facts))
