"""Which frames of a video are sent on: all, those nearest to a given rate, every k-th of either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extract.decode.open_video import DecodedFrame

TIE_SECONDS = 1e-3  # decord's times are 32-bit floats: a tie within a millisecond goes to the earlier frame


class Sampler:
    """Picks frames while they stream by. sampled: frames picked so far, before keep_every."""

    def __init__(self, fps: float | None, keep_every: int):
        self.fps = fps
        self.keep_every = keep_every
        self.sampled = 0

    def pick(self, pictures: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        """The frames to send; with fps, the one nearest to each time k / fps after the first frame."""
        chosen = pictures if self.fps is None else self._nearest(pictures)
        for picture in chosen:
            if self.sampled % self.keep_every == 0:
                yield picture
            self.sampled += 1

    def _nearest(self, pictures: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        """A frame shows the times up to half-way to the next one; the last frame shows them up to its end."""
        first = before = None
        step = 0
        for picture in pictures:
            if before is None:
                first = before = picture
                continue
            middle = (before.pts_seconds + picture.pts_seconds) / 2 - first.pts_seconds
            while step / self.fps <= middle + TIE_SECONDS:
                yield before
                step += 1
            before = picture
        if before is not None:
            count = max(1, round((before.end_seconds - first.pts_seconds) * self.fps))
            for _ in range(step, count):
                yield before
