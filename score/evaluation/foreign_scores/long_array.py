"""One array of all videos, cut into the scores of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data_lists.video import Video
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_form import ScoreForm
from score.evaluation.foreign_scores.score_rows import ScoreRows
from score.evaluation.foreign_scores.video_order import VideoOrder, VideoOrders


def cut(
    content: Content, orders: VideoOrders, *, length_of: Callable[[Video], int | None], form: ScoreForm
) -> tuple[dict[str, ScoreRows], VideoOrder]:
    """The scores of each video, and the order in which they stood.

    length_of: frames of a video in the array. Raises ValueError if no order is known, or the number of scores
    fits none.
    """
    if refusal := orders.refusal:
        raise ValueError(refusal)
    if content.parts:
        return _dealt(content.parts, orders)
    whole = content.whole
    assert whole is not None
    named = [name for name, count in content.texts.items() if count >= len(orders.possible[0].videos)]
    if named:
        raise ValueError(
            f"has no column that is known to name the video, but {named[0]!r} holds text; call it video_id, "
            "or leave it out if the rows are those of all videos in order"
        )
    if whole.positions is not None:
        raise ValueError(
            f"has positions ({whole.positions.name}) but no column that names the video, and "
            f"{len(orders.possible[0].videos)} videos are listed; add a column video_id"
        )
    needed: list[int] = []
    for order in orders.possible:
        for counts in _counts(order.videos, len(whole.score), length_of, form):
            if sum(counts) == len(whole.score):
                edges = np.cumsum([0, *counts])
                parts = [whole.score[start:stop] for start, stop in zip(edges[:-1], edges[1:], strict=True)]
                return {
                    video.video_id: ScoreRows(part) for video, part in zip(order.videos, parts, strict=True)
                }, order
            needed.append(sum(counts))
    total = " or ".join(map(str, dict.fromkeys(needed)))
    raise ValueError(
        f"holds {len(whole.score)} scores, but the {len(orders.possible[0].videos)} videos of the list need "
        f"{total or 'equally many each'} one after another"
    )


def _dealt(parts: Sequence[ScoreRows], orders: VideoOrders) -> tuple[dict[str, ScoreRows], VideoOrder]:
    for order in orders.possible:
        if len(order.videos) == len(parts):
            return {video.video_id: part for video, part in zip(order.videos, parts, strict=True)}, order
    counts = " or ".join(str(len(order.videos)) for order in orders.possible)
    raise ValueError(
        f"holds {len(parts)} rows of {len(parts[0].score)} numbers, expected one row for each video: {counts}"
    )


def _counts(
    videos: Sequence[Video], total: int, length_of: Callable[[Video], int | None], form: ScoreForm
) -> list[list[int]]:
    """The numbers of scores that the videos may have; with or without the last, shorter segment of each."""
    if form.segments.rule is not None and not form.segments.counts(1, 1.0):
        return [[total // len(videos)] * len(videos)] if total % len(videos) == 0 else []
    lengths = {video.video_id: length_of(video) for video in videos}
    if unknown := [name for name, length in lengths.items() if length is None]:
        raise ValueError(
            f"holds all videos one after another, but the list has no num_frames of {len(unknown)} of them, "
            f"the first is {unknown[0]}"
        )
    each = [form.segments.counts(lengths[video.video_id] or 0, form.rate(video.video_id)) for video in videos]
    if not all(each):
        raise ValueError("one score per second needs the rate; give it with --fps")
    return [[counts[0] for counts in each], [counts[-1] for counts in each]]
