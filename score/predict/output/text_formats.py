"""A prediction as text: lines for a terminal, CSV and WebVTT."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields

from extract.runtime.foreign.printable import printable, spreadsheet_cell
from score.predict.intervals import Interval
from score.predict.predictor import Prediction, VideoResult


def to_csv(results: Sequence[VideoResult]) -> str:
    """A header and one row per interval, named as in the JSON, after the column video.

    Names are shown as on a terminal, and begin with an apostrophe where a spreadsheet would take them for a
    formula; the JSON has them unchanged.
    """
    names = [field.name for field in fields(Interval)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", *names])
    for result in results:
        for each in result.intervals:
            values = [result.name, *(getattr(each, name) for name in names)]
            writer.writerow(
                [spreadsheet_cell(printable(each)) if isinstance(each, str) else each for each in values]
            )
    return text.getvalue()


def to_scores_csv(results: Sequence[VideoResult]) -> str:
    """A header and one row per run of frames with one score, of every video; `evaluate --scores` reads it.

    Runs tile a video: frames [start_frame, stop_frame) and the seconds at which they begin and end. Names are
    written as by to_csv.
    """
    lines = ["video,start_frame,stop_frame,start_seconds,end_seconds,score"]
    for result in results:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow([spreadsheet_cell(printable(result.name))])
        name, line = text.getvalue(), result.timeline
        frames, seconds, scores = line.frame.tolist(), line.seconds.tolist(), line.score.tolist()
        lines += [
            f"{name},{frames[run]},{frames[run + 1]},{seconds[run]!r},{seconds[run + 1]!r},{score!r}"
            for run, score in enumerate(scores)
        ]
    return "\n".join(lines) + "\n"


def to_vtt(result: VideoResult) -> str:
    """The intervals of one video as WebVTT cues, which players show as subtitles or chapters."""
    # The name goes into a comment, where a line break or an arrow would start a cue.
    cues = ["WEBVTT", f"NOTE anomalies in {_one_line(result.name)}"]
    for number, each in enumerate(result.intervals, start=1):
        what = "anomaly" if each.event_class is None else _one_line(each.event_class)
        # WebVTT forbids cues that end where they start.
        end = max(each.end_seconds, each.start_seconds + 0.001)
        cues.append(
            f"{number}\n{clock(each.start_seconds)} --> {clock(end)}\n{what}, peak {each.peak_score:.2f}"
        )
    return "\n\n".join(cues) + "\n"


def to_text(result: VideoResult, prediction: Prediction) -> list[str]:
    """The lines for a terminal: one for the video and one per interval."""
    count = len(result.intervals)
    found = (
        f"{count or 'no'} interval{'' if count == 1 else 's'} at {prediction.rule.threshold:.2f} and above"
    )
    lines = [f"{result.path}: video score {result.video_score:.3f}, {found}, {clock(result.seconds)} long"]
    for each in result.intervals:
        attention = "" if each.attention is None else f", {each.attention:.0%} of the attention"
        event_class = ""
        if each.event_class is not None:
            event_class = f", {each.event_class} {each.class_probability:.2f}"
        lines.append(
            f"  {clock(each.start_seconds)} - {clock(each.end_seconds)}  peak {each.peak_score:.3f} at "
            f"{clock(each.peak_seconds)}, mean {each.mean_score:.3f}{attention}{event_class}"
        )
    if notes := damage_notes(result):
        lines.append(f"  damaged: {', '.join(notes)}")
    if result.mute:
        lines.append("  without sound: scored with zeros in its place")
    return lines


def damage_notes(result: VideoResult) -> list[str]:
    """What was wrong with the file, a few words per problem."""
    notes = {
        f"{result.messages} decoder messages": result.messages > 0,
        f"{result.missing_frames} frames missing": result.missing_frames > 0,
        "decoding stopped early": not result.complete,
    }
    return [note for note, holds in notes.items() if holds]


def clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds as WebVTT requires: 01:02:03.456."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"


def _one_line(text: str) -> str:
    """Safe inside WebVTT: no line ends or other control characters, no arrow, no markup."""
    return printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
