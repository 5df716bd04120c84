"""The alert of a video that was uploaded or chosen on the page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone

from score.app.cameras import Camera
from score.predict.intervals import IntervalRule
from score.predict.predictor import VideoResult


def alert_of(
    result: VideoResult, *, rule: IntervalRule, model: str, camera: Camera | None = None
) -> dict | None:
    """The content of an alert, as plain values; None if no score reaches the threshold."""
    if not result.intervals:
        return None
    highest = max(result.intervals, key=lambda each: each.peak_score)
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "video": result.name,
        "camera": None if camera is None else camera.camera,
        "place": None if camera is None else camera.place,
        "model": model,
        "threshold": rule.threshold,
        "video_score": result.video_score,
        "peak_score": highest.peak_score,
        "peak_seconds": highest.peak_seconds,
        "event_class": highest.event_class,
        "intervals": [asdict(each) for each in result.intervals],
    }
