"""Cameras for tests of what shows them: real frames of small videos, with scores that are given."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from score.alerts.watch_events import CameraState, Connection, Listener, LiveFrame, LiveSegment

FPS, LENGTH = 10, 4  # frames per second, and frames of a segment


@dataclass
class LiveDriver:
    """Sends what a camera would to listeners, segment by segment, as fast as it is called.

    began: Unix time of the first frame. Each camera's clock goes on by LENGTH / FPS per segment.
    """

    listeners: list[Listener]
    began: float = field(default_factory=lambda: time.time() - 60)
    _sent: dict[str, int] = field(default_factory=dict)

    def segment(self, camera: str, score: float, frames: np.ndarray) -> None:
        """frames: uint8 [LENGTH, H, W, 3]."""
        number = self._sent.get(camera, 0)
        self._sent[camera] = number + 1
        for index, pixels in enumerate(frames, start=number * LENGTH):
            seconds = index / FPS
            frame = LiveFrame(camera, index, seconds, self.began + seconds, pixels)
            for each in self.listeners:
                each.frame(frame)
        first, last = number * LENGTH, number * LENGTH + LENGTH - 1
        segment = LiveSegment(
            camera=camera,
            number=number,
            frame_span=(first, last + 1),
            time_span=(first / FPS, (last + 1) / FPS),
            arrived=(self.began + first / FPS, self.began + last / FPS),
            rows=(),
            score=score,
            class_probability=None,
            latency=0.3,
            restarted=number == 0,
        )
        for each in self.listeners:
            each.segment(segment)

    def scores(self, camera: str, scores: list[float], video: np.ndarray) -> None:
        """A segment per score, with the frames of a video one after another. video: uint8 [N, H, W, 3]."""
        for number, score in enumerate(scores):
            start = number * LENGTH % (len(video) - LENGTH)
            self.segment(camera, score, video[start : start + LENGTH])

    def state(self, camera: str, connection: Connection = "live", detail: str = "") -> None:
        sent = self._sent.get(camera, 0) * LENGTH
        state = CameraState(camera, connection, detail, time.time(), sent, 0, FPS, (0.3, 0.4, 0.3), 0, 4.0)
        for each in self.listeners:
            each.state(state)

    def close(self) -> None:
        for each in self.listeners:
            each.close()
