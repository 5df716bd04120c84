"""A second look at a video that was scored: its frames once more, one after another, for whoever draws or
copies them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from score.predict.extraction import ExtractionSettings

SHARED_MEMORY_BYTES = (
    16 << 20
)  # of frames on their way; drawing is slower than decoding, so it is always full


class WatchError(ValueError):
    """A video cannot be shown; the text is one line for a person."""


class Watcher:
    """Sees every frame of one video: begin, frame, frame, ..., end; or discard at any point, after which
    begin may follow."""

    def begin(self, *, fps: float, width: int, height: int) -> None:
        """The first frame is decoded. fps: the mean rate."""

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        """index: native frame. seconds: when it is shown. rgb: uint8 [height, width, 3], to be used before
        returning."""

    def end(self) -> None:
        """All frames were seen."""

    def discard(self) -> None:
        """What was seen is void: decoding failed, or starts over with another decoder."""


def watch(
    video_id: str, watchers: Sequence[Watcher], *, root: Path, num_frames: int, settings: ExtractionSettings
) -> None:
    """Show a video to all watchers in one pass; pixels are held a few frames at a time. Raises WatchError.

    root, settings: as in extraction. num_frames: as many as were scored.
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
    whole = False
    try:
        with DecodePool([DecodeJob(video_id, root)], decoding) as pool:
            for event in pool:
                if isinstance(event, VideoOpened):
                    for watcher in watchers:
                        watcher.begin(fps=event.fps, width=event.width, height=event.height)
                elif isinstance(event, FramesDecoded):
                    try:
                        for index, seconds, rgb in zip(
                            event.frame_index.tolist(), event.pts_seconds.tolist(), event.frames
                        ):
                            for watcher in watchers:
                                watcher.frame(index, seconds, rgb)
                    finally:
                        event.release()
                elif isinstance(event, VideoRestarted):
                    for watcher in watchers:
                        watcher.discard()
                elif isinstance(event, VideoFailed):
                    raise WatchError(event.reason.removeprefix(f"{video_id}: "))
                elif isinstance(event, VideoEnded) and event.report.num_frames != num_frames:
                    raise WatchError(
                        f"{event.report.num_frames} frames were decoded now, {num_frames} when it was scored"
                    )
        for watcher in watchers:
            watcher.end()
        whole = True
    finally:
        if not whole:
            for watcher in watchers:
                watcher.discard()
