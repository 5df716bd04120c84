"""What a camera that stands still sees when nobody is there, and which pixels of a frame differ from it."""

from __future__ import annotations

import cv2
import numpy as np

# AI-VAD (Reiss & Hoshen, arXiv 2212.00789) finds components by the same blur and threshold of differences.
BLUR, DIFFERENT = 3, 18  # pixels; grey levels of 255
SCENE_SHARE = 0.45  # a new scene: this share of the pixels changed between two frames
MOVING_SHARE = 0.4  # or differs from the background, as when the camera moves
STILL_SECONDS = 2.0  # what does not move for this long belongs to the background
RATE = 0.05  # per frame, at which the background follows slow changes of light
GHOST_CONTRAST = 0.7  # edges of the frame below this share of the background's: nobody is there any more
SMALLEST_GHOST = 20  # pixels


class BackgroundModel:
    """Follows one video, frame after frame. fps: of the frames that it sees."""

    def __init__(self, fps: float):
        self.still_frames = max(2, round(STILL_SECONDS * fps))
        self._background: np.ndarray | None = None  # float32 [H, W]
        self._last: np.ndarray | None = None
        self._since = np.zeros(0)  # frames since each pixel moved

    def foreground(self, grey: np.ndarray) -> tuple[np.ndarray, bool]:
        """uint8 [H, W] -> (bool [H, W], whether a new scene begins with this frame).

        The first frame of a scene is its background; who was in it leaves a ghost when moving on, which is
        recognised by its missing edges and removed.
        """
        frame = cv2.blur(grey, (BLUR, BLUR)).astype(np.float32)
        last, background = self._last, self._background
        self._last = frame
        if last is None or background is None or last.shape != frame.shape:
            return self._begin(frame)
        moved = cv2.absdiff(frame, last) > DIFFERENT
        if moved.mean() > SCENE_SHARE:
            return self._begin(frame)
        self._since[moved] = 0
        self._since[~moved] += 1
        different = cv2.absdiff(frame, background) > DIFFERENT
        if different.mean() > MOVING_SHARE:
            return self._begin(frame)
        self._remove_ghosts(frame, background, different)
        # At once where nothing has moved for long, slowly wherever nothing differs.
        settled = self._since > self.still_frames
        background[settled] = frame[settled]
        background += RATE * (frame - background) * ~different
        return different & ~settled, False

    def _begin(self, frame: np.ndarray) -> tuple[np.ndarray, bool]:
        self._background = frame.copy()
        self._since = np.zeros(frame.shape, np.int32)
        return np.zeros(frame.shape, bool), True

    def _remove_ghosts(self, frame: np.ndarray, background: np.ndarray, different: np.ndarray) -> None:
        """Take pixels that show the background again, after somebody left, out of `different`."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(different.astype(np.uint8), connectivity=8)
        if count < 2:
            return
        inside = cv2.erode(different.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        contour = different & ~inside
        place = labels[contour]
        of_frame, of_background = (
            np.bincount(place, weights=_edges(each)[contour], minlength=count) for each in (frame, background)
        )
        large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_GHOST
        ghost = large & (of_frame < GHOST_CONTRAST * of_background)
        ghost[0] = False
        gone = ghost[labels.astype(np.int64)]
        background[gone] = frame[gone]
        different &= ~gone


def _edges(frame: np.ndarray) -> np.ndarray:
    return cv2.magnitude(cv2.Sobel(frame, cv2.CV_32F, 1, 0), cv2.Sobel(frame, cv2.CV_32F, 0, 1))
