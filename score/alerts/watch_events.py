"""What `watch` reports while cameras run, and who listens: the contract between scoring and everything shown.

One thread makes all calls. A listener that may wait (disk, network) has a thread of its own behind a bounded
queue, so that no camera waits for a receiver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

# connecting: no frame yet; live: frames arrive; lost: it stopped and is tried again; ended: a file is over.
Connection = Literal["connecting", "live", "lost", "ended"]


@dataclass(frozen=True)
class LiveFrame:
    """One frame that a camera sent and that was taken for scoring.

    number: 0-based, counts the frames that the camera sent, skipped ones included. seconds: presentation time
    since the camera's first frame, ascending over reconnections. arrived: Unix time. pixels: uint8 [H, W, 3]
    RGB, not to be written to; the size may change from frame to frame.
    """

    camera: str
    number: int
    seconds: float
    arrived: float
    pixels: np.ndarray


@dataclass(frozen=True)
class LiveSegment:
    """One scored segment of one camera.

    number: 0-based and ascending. frame_span: [start, stop) in LiveFrame.number. time_span: [start, end) in
    LiveFrame.seconds. arrived: Unix times at which its first and its last frame arrived. rows: its features
    [C, D], one array per store of the checkpoint. score: in [0, 1]. class_probability: float32 [K], or None.
    latency: seconds from the arrival of its last frame until the score was known. restarted: True for the
    first segment after a gap (start, reconnection, change of resolution): what is smoothed starts over.
    """

    camera: str
    number: int
    frame_span: tuple[int, int]
    time_span: tuple[float, float]
    arrived: tuple[float, float]
    rows: tuple[np.ndarray, ...]
    score: float
    class_probability: np.ndarray | None
    latency: float
    restarted: bool


@dataclass(frozen=True)
class CameraState:
    """Where one camera stands; sent when the connection changes and about once a second.

    detail: one line without addresses, such as why it was lost. fps: frames per second that arrived over the
    last minute; scored_fps: those of them that were taken for scoring. skipped: frames that newer ones
    replaced before they were scored, since the start. latency: seconds (median, 95th percentile, latest) over
    the last minute; None before the first score. damaged: packets and frames that were left out because they
    were damaged, since the start.
    """

    camera: str
    connection: Connection
    detail: str
    time: float
    frames: int
    skipped: int
    fps: float
    latency: tuple[float, float, float] | None
    damaged: int = 0
    scored_fps: float = 0.0


class Listener(Protocol):
    """Takes what `watch` reports. No method raises, and none waits for anything outside this process."""

    def frame(self, frame: LiveFrame, /) -> None: ...

    def segment(self, segment: LiveSegment, /) -> None: ...

    def state(self, state: CameraState, /) -> None: ...

    def close(self) -> None:
        """The watch has ended: finish what is open, and wait for outputs for a few seconds at most."""
        ...
