"""Which frames continue the one before: cuts and repeated frames tell nothing about motion."""

from __future__ import annotations

import numpy as np

UNEXPLAINED = 15.0  # grey levels that the flow leaves between two pictures at a pixel
CUT_SHARE, CUT_CORRELATION = 0.45, 0.6  # share of such pixels above, and correlation below: another scene
JUMP_SHARE, JUMP_FACTOR, JUMP_FLOOR = 0.25, 5.0, 0.015  # or much more of them than lately: a jump
REPEAT_SHARE, MOST_REPEATS = 0.15, 4  # of the usual difference: the same picture again, so many times at most
FORGET = 0.8  # per picture, of what is usual


class ShotDetector:
    """Follows one video picture by picture.

    Thresholds stem from 640 cuts of montages of surveillance clips.
    """

    def __init__(self):
        self._start()

    def _start(self) -> None:
        self._usual_difference = 0.0
        self._usual_share = 0.02
        self._repeats = 0

    def repeats(self, difference: float) -> bool:
        """Whether a picture with this mean absolute difference to the last one shows it once more.

        Cameras that record fewer frames than the file holds repeat them, not always bit for bit.
        """
        if self._repeats < MOST_REPEATS and difference < REPEAT_SHARE * self._usual_difference:
            self._repeats += 1
            self._usual_difference *= 0.97  # a scene that falls still is not a repeat for ever
            return True
        self._repeats = 0
        usual = self._usual_difference
        self._usual_difference = FORGET * usual + (1 - FORGET) * difference if usual else difference
        return False

    def cuts(self, unexplained: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool:
        """Whether a new shot begins. All float32 [H, W]; unexplained: grey levels that flow leaves."""
        share = float((unexplained > UNEXPLAINED).mean())
        jump = share > JUMP_SHARE and share > JUMP_FACTOR * (self._usual_share + JUMP_FLOOR)
        if jump or (share > CUT_SHARE and correlation(before, after) < CUT_CORRELATION):
            self._start()
            return True
        self._usual_share = FORGET * self._usual_share + (1 - FORGET) * share
        return False


def correlation(before: np.ndarray, after: np.ndarray) -> float:
    """Of two pictures, in [-1, 1]; two plain pictures have 0."""
    before, after = before - before.mean(), after - after.mean()
    return float((before * after).mean() / np.sqrt((before**2).mean() * (after**2).mean() + 1))
