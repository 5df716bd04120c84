"""The times of frames, checked one by one and repaired where a container's clock cannot be right.

    no time, or an impossible one   the frame follows the one before at the nominal rate
    the clock begins again          what follows is moved so that it continues (joined files)
    the clock jumps ahead           the same (joined files, cameras that record on motion, clocks set anew)
    the clock runs back and forth   times are not used any more; the nominal rate is (wrong order of frames)

So times are finite and ascend, and a video lasts about as long as its frames. A variable rate is no fault:
waits of up to ten seconds, or twenty frames, are kept, and longer ones that follow each other, as of cameras
that take a picture every minute. What was repaired is recorded with the video.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LONGEST_WAIT_SECONDS = 10.0  # FFmpeg's limit for the same question (dts_delta_threshold)
LONGEST_WAIT_FRAMES = 20.0  # of cameras that take a picture every few seconds
LONGEST_SLOW_SECONDS, SLOW_APART = 600.0, 4.0  # of waits in a row, the longer by the shorter one
LARGEST_SECONDS = 30 * 24 * 3600.0  # no recording is longer; ASF without times says 9.2e15
DISORDER_SECONDS = 1.0  # a step back of less is frames in the wrong order, not another file
JUMPS_KEPT = 20


@dataclass(frozen=True)
class Piece:
    """Frames whose times were moved by as many seconds. start: the container's time of the first of them.

    end_before: the container's time at which the frame before ends.
    """

    start: float
    end_before: float
    moved: float


@dataclass
class Clock:
    """Times of one video. fps: its nominal rate, for frames without a usable time."""

    fps: float
    jumps: list[tuple[int, float]] = field(
        default_factory=list
    )  # (frame, seconds by which its clock was moved)
    num_jumps: int = 0
    # What other streams are moved by; a clock that is right has one piece.
    pieces: list[Piece] = field(default_factory=list)
    untimed: int = 0  # frames that follow at the nominal rate
    disordered_at: int | None = None  # the frame from which on times are not used
    last_raw: float = 0.0  # the container's latest time
    _frames: int = 0
    _raw: float = math.nan  # the last usable time of the container
    _start: float = 0.0
    _end: float = 0.0
    _moved: float = 0.0
    _wait: float = math.nan  # before the last frame, by the container

    def times(self, start: float, end: float, after: float = math.nan) -> tuple[float, float]:
        """(start, end) in seconds of the next frame.

        start, end, after: what the container says of it, and of the start of the next one; NaN = nothing.
        """
        step = 1.0 / self.fps
        length = end - start
        if not 0.0 < length <= max(LONGEST_WAIT_SECONDS, LONGEST_WAIT_FRAMES * step):
            length = step
        raw = start if abs(start) <= LARGEST_SECONDS else None  # not so for NaN
        if self._frames == 0:
            # A container may begin at any time; only an impossible one is replaced.
            self._start = 0.0 if raw is None else raw
            self._moved = 0.0
            self.pieces.append(Piece(self._start, self._start, self._moved))
        else:
            self._start = self._following(raw, step, after)
        self.untimed += raw is None or self.disordered_at is not None
        if raw is not None:
            self._raw, self.last_raw = raw, max(self.last_raw, raw + length)
        self._end = self._start + length
        self._frames += 1
        return self._start, self._end

    def _following(self, raw: float | None, step: float, after: float) -> float:
        """Where a frame starts that comes after another."""
        # Not the end of the one before: durations in containers are less reliable than starts.
        nominal = self._start + step
        if raw is None or self.disordered_at is not None:
            return nominal
        if math.isnan(self._raw):  # no frame before had a time
            self._moved = nominal - raw
            self.pieces = [Piece(raw, raw, self._moved)]
            return nominal
        wait, before = raw - self._raw, self._wait
        self._wait = wait
        if -DISORDER_SECONDS < wait <= 0.0:
            self.disordered_at = self._frames
            return nominal
        is_long = wait > max(LONGEST_WAIT_SECONDS, LONGEST_WAIT_FRAMES * step)
        if wait <= 0.0 or (is_long and not (_alike(wait, before) or _alike(wait, after - raw))):
            moved = nominal - raw
            self.num_jumps += 1
            if len(self.jumps) < JUMPS_KEPT:
                self.jumps.append((self._frames, round(moved - self._moved, 6)))
            self._moved = moved
            self.pieces.append(Piece(raw, self._raw + step, moved))
        return max(raw + self._moved, math.nextafter(self._start, math.inf))

    def repairs(self) -> str:
        """One line about what was repaired, "" for a clock that is right."""
        parts = []
        if self.num_jumps:
            frame, seconds = self.jumps[0]
            parts.append(
                f"{self.num_jumps} jumps taken out, the first of {-seconds:.1f} s before frame {frame}"
            )
        if self.disordered_at is not None:
            parts.append(
                f"times run back and forth; from frame {self.disordered_at} on {self.fps:g} frames per second"
            )
        elif self.untimed:
            parts.append(f"{self.untimed} frames without a time; {self.fps:g} frames per second for them")
        return "; ".join(parts)


def _alike(wait: float, other: float) -> bool:
    """Whether two waits in a row are those of a slow camera. NaN is like nothing."""
    return max(wait, other) <= LONGEST_SLOW_SECONDS and 1 / SLOW_APART <= other / wait <= SLOW_APART
