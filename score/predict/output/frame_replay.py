"""Decodes a scored video once more and passes its frames, one by one, to whatever draws or copies them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from score.predict.extraction import ExtractionSettings

# Shared memory for decoded frames. Drawing is slower than decoding, so it is always full: keep it small.
SHARED_MEMORY_BYTES = 16 << 20


class ReplayError(ValueError):
    """A video cannot be decoded again; the message is a single line for the user."""


class FrameConsumer:
    """Receives every frame of one video: begin, frame, frame, ..., end.

    discard may come at any point, and begin may follow it.
    """

    def begin(self, *, fps: float, width: int, height: int) -> None:
        """The first frame was decoded. fps: the mean rate."""

    def frame(self, index: int, seconds: float, rgb: np.ndarray, /) -> None:
        """One frame. index: its number in the file. seconds: its presentation time.

        rgb: uint8 [height, width, 3], valid until this method returns.
        """

    def end(self) -> None:
        """All frames were received."""

    def discard(self) -> None:
        """Drop everything: decoding failed, or starts over with another decoder."""


def replay(
    video_id: str,
    consumers: Sequence[FrameConsumer],
    *,
    root: Path,
    num_frames: int,
    settings: ExtractionSettings,
) -> None:
    """Decode a video once for all consumers; memory does not grow with its length. Raises ReplayError.

    root, settings: as in extraction. num_frames: how many frames were scored.
    """
    from extract.decode import (
        DecodeJob,
        DecodePool,
        DecodeSettings,
        FramesDecoded,
        VideoEnded,
        VideoFailed,
        VideoOpened,
        VideoRestarted,
    )

    decoding = DecodeSettings(workers=1, shared_memory_bytes=SHARED_MEMORY_BYTES, **settings.decoding)
    complete = False
    try:
        with DecodePool([DecodeJob(video_id, root)], decoding) as pool:
            for event in pool:
                if isinstance(event, VideoOpened):
                    for consumer in consumers:
                        consumer.begin(fps=event.fps, width=event.width, height=event.height)
                elif isinstance(event, FramesDecoded):
                    _pass_on(event, consumers)
                elif isinstance(event, VideoRestarted):
                    for consumer in consumers:
                        consumer.discard()
                elif isinstance(event, VideoFailed):
                    raise ReplayError(event.reason.removeprefix(f"{video_id}: "))
                elif isinstance(event, VideoEnded) and event.report.num_frames != num_frames:
                    raise ReplayError(
                        f"{event.report.num_frames} frames were decoded now, {num_frames} when it was scored"
                    )
        for consumer in consumers:
            consumer.end()
        complete = True
    finally:
        if not complete:
            for consumer in consumers:
                consumer.discard()


def _pass_on(event, consumers: Sequence[FrameConsumer]) -> None:
    """The frames of one FramesDecoded, whose memory goes back to the decoder in any case."""
    try:
        frames = zip(event.frame_index.tolist(), event.pts_seconds.tolist(), event.frames, strict=True)
        for index, seconds, rgb in frames:
            for consumer in consumers:
                consumer.frame(index, seconds, rgb)
    finally:
        event.release()
