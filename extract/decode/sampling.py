"""Which frames of a video are passed on: all, those nearest to a target rate, or every k-th of either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extract.decode.open_video import DecodedFrame, ReadError
from extract.segments import TIE_SECONDS, Tiling

# Half a day at 25 per second: a clock that jumps further is damaged.
MOST_REPEATS = 1_000_000


class Sampler:
    """Picks frames while they stream by. sampled: frames picked so far, before any is left out."""

    def __init__(self, fps: float | None, keep_every: int, keep_seconds: float | None = None):
        self.fps = fps
        self.keep_every = keep_every
        self.sampled = 0
        self._kept = 0
        self._starts: Tiling | None = None
        if keep_seconds is not None:
            self._starts = Tiling(
                clip_length=1, frame_stride=1, segment_stride=1, segment_seconds=keep_seconds
            )

    def pick(self, frames: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        """The frames to pass on; with fps, the one nearest to each time k / fps after the first frame."""
        chosen = frames if self.fps is None else self._nearest(frames, self.fps)
        for frame in chosen:
            if self._keeps(frame):
                self._kept += 1
                yield frame
            self.sampled += 1

    def _keeps(self, frame: DecodedFrame) -> bool:
        if self._starts is None:
            return self.sampled % self.keep_every == 0
        self._starts.note([frame.pts_seconds])
        return self._starts.start(self._kept) == self.sampled

    @staticmethod
    def _nearest(frames: Iterable[DecodedFrame], fps: float) -> Iterator[DecodedFrame]:
        """A frame covers the times up to half-way to the next one; the last frame, those up to its end."""
        first = before = None
        step = 0
        for frame in frames:
            if first is None or before is None:
                first = before = frame
                continue
            middle = (before.pts_seconds + frame.pts_seconds) / 2 - first.pts_seconds
            _check_repeats(before, middle * fps - step)
            # Every time k / fps up to the middle is nearer to the frame before it than to this one.
            while step / fps <= middle + TIE_SECONDS:
                yield before
                step += 1
            before = frame
        if first is not None and before is not None:
            seconds = before.end_seconds - first.pts_seconds
            _check_repeats(before, seconds * fps - step)
            count = max(1, round(seconds * fps))
            for _ in range(step, count):
                yield before


def _check_repeats(frame: DecodedFrame, times: float) -> None:
    """Raise ReadError for a frame that would be shown for half a day, and for times that are no numbers."""
    if not times <= MOST_REPEATS:
        raise ReadError(
            f"frame {frame.frame_index} would be repeated {times:.0f} times, because its clock jumps; "
            "extract without another frame rate"
        )
