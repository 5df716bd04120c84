"""Which frames continue the previous one: cuts and repeated frames carry no motion."""

from __future__ import annotations

import cv2
import numpy as np

UNEXPLAINED = 15.0  # grey levels: a pixel that differs by more after motion compensation is unexplained
# A cut: the share of unexplained pixels is above, and the correlation of both frames below.
CUT_SHARE, CUT_CORRELATION = 0.45, 0.6
# Also a cut: a large share that is also many times the recent one (plus a floor for still scenes).
JUMP_SHARE, JUMP_FACTOR, JUMP_FLOOR = 0.25, 5.0, 0.015
# A repeated frame: its difference is below this share of the recent one, at most this many times in a row.
REPEAT_SHARE, MAX_REPEATS = 0.15, 4
DECAY = 0.8  # per frame, of the running averages


class ShotDetector:
    """Follows one video frame by frame.

    The thresholds were chosen on 640 cuts in montages of surveillance clips.
    """

    def __init__(self):
        self._start()

    def _start(self) -> None:
        self._recent_difference = 0.0
        self._recent_share = 0.02
        self._repeats = 0

    def repeats(self, difference: float) -> bool:
        """Whether a frame with this mean absolute difference from the previous one is a copy of it.

        A file with a higher frame rate than its camera repeats frames, not always bit for bit.
        """
        if self._repeats < MAX_REPEATS and difference < REPEAT_SHARE * self._recent_difference:
            self._repeats += 1
            self._recent_difference *= 0.97  # otherwise a scene that comes to rest would be a repeat forever
            return True
        self._repeats = 0
        recent = self._recent_difference
        self._recent_difference = DECAY * recent + (1 - DECAY) * difference if recent else difference
        return False

    def cuts(self, unexplained: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool:
        """Whether a new shot begins. All float32 [H, W]; unexplained: grey levels, see MotionCells."""
        share = float((unexplained > UNEXPLAINED).mean())
        jump = share > JUMP_SHARE and share > JUMP_FACTOR * (self._recent_share + JUMP_FLOOR)
        if jump or (share > CUT_SHARE and correlation(before, after) < CUT_CORRELATION):
            self._start()
            return True
        self._recent_share = DECAY * self._recent_share + (1 - DECAY) * share
        return False


def correlation(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of two images, in [-1, 1]; 0 if either is uniform."""
    before, after = before - before.mean(), after - after.mean()
    return float((before * after).mean() / np.sqrt((before**2).mean() * (after**2).mean() + 1))


def plain_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a cut lies between two grey frames, uint8 [H, W], by the rule of ShotDetector.

    Without its recent past, and on frames that are not aligned by motion.
    """
    share = float((cv2.absdiff(before, after) > UNEXPLAINED).mean())
    return (
        share > CUT_SHARE
        and correlation(before.astype(np.float32), after.astype(np.float32)) < CUT_CORRELATION
    )
