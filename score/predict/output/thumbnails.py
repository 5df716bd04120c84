"""Small pictures of a video at chosen frames: for its list of intervals, and for browsers that cannot play
it."""

from __future__ import annotations

import numpy as np

from score.predict.output.frame_replay import Watcher
from score.predict.timeline import Timeline

WIDTH, QUALITY = 240, 72
EVENLY, PEAKS = 48, 24  # pictures of one video


class Thumbnails(Watcher):
    """Keeps JPEGs of the first frame at or after each wanted one. pictures: (seconds, JPEG) in order."""

    def __init__(self, wanted: list[int]):
        self.wanted = sorted(set(wanted))
        self.pictures: list[tuple[float, bytes]] = []
        self._next = 0

    def begin(self, *, fps: float, width: int, height: int) -> None:
        self.discard()

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        if self._next < len(self.wanted) and index >= self.wanted[self._next]:
            while self._next < len(self.wanted) and index >= self.wanted[self._next]:
                self._next += 1
            self.pictures.append((seconds, jpeg(rgb)))

    def discard(self) -> None:
        self.pictures, self._next = [], 0


def frames_to_show(timeline: Timeline, *, evenly: int = EVENLY, peaks: int = PEAKS) -> list[int]:
    """Native frames: some evenly along the video, and the middles of its highest local maxima."""
    middles = ((np.arange(evenly) + 0.5) * timeline.num_frames / evenly).astype(int)
    score = np.r_[-1.0, timeline.score, -1.0]
    rises = (score[1:-1] > score[:-2]) & (score[1:-1] >= score[2:])
    highest = sorted(np.flatnonzero(rises).tolist(), key=lambda run: -timeline.score[run])[:peaks]
    return sorted(
        {*middles.tolist(), *(int(timeline.frame[run] + timeline.frame[run + 1] - 1) // 2 for run in highest)}
    )


def jpeg(rgb: np.ndarray) -> bytes:
    """A small JPEG of uint8 [H, W, 3]."""
    import cv2

    height, width = rgb.shape[:2]
    if width > WIDTH:
        rgb = cv2.resize(rgb, (WIDTH, max(1, round(height * WIDTH / width))), interpolation=cv2.INTER_AREA)
    whole, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not whole:
        raise ValueError("a thumbnail cannot be written as JPEG")
    return data.tobytes()
