"""Turns one video's decoded frames into what scene clips are cut from: resized frames, flow, people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from extract.clips.assembler import Clip
from extract.clips.streams import RgbStream
from extract.descriptors.speed_map import SpeedMap
from extract.flow.quantise import quantise
from extract.scene.detectors import PeopleTracker
from extract.scene.people import NOBODY, People
from extract.scene.track_interpolation import fill_gaps


class SceneStream:
    """Frames -> uint8 [n, 5, H, W]: three planes of RGB, then flow to the next frame as int8 in two.

    Without flow there are three planes. Where there is flow, a frame waits for its successor; the last frame
    repeats the flow of the one before. `people` and `speeds` map stream positions to the people found there
    and to the map of speeds there, until forget() is called; a map is there once the next frame has arrived.
    """

    def __init__(
        self,
        rgb: RgbStream,
        people_tracker: PeopleTracker,
        *,
        detect_every: int = 1,
        estimate: Callable[[Tensor, Tensor], Tensor] | None = None,
        clamp: float = 20.0,
        speed_map: SpeedMap | None = None,
    ):
        self.rgb, self.people_tracker, self.detect_every = rgb, people_tracker, detect_every
        self.estimate, self.clamp = estimate, clamp
        self.speed_map = speed_map
        self.people: dict[int, People] = {}
        self.speeds: dict[int, np.ndarray] = {}
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
        if self.speed_map is not None:
            with self.rgb.profile.span("speed"):
                for position, frame in enumerate(frames, self._count - 1):
                    self._keep(position, self.speed_map.frame(frame))
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
        if self.speed_map is not None:
            self._keep(self._count - 1, self.speed_map.end())
        if self._waiting is None:
            return None
        flow = self._last if self._last is not None else torch.zeros_like(self._waiting[:, :2])
        return torch.cat([self._waiting, flow], dim=1)

    def people_of(self, clip: Clip) -> list[People]:
        """The people in each fresh frame of a clip, interpolated linearly between the searched frames."""
        found = [self.people.get(int(position), NOBODY) for position in clip.positions[clip.fresh]]
        return fill_gaps(found, detect_every=self.detect_every)

    def speed_of(self, clip: Clip, *, frames: int) -> np.ndarray:
        """The map of one segment, the highest of the frames in the middle of its clip: float32 [R, C].

        frames: how many, as many as lie between the starts of two segments. The last frame of a clip has no
        map yet, unless the clip is that frame alone, at the end of a video.
        """
        assert self.speed_map is not None
        first, last = int(clip.positions[0]), int(clip.positions[-1])
        count = max(1, min(frames, last - first))
        begin = first + (last - first - count + 1) // 2
        return self.speed_map.segment(np.stack([self.speeds[begin + number] for number in range(count)]))

    def forget(self, before: int) -> None:
        """Drop the people and speeds of frames that no later clip shows."""
        for known in (self.people, self.speeds):
            for position in [position for position in known if position < before]:
                del known[position]

    def _keep(self, position: int, speeds: np.ndarray | None) -> None:
        if speeds is not None:
            self.speeds[position] = speeds
