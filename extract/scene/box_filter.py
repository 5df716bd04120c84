"""A Kalman filter of constant velocity for one box over time, as in DeepSORT and ByteTrack.

Wojke et al., ICIP 2017, https://arxiv.org/abs/1703.07402. The state is (centre x, centre y, width / height,
height) and the change of each per frame. All noise but that of the ratio grows with the height of the box.
"""

from __future__ import annotations

import numpy as np

# Standard deviations of a position and of a velocity per frame, in box heights.
POSITION, VELOCITY = 1 / 20, 1 / 160
RATIO, RATIO_VELOCITY, MEASURED_RATIO = 1e-2, 1e-5, 1e-1
# The same of a new filter are this many times as large: its velocity is unknown.
FIRST_POSITION, FIRST_VELOCITY = 2, 10
LEAST_HEIGHT = 1e-3  # pixels; a predicted height may shrink to nothing, its noise may not

TRANSITION = np.eye(8) + np.eye(8, k=4)  # position + velocity; a step is one frame
OBSERVED = np.eye(4, 8)


class BoxFilter:
    """The motion of one box [4]: left, top, right, bottom in pixels.

    mean [8], covariance [8, 8]: what is known of the state.
    """

    def __init__(self, box: np.ndarray):
        self.mean = np.concatenate([_measured(box), np.zeros(4)])
        scale = np.repeat([FIRST_POSITION, FIRST_VELOCITY], 4)
        scale[[2, 6]] = 1  # the noise of the ratio is that of every step
        self.covariance = np.diag((scale * _deviations(self.mean[3])) ** 2)

    def predict(self, *, keep_height: bool) -> None:
        """Move on by one frame. keep_height: for boxes out of sight, which would grow without end."""
        if keep_height:
            self.mean[7] = 0
        noise = np.diag(_deviations(self.mean[3]) ** 2)
        self.mean = TRANSITION @ self.mean
        self.covariance = TRANSITION @ self.covariance @ TRANSITION.T + noise

    def update(self, box: np.ndarray) -> None:
        """Correct the state by the box that was found in this frame."""
        deviations = _deviations(self.mean[3])[:4]
        deviations[2] = MEASURED_RATIO
        expected = OBSERVED @ self.covariance @ OBSERVED.T + np.diag(deviations**2)
        gain = np.linalg.solve(expected, OBSERVED @ self.covariance).T
        self.mean = self.mean + gain @ (_measured(box) - self.mean[:4])
        self.covariance = self.covariance - gain @ expected @ gain.T

    @property
    def box(self) -> np.ndarray:
        """Where the box is by now, [4]."""
        x, y, ratio, height = self.mean[:4]
        half = np.array([ratio * height, height]) / 2
        return np.concatenate([[x, y] - half, [x, y] + half])


def _measured(box: np.ndarray) -> np.ndarray:
    left, top, right, bottom = np.asarray(box, float)
    height = max(bottom - top, LEAST_HEIGHT)
    return np.array([(left + right) / 2, (top + bottom) / 2, (right - left) / height, height])


def _deviations(height: float) -> np.ndarray:
    """Standard deviations [8] of the state's noise in one frame."""
    size = max(abs(height), LEAST_HEIGHT)
    position, velocity = POSITION * size, VELOCITY * size
    return np.array([position, position, RATIO, position, velocity, velocity, RATIO_VELOCITY, velocity])
