"""Optical flow between neighbouring frames that does not lose small, fast things.

Dense inverse search (Kroeger, Timofte, Dai & Van Gool, ECCV 2016, https://arxiv.org/abs/1603.03590) on frames
of twice the working size and without its variational refinement: with refinement and at the working size, a
person of 30 pixels who moves 2 pixels a frame is measured at 0.4 times that speed, so at 1.0 times
(scripts/experiments/RESULTS.md).
"""

from __future__ import annotations

import cv2
import numpy as np

from extract.descriptors.camera_motion import CameraMotion

ENLARGED = 2  # the frames that flow is computed on, relative to the working size
REDUCED = 2  # working size relative to the field that is kept
# A camera stands still if the median sample moves less than this, in pixels of the working size, or if fewer
# samples than this share change by more than this many grey levels: flow spreads over what has no texture.
STILL, CHANGED_SHARE, CHANGED = 0.1, 0.1, 4
SAMPLE = 8


def flow_shape(height: int, width: int) -> tuple[int, int]:
    """The shape of the field that is kept of frames of height x width pixels."""
    return max(1, height // REDUCED), max(1, width // REDUCED)


class FrameFlow:
    """Flow of one video, frame by frame, at a working size of height x width pixels."""

    def __init__(self, height: int, width: int):
        cv2.setNumThreads(1)
        self.shape = flow_shape(height, width)
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._camera = CameraMotion(*self.shape)

    def prepared(self, grey: np.ndarray) -> np.ndarray:
        """A frame, uint8 [height, width], as `between` takes it."""
        return cv2.resize(grey, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)

    def between(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, bool]:
        """(float32 [*shape, 2], right and down in pixels of the working size; whether the camera moved).

        The camera's own motion is removed.
        """
        # None, which the stubs do not allow, because an array would be taken as the initial flow.
        flow = self._dis.calc(first, second, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
        flow = cv2.resize(flow, self.shape[::-1], interpolation=cv2.INTER_AREA) / np.float32(ENLARGED)
        sample = flow[SAMPLE // 2 :: SAMPLE, SAMPLE // 2 :: SAMPLE].reshape(-1, 2)
        changed = cv2.absdiff(first[::SAMPLE, ::SAMPLE], second[::SAMPLE, ::SAMPLE]) > CHANGED
        slow = not len(sample) or np.hypot(*np.median(sample, axis=0)) < STILL
        if slow or changed.mean() < CHANGED_SHARE:
            return flow, False
        return np.stack(self._camera.remove(flow), axis=-1), True
