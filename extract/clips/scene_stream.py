"""Turns one video's decoded frames into what scene clips are cut from: resized frames, flow, people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from extract.clips.assembler import Clip
from extract.clips.streams import RgbStream
from extract.flow.quantise import quantise
from extract.scene.detectors import PeopleTracker
from extract.scene.people import NOBODY, People
from extract.scene.track_interpolation import fill_gaps


class SceneStream:
    """Frames -> uint8 [n, 5, H, W]: three planes of RGB, then flow to the next frame as int8 in two.

    Without flow there are three planes. Where there is flow, a frame waits for its successor; the last frame
    repeats the flow of the one before. `people` maps stream positions to the people found there, until
    forget() is called.
    """

    def __init__(
        self,
        rgb: RgbStream,
        people_tracker: PeopleTracker,
        *,
        detect_every: int = 1,
        estimate: Callable[[Tensor, Tensor], Tensor] | None = None,
        clamp: float = 20.0,
    ):
        self.rgb, self.people_tracker, self.detect_every = rgb, people_tracker, detect_every
        self.estimate, self.clamp = estimate, clamp
        self.people: dict[int, People] = {}
        self._count = 0
        self._waiting: Tensor | None = None  # the last frame [1, 3, H, W]
        self._last: Tensor | None = None  # the last flow [1, 2, H, W], int8 in the bits of uint8

    def add(self, frames: np.ndarray, frame_index: np.ndarray) -> Tensor:
        """uint8 [n, H, W, 3] and native numbers [n] of the next frames."""
        due = np.flatnonzero((self._count + np.arange(len(frames))) % self.detect_every == 0)
        with self.rgb.profile.span("people"):
            found = self.people_tracker(frames[due], frame_index[due])
        for position, people in zip(due, found, strict=True):
            self.people[self._count + int(position)] = people
        self._count += len(frames)
        resized = self.rgb.add(frames)
        if self.estimate is None:
            return resized
        if self._waiting is not None:
            resized = torch.cat([self._waiting, resized])
        self._waiting = resized[-1:]
        if len(resized) == 1:
            return resized.new_zeros(0, 5, *resized.shape[-2:])
        channels_last = resized.permute(0, 2, 3, 1)
        with self.rgb.profile.span("flow"):
            flow = self.estimate(channels_last[:-1], channels_last[1:])
            levels = quantise(flow, "int8", clamp=self.clamp).view(torch.uint8)
        self._last = levels[-1:]
        return torch.cat([resized[:-1], levels], dim=1)

    def end(self) -> Tensor | None:
        """The last frame, if it is still waiting."""
        if self._waiting is None:
            return None
        flow = self._last if self._last is not None else torch.zeros_like(self._waiting[:, :2])
        return torch.cat([self._waiting, flow], dim=1)

    def people_of(self, clip: Clip) -> list[People]:
        """The people in each fresh frame of a clip, interpolated linearly between the searched frames."""
        found = [self.people.get(int(position), NOBODY) for position in clip.positions[clip.fresh]]
        return fill_gaps(found, detect_every=self.detect_every)

    def forget(self, before: int) -> None:
        """Drop the people of frames that no later clip shows."""
        for position in [position for position in self.people if position < before]:
            del self.people[position]
