"""A prediction as text for people, and as JSON, CSV and WebVTT.

JSON, format_version 1:
    model           head, presets, seeds, epochs, title
    rule            threshold, threshold_from, merge_gap_seconds, min_seconds
    videos          one object each: video (its name), path, frames, fps, seconds, width, height, video_score,
                    event_classes, intervals, timeline, messages, missing_frames, complete
      intervals     start_frame, stop_frame (half-open), start_seconds, end_seconds, peak_score, peak_frame,
                    peak_seconds, mean_score, attention, event_class (the last two null where the head does
                    not tell)
      timeline      runs of frames with one score: frame [R + 1], seconds [R + 1], score [R], attention [R] or
      null
    failed          path, reason
CSV has one row an interval, with the same names behind the column video.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields

from score.predict.intervals import Interval
from score.predict.predictor import Prediction, VideoResult

FORMAT_VERSION = 1


def to_json(prediction: Prediction) -> dict:
    """Plain values for json.dumps."""
    checkpoints = prediction.model.checkpoints
    return {
        "format_version": FORMAT_VERSION,
        "model": {
            "title": prediction.model.title,
            "head": checkpoints[0].config.name,
            "presets": [spec.preset for spec in checkpoints[0].specs],
            "seeds": [each.seed for each in checkpoints],
            "epochs": [each.epoch for each in checkpoints],
        },
        "rule": {**asdict(prediction.rule), "threshold_from": prediction.threshold_from},
        "videos": [video_json(result) for result in prediction.results],
        "failed": [{"path": str(path), "reason": reason} for path, reason in prediction.failures.items()],
    }


def video_json(result: VideoResult) -> dict:
    """One video of to_json."""
    timeline = result.timeline
    return {
        "video": result.name,
        "path": str(result.path),
        "frames": timeline.num_frames,
        "fps": result.fps,
        "seconds": result.seconds,
        "width": result.width,
        "height": result.height,
        "video_score": result.video_score,
        "event_classes": list(result.event_classes),
        "intervals": [asdict(each) for each in result.intervals],
        "timeline": {
            "frame": timeline.frame.tolist(),
            "seconds": timeline.seconds.tolist(),
            "score": timeline.score.tolist(),
            "attention": None if timeline.attention is None else timeline.attention.tolist(),
        },
        "messages": result.messages,
        "missing_frames": result.missing_frames,
        "complete": result.complete,
    }


def to_csv(results: Sequence[VideoResult]) -> str:
    """A header and one row an interval."""
    names = [field.name for field in fields(Interval)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", *names])
    for result in results:
        for each in result.intervals:
            writer.writerow(
                [result.name, *("" if (value := getattr(each, name)) is None else value for name in names)]
            )
    return text.getvalue()


def to_vtt(result: VideoResult) -> str:
    """The intervals of one video as WebVTT cues, which players show as subtitles or chapters."""
    cues = ["WEBVTT", f"NOTE anomalies in {_one_line(result.name)}"]
    for number, each in enumerate(result.intervals, start=1):
        what = "anomaly" if each.event_class is None else _one_line(each.event_class)
        end = max(each.end_seconds, each.start_seconds + 0.001)  # a cue must not end where it starts
        cues.append(
            f"{number}\n{clock(each.start_seconds)} --> {clock(end)}\n{what}, peak {each.peak_score:.2f}"
        )
    return "\n\n".join(cues) + "\n"


def to_text(result: VideoResult, prediction: Prediction) -> list[str]:
    """What a terminal shows of one video: a line about it and one an interval."""
    count = len(result.intervals)
    found = (
        f"{count or 'no'} interval{'' if count == 1 else 's'} at {prediction.rule.threshold:.2f} and above"
    )
    lines = [f"{result.path}: video score {result.video_score:.3f}, {found}, {clock(result.seconds)} long"]
    for each in result.intervals:
        attention = "" if each.attention is None else f", {each.attention:.0%} of the attention"
        event_class = "" if each.event_class is None else f", {each.event_class}"
        lines.append(
            f"  {clock(each.start_seconds)} - {clock(each.end_seconds)}  peak {each.peak_score:.3f} at "
            f"{clock(each.peak_seconds)}, mean {each.mean_score:.3f}{attention}{event_class}"
        )
    if notes := damage_notes(result):
        lines.append(f"  damaged: {', '.join(notes)}")
    return lines


def damage_notes(result: VideoResult) -> list[str]:
    """What was wrong with the file, in a few words each."""
    notes = {
        f"{result.messages} decoder messages": result.messages > 0,
        f"{result.missing_frames} frames missing": result.missing_frames > 0,
        "decoding stopped early": not result.complete,
    }
    return [note for note, holds in notes.items() if holds]


def clock(seconds: float) -> str:
    """1:02:03.456 as 01:02:03.456, which WebVTT wants and everybody reads."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"


def _one_line(text: str) -> str:
    """Safe inside WebVTT: no line ends, no arrow, no markup."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
