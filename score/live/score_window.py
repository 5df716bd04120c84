"""The segments of one camera that a head needs for its next score, and nothing older.

A head with a finite look-ahead scores a segment once as many segments after it are known; what it looks back
at is as far away, and a window begins where the head's own windows begin, so the score is that of the whole
recording. (To about 1e-7: matrix products round by how many rows they have, so that predict itself gives a
video and its beginning scores that differ in the last bits.) Other heads look at the whole video: they score
the newest segment of a window of the last few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from extract.pipeline.live_rows import LiveRow
from extract.store import VideoFeatures
from score.config.look_ahead import look_ahead
from score.config.run_config import RunConfig
from score.heads import HEADS
from score.scoring.scorer import Scorer, VideoScores


class Scored(NamedTuple):
    """number: of the segment within the window's run. score: in [0, 1]. class_probability: float32 [K]."""

    number: int
    score: float
    class_probability: np.ndarray | None


@dataclass(frozen=True)
class Reach:
    """ahead: segments that are waited for before one is scored. back: segments before it that count.

    grid: the window begins at a multiple of it. exact: whether scores are those of the whole recording.
    whole: whether the head looks at the whole video, of which the window is a part.
    """

    ahead: int
    back: int
    grid: int
    exact: bool
    whole: bool = False

    @classmethod
    def of(cls, config: RunConfig, *, at_most: int | None = None, window: int | None = None) -> Reach:
        """Of a run. at_most: segments to wait for, None as many as the head looks ahead. window: segments of
        heads that look at the whole video, None as many as training gave them."""
        found = look_ahead(config)
        if found is None:
            return cls(0, (window or config.data.segments.n) - 1, 1, exact=False, whole=True)
        grid = HEADS[config.name].grid(config.head)
        # One more, because a difference of frames needs the segment before.
        ahead = found if at_most is None else min(found, at_most)
        return cls(ahead, found + 1, grid, exact=ahead == found)


class ScoreWindow:
    """Scores the segments of one run of frames, in order; several scorers (seeds) are averaged.

    rows are LiveRow of each store, whose segments have the same spans.
    """

    def __init__(self, scorers: Sequence[Scorer], reach: Reach, name: str):
        self.scorers, self.reach, self.name = scorers, reach, name
        self._rows: list[tuple[LiveRow, ...]] = []
        self._first = 0  # number of the first of these
        self._scored = 0  # segments so far

    def add(self, rows: tuple[LiveRow, ...]) -> list[Scored]:
        """The next segment -> the segments that can be scored now."""
        self._rows.append(rows)
        until = self._first + len(self._rows) - self.reach.ahead
        return self._score(until)

    def end(self) -> list[Scored]:
        """The segments that are left after the last one."""
        return self._score(self._first + len(self._rows))

    def _score(self, until: int) -> list[Scored]:
        if until <= self._scored:
            return []
        scores = [scorer.score(*self._parts()) for scorer in self.scorers]
        found = [self._mean(scores, number) for number in range(self._scored, until)]
        self._scored = until
        begin = max(0, until - self.reach.back) // self.reach.grid * self.reach.grid
        del self._rows[: max(0, begin - self._first)]
        self._first = max(self._first, begin)
        return found

    def _mean(self, scores: list[VideoScores], number: int) -> Scored:
        place = number - self._first
        score = np.mean([np.float64(each.segment_score[place]) for each in scores], axis=0)
        classes = [
            each.class_probability[place].astype(np.float64)
            for each in scores
            if each.class_probability is not None
        ]
        mean = np.mean(classes, axis=0).astype(np.float32) if classes else None
        return Scored(number, float(score), mean)

    def _parts(self) -> list[VideoFeatures]:
        specs = self.scorers[0].checkpoint.specs
        frames = np.array([rows[0].frame_span for rows in self._rows], np.int64)
        frames -= frames[0, 0]
        times = np.array([rows[0].time_span for rows in self._rows], np.float64)
        return [
            VideoFeatures(
                self.name,
                # as a store keeps and gives them back
                np.stack([rows[place].row for rows in self._rows]).astype(spec.dtype),
                frames,
                times,
                num_frames=int(frames.max()),
            )
            for place, spec in enumerate(specs)
        ]
