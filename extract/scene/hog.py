"""OpenCV's people detector: histograms of oriented gradients and a linear classifier, nothing to download.

Dalal & Triggs, CVPR 2005. It finds upright people who are fully visible and at least about 100 pixels tall
after enlarging. No pose.
"""

from __future__ import annotations

import numpy as np

from extract.scene.people import People, make_people

SHORT_SIDE = 480  # smaller frames are enlarged to it, at most MAX_SCALE times
MAX_SCALE = 3.0
WINDOW_WIDTH, WINDOW_HEIGHT = 64, 128  # pixels, of the published classifier
WINDOW_STEP, SCALE_STEP = 8, 1.05
MARGIN = (0.15, 0.07)  # share of the window on each side that a person does not fill
STEEPNESS, MIDDLE = 4.0, 0.5  # score = 1 / (1 + exp(-STEEPNESS (distance to the plane - MIDDLE)))


class HogDetector:
    """Finds people in single frames."""

    def __init__(self):
        import cv2

        if not hasattr(cv2, "HOGDescriptor"):
            raise ValueError(
                "detector hog: this OpenCV lacks it, because another opencv package was installed over "
                "opencv-contrib-python-headless; restore it with "
                "pip install --force-reinstall --no-deps opencv-contrib-python-headless"
            )
        cv2.setNumThreads(1)  # threads return the windows in a different order each time
        self.cv2, self.hog = cv2, cv2.HOGDescriptor()
        self.hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> the people of each."""
        # The last bits of IPP's results depend on the address of an array. The switch is per thread, so it
        # cannot be set in __init__.
        self.cv2.ipp.setUseIPP(False)
        return [self._find(frame) for frame in frames]

    def _find(self, frame: np.ndarray) -> People:
        height, width = frame.shape[:2]
        factor = min(max(1.0, SHORT_SIDE / min(height, width)), MAX_SCALE)
        size = round(width * factor), round(height * factor)
        if factor > 1:
            frame = self.cv2.resize(frame, size, interpolation=self.cv2.INTER_LINEAR)
        if frame.shape[0] < WINDOW_HEIGHT or frame.shape[1] < WINDOW_WIDTH:
            return make_people([])
        windows, distances = self.hog.detectMultiScale(
            np.ascontiguousarray(frame[..., ::-1]), winStride=(WINDOW_STEP, WINDOW_STEP), scale=SCALE_STEP
        )
        if not len(windows):
            return make_people([])
        windows = np.asarray(windows, float).reshape(-1, 4)
        inset = windows[:, 2:] * MARGIN
        boxes = (
            np.concatenate([windows[:, :2] + inset, windows[:, :2] + windows[:, 2:] - inset], axis=1) / factor
        )
        boxes = np.clip(boxes, 0, [width, height, width, height])
        scores = 1 / (1 + np.exp(-STEEPNESS * (np.ravel(distances) - MIDDLE)))
        # A fixed order, whatever the order of the windows.
        order = np.lexsort((*boxes.T, -scores))
        return make_people(boxes[order], scores[order])
