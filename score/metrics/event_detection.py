"""Detections without a threshold, and their average precision at a temporal IoU: mAP@tIoU 0.1..0.5.

After the detection protocol of VadCLIP (Wu et al., AAAI 2024, https://arxiv.org/abs/2308.11681), which is
that of weakly supervised action localisation. In every video, normal ones too, the frames above

    level = highest - 0.6 * (highest - lowest)

form the detections, runs of at least 32 frames (two segments). The score of a detection is its highest frame
score plus 0.7 times the mean of the highest sixteenth of the video's frames. Detections are matched as in
score.metrics.event_matching; AP sums the precision at every hit, with detections of equal score counted
together, and divides by the number of annotated events. Here all events are of one kind, the anomaly,
whatever their class; score.evaluation.class_detection averages over classes as the paper does (whose code
also counts classes without any event, as 0). mAP is the mean over the five overlaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.count_table import CountTable, count_table
from score.metrics.event_matching import Events, highest, matched, runs
from score.metrics.ranking import Measure

DROP = 0.6  # how far below a video's highest score a detection starts, as a share of its range of scores
SHORTEST = 32  # frames
VIDEO_WEIGHT = 0.7  # weight of the video's own score in the score of its detections
VIDEO_SHARE = 1 / 16  # share of a video's frames, the highest ones, whose mean is the video's own score
DETECTION_OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5)
BLOCK_VALUES = 2_000_000  # numbers in memory at a time while drawing


def detect(scores: np.ndarray) -> Events:
    """The detections in one video; none if all scores are equal. scores: [F]."""
    if not len(scores):
        return Events(np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    top, bottom = scores.max(), scores.min()
    span = runs(scores > top - DROP * (top - bottom))
    span = span[span[:, 1] - span[:, 0] >= min(SHORTEST, len(scores))]
    count = max(1, int(len(scores) * VIDEO_SHARE))
    own = np.partition(scores, len(scores) - count)[len(scores) - count :].mean()
    return Events(span, highest(scores, span) + VIDEO_WEIGHT * own)


@dataclass(frozen=True)
class Detections:
    """D detections of V videos, the highest score first.

    score: float64 [D]. video: int64 [D]. hit: bool [D], whether it matches an annotated event. true: float64
    [V], annotated events per video.
    """

    score: np.ndarray
    video: np.ndarray
    hit: np.ndarray
    true: np.ndarray

    @classmethod
    def of(cls, true: Sequence[np.ndarray], found: Sequence[Events], *, tiou: float) -> Detections:
        """true: annotated spans [G, 2] per video. found: its detections."""
        score = np.concatenate([events.score for events in found] or [np.zeros(0)])
        hit = np.concatenate(
            [matched(events, spans, tiou=tiou) for events, spans in zip(found, true, strict=True)]
            or [np.zeros(0, dtype=bool)]
        )
        video = np.repeat(np.arange(len(found)), [len(events.score) for events in found])
        order = np.argsort(-score, kind="stable")
        counts = np.array([len(spans) for spans in true], dtype=np.float64)
        return cls(score[order], video[order], hit[order], counts)

    def average_precision(self) -> Measure:
        """Over all videos once."""
        if not self.true.sum():
            return Measure(None, "no event is annotated")
        return Measure(float(self.draws(np.ones((1, len(self.true))))[0]))

    def draws(self, weights: np.ndarray) -> np.ndarray:
        """Average precision with each video counted as often as weights [R, V] say: float64 [R].

        NaN without annotated events.
        """
        steps, detections, hits = self._counts()
        size = max(1, BLOCK_VALUES // max(1, steps))
        blocks = [weights[first : first + size] for first in range(0, len(weights), size)]
        parts = [self._block(block, detections, hits) for block in blocks]
        return np.concatenate(parts or [np.zeros(0)])

    def _counts(self) -> tuple[int, CountTable, CountTable]:
        """(H, detections, those that hit), [H, V] each: of each video, since the step before.

        Only the H scores at which something hits are steps: elsewhere the precision counts nothing.
        """
        # Detections of one score count together, at the last of them.
        rank = np.r_[0, np.cumsum(self.score[1:] != self.score[:-1])][: len(self.score)]
        steps = np.unique(rank[self.hit])
        step = np.searchsorted(steps, rank)
        before = step < len(steps)  # no detection hits after the last step
        shape = (len(steps), len(self.true))

        def counted(chosen: np.ndarray) -> CountTable:
            return count_table(np.ones(chosen.sum()), step[chosen], self.video[chosen], shape=shape)

        return len(steps), counted(before), counted(before & self.hit)

    def _block(self, weights: np.ndarray, detections: CountTable, hits: CountTable) -> np.ndarray:
        each = weights.T.astype(np.float64)  # [V, r]
        alarms, new = np.cumsum(detections @ each, axis=0), hits @ each  # [H, r]
        found = np.cumsum(new, axis=0)
        precision = np.divide(found, alarms, out=np.zeros_like(found), where=alarms > 0)
        area = (new * precision).sum(axis=0)
        true = weights @ self.true
        return np.divide(area, true, out=np.full(len(weights), np.nan), where=true > 0)
