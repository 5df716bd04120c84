"""Cuts the windows of segments out of a sound track that streams by; memory is bounded by one window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from extract.sound.log_mel import LogMel
from extract.sound.sound_settings import Sound


def window_starts(time_span: np.ndarray, sound: Sound) -> np.ndarray:
    """The first sample of each segment's window, int64 [N], from time_span [N, 2] in seconds.

    It may lie before the video, where there is no sound.
    """
    seconds = {"start": time_span[:, 0], "middle": time_span.mean(axis=1), "end": time_span[:, 1]}
    before = {"start": 0, "middle": sound.length // 2, "end": sound.length}
    return np.rint(seconds[sound.place] * sound.rate).astype(np.int64) - before[sound.place]


class SoundWindows:
    """Patches of windows that start at ascending samples; where there is no sound, samples are zero.

    A window without a single sample of the sound has a patch of NaN. starts: int64 [N].
    """

    def __init__(self, starts: np.ndarray, sound: Sound):
        self.starts, self.sound, self.log_mel = starts, sound, LogMel(sound)
        # Windows so far, and those of them without sound.
        self.done = self.silent = 0
        self._begin = int(starts[0]) if len(starts) else 0
        self._line = np.zeros(0, np.float32)
        self._heard = np.zeros(0, bool)

    @property
    def complete(self) -> bool:
        return self.done == len(self.starts)

    def add(self, position: int, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Samples [n] of the sound from a position on -> the patches of windows that end before it.

        The samples are taken after the last of these. Positions ascend. What lies before the next window is
        dropped.
        """
        while not self.complete and self.starts[self.done] + self.sound.reach <= position:
            yield self._cut()
        late = max(0, self._begin - position)
        samples, place = samples[late:], max(0, position - self._begin)
        if self.complete or not len(samples):
            return
        if (more := place + len(samples) - len(self._line)) > 0:
            self._line = np.append(self._line, np.zeros(more, np.float32))
            self._heard = np.append(self._heard, np.zeros(more, bool))
        self._line[place : place + len(samples)] = samples
        self._heard[place : place + len(samples)] = True

    def end(self) -> Iterator[np.ndarray]:
        """The patches that are left after the last sample."""
        while not self.complete:
            yield self._cut()

    def _cut(self) -> np.ndarray:
        samples = np.zeros(self.sound.reach, np.float32)
        found = self._line[: self.sound.reach]
        samples[: len(found)] = found
        if self._heard[: self.sound.length].any():
            patch = self.log_mel.patch(samples)
        else:
            patch = np.full((self.sound.frames, self.sound.bands), np.nan, np.float32)
            self.silent += 1
        self.done += 1
        if not self.complete:
            passed = int(self.starts[self.done]) - self._begin
            self._line, self._heard = self._line[passed:].copy(), self._heard[passed:].copy()
            self._begin += passed
        return patch
