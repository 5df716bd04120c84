"""The page of a prediction: videos beside their timelines, self-contained, without network; click to seek."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources

from score.predict.intervals import IntervalRule
from score.predict.output.text_formats import damage_notes
from score.predict.predictor import VideoResult

# The policy makes a browser enforce what the page promises: its own script, and nothing from a network.
POLICY = (
    "default-src 'none'; img-src data:; media-src 'self' data: blob: file:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


@dataclass(frozen=True)
class Media:
    """What the page shows of one video.

    video: a whole H.264 or WebM file as bytes, which the page then contains, or its address relative to the
    page; None shows thumbnails only. thumbnails: (seconds, JPEG), in order.
    """

    video: bytes | str | None = None
    kind: str = "video/mp4"
    thumbnails: tuple[tuple[float, bytes], ...] = ()


def viewer_html(
    results: Sequence[VideoResult],
    *,
    rule: IntervalRule,
    media: Mapping[str, Media] | None = None,
    title: str = "Video anomalies",
    subtitle: str = "",
    failures: Mapping[str, str] | None = None,
) -> str:
    """The page as text. media: by the names of the results. failures: video -> why, shown as a note.

    The threshold on the page starts at the rule's and may be moved; intervals follow by the same rule.
    """
    media = media or {}
    data = {
        "rule": asdict(rule),
        "subtitle": subtitle,
        "failures": dict(failures or {}),
        "videos": [_video(result, media.get(result.name, Media())) for result in results],
    }
    files = "".join(
        f'<script type="text/plain" id="video-{number}">{_base64(shown.video)}</script>\n'
        for number, result in enumerate(results)
        if isinstance((shown := media.get(result.name, Media())).video, bytes)
    )
    parts = {
        "policy": escape(POLICY),
        "title": escape(title),
        "style": _part("viewer.css"),
        "script": _part("intervals.js") + _part("viewer.js"),
        "data": _inside_script(data),
        "files": files,
    }
    # one pass, so that what is filled in is never searched for places
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("viewer.html"))


def _video(result: VideoResult, shown: Media) -> dict:
    timeline = result.timeline
    return {
        "name": result.name,
        "seconds": result.seconds,
        "fps": result.fps,
        "frames": timeline.num_frames,
        "width": result.width,
        "height": result.height,
        "videoScore": result.video_score,
        "eventClasses": list(result.event_classes),
        "kind": shown.kind,
        "notes": damage_notes(result),
        "embedded": isinstance(shown.video, bytes),
        "address": shown.video if isinstance(shown.video, str) else None,
        "timeline": {
            "frame": timeline.frame.tolist(),
            "seconds": timeline.seconds.tolist(),
            "score": timeline.score.tolist(),
            "attention": None if timeline.attention is None else timeline.attention.tolist(),
            "classProbability": None
            if timeline.class_probability is None
            else timeline.class_probability.round(5).tolist(),
        },
        "thumbnails": [
            [seconds, "data:image/jpeg;base64," + _base64(data)] for seconds, data in shown.thumbnails
        ],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _inside_script(values: dict) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _part(name: str) -> str:
    return (resources.files("score.predict.output") / name).read_text(encoding="utf-8")
