"""JSON of scores: lists of numbers, objects by video, rows as objects, and what vad-score predict writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.text_files import read_json
from score.evaluation.foreign_scores.score_columns import SCORE_COLUMNS
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_rows import (
    FRAMES,
    Positions,
    ScoreRows,
    each_checked,
    real_numbers,
    score_rows,
)
from score.evaluation.foreign_scores.score_tables import table_content

SPANS = ("span", "spans", "frame_span")


def read_document(path: Path) -> Content:
    """The scores in a JSON file. Raises ValueError."""
    values = read_json(path, unique=True)
    if isinstance(values, list):
        return _of_list(values)
    if not isinstance(values, dict):
        raise ValueError(f"holds {type(values).__name__}, expected {{VIDEO_ID: scores, ...}} or a list")
    if isinstance(values.get("videos"), list) and "format_version" in values:
        return _of_prediction(values["videos"])
    if _score_key(values) and not isinstance(values[_score_key(values)], dict):
        return Content(whole=document_rows(values))
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
        key = _score_key(values)
        if key is None:
            raise ValueError("has no 'score'; expected a list of numbers, or score and span")
        span = next((values[name] for name in SPANS if name in values), None)
        return score_rows(values[key], span)
    if not isinstance(values, list):
        raise ValueError(f"is {type(values).__name__}, expected a list of numbers")
    return score_rows(values)


def _of_list(values: list) -> Content:
    if values and all(isinstance(each, dict) for each in values):
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

    names = [
        str(video.get("video", number)) if isinstance(video, dict) else str(number)
        for number, video in enumerate(videos)
    ]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"video {twice[0]!r} is there twice")
    named, wrong = each_checked(zip(names, videos, strict=True), rows)
    return Content(named=named, wrong=wrong)


def _by_number(values: dict[str, Any]) -> ScoreRows:
    numbers = np.array([float(name) for name in values])
    return ScoreRows(score_rows(list(values.values())).score, Positions(numbers, None, FRAMES, "its keys"))


def _score_key(values: dict) -> str | None:
    return next((name for name in SCORE_COLUMNS if name in values), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
