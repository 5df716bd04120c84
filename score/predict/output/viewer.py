"""The viewer: one self-contained HTML page with videos and their timelines; a click on a timeline seeks."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup

from extract.runtime.foreign.printable import printable
from score.predict.intervals import IntervalRule
from score.predict.output.text_formats import damage_notes
from score.predict.predictor import VideoResult


@dataclass(frozen=True)
class Media:
    """What the page shows of one video.

    video: the bytes of a complete H.264 or WebM file, which the page then embeds, or its address relative to
    the page; None shows thumbnails only. kind: its MIME type. thumbnails: (seconds, JPEG) in order.
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
    """The page as text. media: by the names of the results. failures: video -> reason, listed at the top.

    Names are escaped for HTML, and shown as on a terminal: marks that turn the direction of text could make
    one name look like another.
    The threshold on the page starts at the rule's and can be moved; intervals follow by the same rule.
    """
    shown = [(media or {}).get(result.name, Media()) for result in results]
    data = {
        "rule": asdict(rule),
        "subtitle": printable(subtitle),
        "failures": {printable(video): printable(why) for video, why in (failures or {}).items()},
        "videos": [_video(result, own) for result, own in zip(results, shown, strict=True)],
    }
    # Videos stand outside the JSON: base64 of hundreds of megabytes would slow down parsing it.
    embedded = {
        number: _base64(own.video) for number, own in enumerate(shown) if isinstance(own.video, bytes)
    }
    return _template().render(
        title=printable(title),
        data=data,
        embedded=embedded,
        style=_own_source("viewer.css"),
        script=_own_source("intervals.js") + _own_source("viewer.js"),
    )


def _video(result: VideoResult, shown: Media) -> dict:
    timeline, classes = result.timeline, result.timeline.class_probability
    return {
        "name": printable(result.name),
        "seconds": result.seconds,
        "fps": result.fps,
        "frames": timeline.num_frames,
        "width": result.width,
        "height": result.height,
        "videoScore": result.video_score,
        "eventClasses": list(map(printable, result.event_classes)),
        "kind": shown.kind,
        "notes": damage_notes(result),
        "embedded": isinstance(shown.video, bytes),
        "address": shown.video if isinstance(shown.video, str) else None,
        "timeline": {
            "frame": timeline.frame.tolist(),
            "seconds": timeline.seconds.tolist(),
            "score": timeline.score.tolist(),
            "attention": None if timeline.attention is None else timeline.attention.tolist(),
            "classProbability": None if classes is None else classes.round(5).tolist(),
            "similarity": [
                [printable(text), rows.round(5).tolist()] for text, rows in timeline.similarity.items()
            ],
        },
        "thumbnails": [
            [seconds, "data:image/jpeg;base64," + _base64(data)] for seconds, data in shown.thumbnails
        ],
    }


@lru_cache(maxsize=1)
def _template() -> Template:
    """The template, which escapes whatever it is given; the filter tojson cannot end its script element."""
    environment = Environment(
        loader=PackageLoader("score.predict.output", ""), autoescape=True, keep_trailing_newline=True
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("viewer.html")


def _own_source(name: str) -> Markup:
    """A file of this package, which is trusted and must reach the page unescaped."""
    return Markup((resources.files("score.predict.output") / name).read_text(encoding="utf-8"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
