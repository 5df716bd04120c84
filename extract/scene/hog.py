"""OpenCV's people detector: histograms of oriented gradients and a linear classifier, nothing to download.

Dalal & Triggs, CVPR 2005. It knows upright people, seen whole, of at least about 100 pixels after enlarging;
no pose.
"""

from __future__ import annotations

import numpy as np

from extract.scene.people import People, make_people

SHORT_SIDE = 480  # smaller pictures are enlarged so far, at most LARGEST times
LARGEST = 3.0
WINDOW_STEP, SCALE_STEP = 8, 1.05
MARGIN = (0.15, 0.07)  # of the window on each side that a person does not fill
STEEPNESS, MIDDLE = 4.0, 0.5  # score = 1 / (1 + exp(-STEEPNESS (distance to the plane - MIDDLE)))


class HogDetector:
    """Finds people in single frames."""

    def __init__(self):
        import cv2

        if not hasattr(cv2, "HOGDescriptor"):
            raise ValueError(
                "detector hog: this OpenCV has none, because another opencv package was installed over "
                "opencv-contrib-python-headless; bring it back with "
                "pip install --force-reinstall --no-deps opencv-contrib-python-headless"
            )
        cv2.setNumThreads(1)  # threads find the windows in another order each time
        self.cv2, self.hog = cv2, cv2.HOGDescriptor()
        self.hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> the people of each."""
        self.cv2.ipp.setUseIPP(
            False
        )  # a switch of the thread; its last bits follow where in memory a picture lies
        return [self._find(frame) for frame in frames]

    def _find(self, frame: np.ndarray) -> People:
        height, width = frame.shape[:2]
        factor = min(max(1.0, SHORT_SIDE / min(height, width)), LARGEST)
        size = round(width * factor), round(height * factor)
        shown = self.cv2.resize(frame, size, interpolation=self.cv2.INTER_LINEAR) if factor > 1 else frame
        if shown.shape[0] < 128 or shown.shape[1] < 64:  # its window
            return make_people([])
        windows, distances = self.hog.detectMultiScale(
            np.ascontiguousarray(shown[..., ::-1]), winStride=(WINDOW_STEP, WINDOW_STEP), scale=SCALE_STEP
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
        order = np.lexsort((*boxes.T, -scores))
        return make_people(boxes[order], scores[order])
