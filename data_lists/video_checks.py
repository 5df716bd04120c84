"""What a record of a list must satisfy, whether it is read, written or found in a folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from data_lists.video import NORMAL, Video

# 124 days at 25 per second. A list, a span, a mask or a numbering that reaches further is a mistake, and an
# array with a value per frame of it would not fit into memory.
MOST_FRAMES = 1 << 28
# Control characters, surrogate halves and separators break lines, terminals and UTF-8.
FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}

# What people call normal videos, without case and punctuation. Class names are compared exactly, so that each
# of these would be an anomaly. label_A is XD-Violence's word.
NORMAL_NAMES = re.compile(
    r"(training|testing|train|test)?normal(ity|s)?(video|event|clip|class|activity|activitie)?s?(anomaly|event)?"
    r"|(non|no|not|without)(fight|fighting|violence|violent|anomaly|anomalies|anomalous|abnormal|abnormality|"
    r"accident|fall|crime|event|incident)s?"
    r"|background|bg|bkg|none|null|nil|nan|na|no|negative|neg|false|0+|labela"
)


def video_problems(video: Video) -> list[str]:
    """Every mistake of one record, as a sentence that names the value; empty if there is none."""
    problems = path_problems(video.video_id)
    problems += _text_problems("event_class", video.event_class)
    if video.event_class != NORMAL and means_normal(video.event_class):
        problems.append(
            f"event_class {video.event_class!r} would count as anomalous; write {NORMAL!r} for normal "
            "videos, or another name for an anomaly"
        )
    if video.group is not None:
        problems += _text_problems("group", video.group)
    if video.num_frames is not None and video.num_frames < 1:
        problems.append(f"num_frames is {video.num_frames}, expected at least 1")
    if video.num_frames is not None and video.num_frames > MOST_FRAMES:
        problems.append(f"num_frames is {video.num_frames}, expected at most {MOST_FRAMES}")
    if video.anomaly_spans and not video.is_anomalous:
        problems.append(f"event_class is {NORMAL} but there are anomaly spans; name the class or drop them")
    return problems + span_problems(video.anomaly_spans, video.num_frames)


def means_normal(event_class: str) -> bool:
    """Whether a class is what people call normal videos; names are compared without case and punctuation."""
    return NORMAL_NAMES.fullmatch(re.sub(r"[\W_]+", "", event_class.casefold())) is not None


def path_problems(video_id: str) -> list[str]:
    """Why a video id is not a path below the root of the videos; empty if it is one."""
    problems = _text_problems("video_id", video_id)
    if "\\" in video_id:
        problems.append(f"video_id {video_id!r} contains a backslash; write '/' between folders")
    if video_id.startswith("/") or re.match("[A-Za-z]:", video_id):
        problems.append(f"video_id {video_id!r} is an absolute path; expected one below the root")
    parts = video_id.split("/")
    if ".." in parts:
        problems.append(f"video_id {video_id!r} leaves the root of the videos ('..')")
    if "." in parts or (video_id and "" in parts[1:]):
        problems.append(f"video_id {video_id!r} is not in its simplest form; drop '.' and extra '/'")
    return problems


def _text_problems(column: str, text: str) -> list[str]:
    if not text:
        return [f"{column} is empty"]
    if text != text.strip():
        return [f"{column} {text!r} begins or ends with white space"]
    if any(unicodedata.category(letter) in FORBIDDEN_CATEGORIES for letter in text):
        return [f"{column} {text!r} contains a control character or is not valid Unicode"]
    return []


def span_problems(spans: Sequence[tuple[int, int]], num_frames: int | None) -> list[str]:
    """Every mistake of the spans of one video; empty if there is none."""
    problems = []
    previous_stop = 0
    for start, stop in spans:
        if (
            previous_stop
            <= start
            < stop
            <= (MOST_FRAMES if num_frames is None else num_frames)
            <= MOST_FRAMES
        ):
            previous_stop = stop
            continue
        span = f"anomaly span {start}-{stop}"
        if start < 0 or stop < 0:
            problems.append(f"{span} has a negative frame; frames count from 0")
        elif stop > MOST_FRAMES:
            problems.append(f"{span} ends after frame {MOST_FRAMES}, the last one that a video may have")
        elif start >= stop:
            problems.append(f"{span} is empty; a span includes start but not stop")
        elif start < previous_stop:
            problems.append(f"{span} starts before frame {previous_stop}; spans are sorted, without overlap")
        if num_frames is not None and stop > num_frames >= 1:
            problems.append(f"{span} ends after the last frame ({num_frames} frames)")
        previous_stop = max(previous_stop, stop)
    return problems
