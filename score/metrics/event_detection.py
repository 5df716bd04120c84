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

from score.metrics.event_matching import Events, highest, matched, runs
from score.metrics.ranking import Measure
from score.metrics.step_counts import StepCounts, exact_weights

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
    def of(
        cls, true: Sequence[np.ndarray], found: Sequence[Events], tious: Sequence[float]
    ) -> list[Detections]:
        """Those at each temporal IoU. true: annotated spans [G, 2] per video. found: its detections."""
        score = np.concatenate([events.score for events in found] or [np.zeros(0)])
        hits = np.concatenate(
            [matched(events, spans, tious) for events, spans in zip(found, true, strict=True)]
            or [np.zeros((len(tious), 0), dtype=bool)],
            axis=1,
        )
        video = np.repeat(np.arange(len(found)), [len(events.score) for events in found])
        order = np.argsort(-score, kind="stable")
        counts = np.array([len(spans) for spans in true], dtype=np.float64)
        return [cls(score[order], video[order], hit[order], counts) for hit in hits]

    def average_precision(self) -> Measure:
        """Over all videos once."""
        if not self.true.sum():
            return Measure(None, "no event is annotated")
        steps, step = self._steps()
        alarms, found = (
            np.cumsum(np.r_[0.0, np.bincount(chosen, minlength=steps)[:steps]])[:, None]
            for chosen in (step, step[self.hit])
        )
        return Measure(float(_areas(alarms, found)[0] / self.true.sum()))

    def draws(self, weights: np.ndarray) -> np.ndarray:
        """Average precision with each video counted as often as weights [R, V] say: float64 [R].

        NaN without annotated events.
        """
        steps, step = self._steps()
        alarms, found = (self._counts(step, chosen, steps) for chosen in (step < steps, self.hit))
        size = max(1, BLOCK_VALUES // max(1, len(alarms.video)))
        blocks = [weights[first : first + size] for first in range(0, len(weights), size)]
        parts = [self._block(block, alarms, found) for block in blocks]
        return np.concatenate(parts or [np.zeros(0)])

    def _steps(self) -> tuple[int, np.ndarray]:
        """(H, the step of each detection: int64 [D]), H for those after the last step.

        Only the scores at which something hits are steps: elsewhere the precision counts nothing.
        """
        # Detections of one score count together, at the last of them.
        rank = np.r_[0, np.cumsum(self.score[1:] != self.score[:-1])][: len(self.score)]
        steps = np.unique(rank[self.hit])
        return len(steps), np.searchsorted(steps, rank)

    def _counts(self, step: np.ndarray, chosen: np.ndarray, steps: int) -> StepCounts:
        ones = np.ones(np.count_nonzero(chosen), dtype=np.int64)
        return StepCounts.of(step[chosen], self.video[chosen], ones, steps=steps)

    def _block(self, weights: np.ndarray, alarms: StepCounts, found: StepCounts) -> np.ndarray:
        each = exact_weights(weights, len(self.score) * weights.max(initial=0))
        area, true = _areas(alarms.sums(each), found.sums(each)), weights @ self.true
        return np.divide(area, true, out=np.full(len(weights), np.nan), where=true > 0)


def _areas(alarms: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The sum of the precision at every hit, [r].

    alarms, found: detections and hits before the first and after each step, [1 + H, r].
    """
    precision = np.divide(found[1:], alarms[1:], out=np.zeros_like(found[1:]), where=alarms[1:] > 0)
    return (np.diff(found, axis=0) * precision).sum(axis=0)
