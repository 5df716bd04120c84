"""JSON of scores: lists of numbers, objects by video, rows as objects, and what vad-score predict writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.text_files import read_json
from score.evaluation.foreign_scores.score_columns import VIDEO_COLUMNS
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_fields import field_rows, score_field
from score.evaluation.foreign_scores.score_rows import (
    FRAMES,
    Positions,
    ScoreRows,
    each_checked,
    real_numbers,
    score_rows,
)
from score.evaluation.foreign_scores.score_tables import table_content


def read_document(path: Path) -> Content:
    """The scores in a JSON file. Raises ValueError."""
    values = read_json(path, unique=True)
    if isinstance(values, list):
        return _of_list(values)
    if not isinstance(values, dict):
        raise ValueError(f"holds {type(values).__name__}, expected {{VIDEO_ID: scores, ...}} or a list")
    if isinstance(values.get("videos"), list) and "format_version" in values:
        return _of_prediction(values["videos"])
    key = score_field(values)
    if key is not None and not isinstance(values[key], dict):
        return Content(whole=document_rows(values))
    if len(values) == 1 and isinstance(inner := next(iter(values.values())), dict) and not _is_video(inner):
        values = inner  # {"results": {VIDEO_ID: ...}}
    named, wrong = each_checked(values.items(), document_rows)
    # {"0": 0.1, "1": 0.2}: scores of frames, not of videos.
    if (
        values
        and all(name.isdecimal() for name in values)
        and all(_is_number(each) for each in values.values())
    ):
        return Content(whole=_by_number(values))
    return Content(named=named, wrong=wrong)


def document_rows(values: Any) -> ScoreRows:
    """The scores of one video as JSON holds them. Raises ValueError."""
    if isinstance(values, dict):
        if values and all(name.isdecimal() for name in values):
            return _by_number(values)
        key = score_field(values)
        if key is None:
            raise ValueError("has no 'score'; expected a list of numbers, or score and span")
        return field_rows(values, key)[0]
    if isinstance(values, list) and values and all(isinstance(each, dict) for each in values):
        # Rows of one video; a name in them would be that of the video.
        rows = _of_list(values)
        found = rows.whole or next(iter(rows.named.values()), None)
        if found is None or len(rows.named) + len(rows.wrong) > 1:
            raise ValueError("; ".join(rows.wrong.values()) or "holds rows of several videos, expected one")
        return found
    if not isinstance(values, list):
        raise ValueError(f"is {type(values).__name__}, expected a list of numbers")
    return score_rows(values)


def _of_list(values: list) -> Content:
    if values and all(isinstance(each, dict) for each in values):
        key, video = score_field(values[0]), next((name for name in VIDEO_COLUMNS if name in values[0]), None)
        if key is not None and video is not None and isinstance(values[0][key], list):
            return _of_videos([(str(each.get(video)), each) for each in values], document_rows)
        header = list(dict.fromkeys(key for each in values for key in each))
        rows = [
            (number, ["" if each.get(key) is None else str(each[key]) for key in header])
            for number, each in enumerate(values, 1)
        ]
        return table_content(header, rows)
    if values and all(isinstance(each, list) for each in values) and len(values) > 1:
        return Content(parts=[score_rows(each) for each in values])
    return Content(whole=score_rows(values))


def _of_prediction(videos: list) -> Content:
    """The document of vad-score predict: per video, runs of frames with one score each."""

    def rows(video: Any) -> ScoreRows:
        timeline = video.get("timeline") if isinstance(video, dict) else None
        if not isinstance(timeline, dict):
            raise ValueError("has no timeline; it is not what vad-score predict writes")
        frame = real_numbers(timeline.get("frame"), "frame")
        score = real_numbers(timeline.get("score"), "score")
        if frame.ndim != 1 or score.ndim != 1 or len(frame) != len(score) + 1:
            raise ValueError(
                f"its timeline holds {score.size} scores and {frame.size} frames, expected one more"
            )
        return score_rows(score, np.stack([frame[:-1], frame[1:]], axis=1))

    return _of_videos(
        [
            (str(video.get("video", number)) if isinstance(video, dict) else str(number), video)
            for number, video in enumerate(videos)
        ],
        rows,
    )


def _of_videos(videos: list[tuple[str, Any]], rows: Callable[[Any], ScoreRows]) -> Content:
    names = Counter(name for name, _ in videos)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"video {twice[0]!r} is there twice")
    named, wrong = each_checked(videos, rows)
    return Content(named=named, wrong=wrong)


def _by_number(values: dict[str, Any]) -> ScoreRows:
    numbers = np.array([float(name) for name in values])
    return ScoreRows(score_rows(list(values.values())).score, Positions(numbers, None, FRAMES, "its keys"))


def _is_video(values: dict) -> bool:
    """Whether an object is the scores of one video, not of several by name."""
    return not values or score_field(values) is not None or all(name.isdecimal() for name in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
