"""Frames, segments and states of a camera, as watching reports them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np

from score.alerts.watch_events import CameraState, Connection, LiveFrame, LiveSegment

BEGAN = 1_800_000_000.0  # Unix time of a camera's first frame
FPS = 10


def a_segment(
    start: float,
    score: float,
    *,
    length: float = 1.0,
    number: int = 0,
    camera: str = "yard",
    restarted: bool = False,
    rows: tuple[np.ndarray, ...] = (),
    classes: np.ndarray | None = None,
) -> LiveSegment:
    end = start + length
    return LiveSegment(
        camera=camera,
        number=number,
        frame_span=(round(start * FPS), round(end * FPS)),
        time_span=(start, end),
        arrived=(BEGAN + start, BEGAN + end),
        rows=rows,
        score=score,
        class_probability=classes,
        latency=0.1,
        restarted=restarted,
    )


def segments_of(scores: Iterable[float], **options) -> list[LiveSegment]:
    """Segments of a second each, one after the other."""
    return [a_segment(float(n), score, number=n, **options) for n, score in enumerate(scores)]


def a_frame(seconds: float, *, camera: str = "yard", size: tuple[int, int] = (48, 64)) -> LiveFrame:
    """A grey frame whose level rises with time. size: height and width."""
    level = int(seconds * 10) % 256
    return LiveFrame(
        camera, round(seconds * FPS), seconds, BEGAN + seconds, np.full((*size, 3), level, np.uint8)
    )


def a_state(connection: str, seconds: float, *, camera: str = "yard") -> CameraState:
    return CameraState(
        camera,
        cast(Connection, connection),
        "",
        BEGAN + seconds,
        int(seconds * FPS),
        3,
        9.5,
        (0.2, 0.4, 0.3),
        scored_fps=7.5,
    )
