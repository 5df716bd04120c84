"""Thumbnails of a video: for the list of intervals, and for browsers that cannot play the video."""

from __future__ import annotations

import numpy as np

from score.predict.output.frame_replay import FrameConsumer
from score.predict.timeline import Timeline

WIDTH, QUALITY = 240, 72  # pixels; of the JPEG
EVENLY, PEAKS = 48, 24  # thumbnails per video


class Thumbnails(FrameConsumer):
    """Keeps a JPEG of the first frame at or after each chosen one. pictures: (seconds, JPEG) in order."""

    def __init__(self, chosen: list[int]):
        self.chosen = sorted(set(chosen))
        self.pictures: list[tuple[float, bytes]] = []
        self._next = 0

    def begin(self, **_size: float) -> None:
        self.discard()

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        if self._next < len(self.chosen) and index >= self.chosen[self._next]:
            while self._next < len(self.chosen) and index >= self.chosen[self._next]:
                self._next += 1
            self.pictures.append((seconds, jpeg(rgb)))

    def discard(self) -> None:
        self.pictures, self._next = [], 0


def frames_to_show(timeline: Timeline, *, evenly: int = EVENLY, peaks: int = PEAKS) -> list[int]:
    """Frame numbers: `evenly` of them evenly spaced, and the middles of the `peaks` highest local maxima."""
    # Middles of equal parts, so that the first thumbnail is not the black frame of a fade-in.
    middles = ((np.arange(evenly) + 0.5) * timeline.num_frames / evenly).astype(int)
    # Borders below any score make the first and the last run candidates for a maximum.
    score = np.r_[-1.0, timeline.score, -1.0]
    rises = (score[1:-1] > score[:-2]) & (score[1:-1] >= score[2:])
    highest = sorted(np.flatnonzero(rises).tolist(), key=lambda run: -timeline.score[run])[:peaks]
    return sorted(
        {*middles.tolist(), *(int(timeline.frame[run] + timeline.frame[run + 1] - 1) // 2 for run in highest)}
    )


def jpeg(rgb: np.ndarray) -> bytes:
    """A JPEG of uint8 [H, W, 3], scaled down to WIDTH."""
    import cv2

    height, width = rgb.shape[:2]
    if width > WIDTH:
        rgb = cv2.resize(rgb, (WIDTH, max(1, round(height * WIDTH / width))), interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise ValueError("a thumbnail cannot be encoded as JPEG")
    return data.tobytes()
