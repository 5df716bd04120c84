"""Which frames of a video are passed on: all, those nearest to a target rate, or every k-th of either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extract.decode.open_video import DecodedFrame, ReadError
from extract.segments import TIE_SECONDS, Tiling

# Half a day at 25 per second: a clock that jumps further is damaged.
MOST_REPEATS = 1_000_000


class Sampler:
    """Picks frames while they stream by. sampled: frames picked so far, before any is left out.

    With fps, a frame covers the times up to half-way to the next one; the last frame, those up to its end.
    """

    def __init__(self, fps: float | None, keep_every: int, keep_seconds: float | None = None):
        self.fps = fps
        self.keep_every = keep_every
        self.sampled = 0
        self._kept = 0
        self._first: DecodedFrame | None = None
        self._before: DecodedFrame | None = None  # waits for its successor
        self._step = 0  # times k / fps that are covered
        self._starts: Tiling | None = None
        if keep_seconds is not None:
            self._starts = Tiling(
                clip_length=1, frame_stride=1, segment_stride=1, segment_seconds=keep_seconds
            )

    def pick(self, frames: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        """The frames to pass on; with fps, the one nearest to each time k / fps after the first frame."""
        for frame in frames:
            yield from self.add(frame)
        yield from self.end()

    def add(self, frame: DecodedFrame) -> Iterator[DecodedFrame]:
        """The frames to pass on once this one is there; to be exhausted before the next call."""
        return self._kept_of([frame] if self.fps is None else self._nearest(frame, self.fps))

    def end(self) -> Iterator[DecodedFrame]:
        """The frames to pass on after the last one."""
        return self._kept_of([] if self.fps is None else self._last(self.fps))

    def _kept_of(self, chosen: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        for frame in chosen:
            if self._keeps(frame):
                self._kept += 1
                yield frame
            self.sampled += 1

    def _keeps(self, frame: DecodedFrame) -> bool:
        if self._starts is None:
            return self.sampled % self.keep_every == 0
        self._starts.note([frame.pts_seconds])
        self._starts.forget(self._kept)
        return self._starts.start(self._kept) == self.sampled

    def _nearest(self, frame: DecodedFrame, fps: float) -> Iterator[DecodedFrame]:
        first, before, self._before = self._first or frame, self._before, frame
        self._first = first
        if before is None:
            return
        middle = (before.pts_seconds + frame.pts_seconds) / 2 - first.pts_seconds
        _check_repeats(before, middle * fps - self._step)
        # Every time k / fps up to the middle is nearer to the frame before it than to this one.
        while self._step / fps <= middle + TIE_SECONDS:
            yield before
            self._step += 1

    def _last(self, fps: float) -> Iterator[DecodedFrame]:
        first, before = self._first, self._before
        if first is None or before is None:
            return
        seconds = before.end_seconds - first.pts_seconds
        _check_repeats(before, seconds * fps - self._step)
        count = max(1, round(seconds * fps))
        for _ in range(self._step, count):
            yield before


def _check_repeats(frame: DecodedFrame, times: float) -> None:
    """Raise ReadError for a frame that would be shown for half a day, and for times that are no numbers."""
    if not times <= MOST_REPEATS:
        raise ReadError(
            f"frame {frame.frame_index} would be repeated {times:.0f} times, because its clock jumps; "
            "extract without another frame rate"
        )
