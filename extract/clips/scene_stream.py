"""Decoded frames of one video to what its clips are cut from: resized pictures, flow between them, people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from extract.clips.streams import RgbStream
from extract.flow.quantise import quantise
from extract.scene.detectors import PeopleTracker
from extract.scene.people import NOBODY, People


class SceneStream:
    """Frames -> uint8 [n, 5, H, W]: the picture's three planes, then flow to the next frame as int8 in two.

    Without flow there are three planes. A frame waits for its successor where there is flow; the last one has
    the flow of the one before again. `people` holds whoever was found, by position in the stream, until
    forget() is called.
    """

    def __init__(
        self,
        pictures: RgbStream,
        follow: PeopleTracker,
        *,
        detect_every: int = 1,
        estimate: Callable[[Tensor, Tensor], Tensor] | None = None,
        clamp: float = 20.0,
    ):
        self.pictures, self.follow, self.detect_every = pictures, follow, detect_every
        self.estimate, self.clamp = estimate, clamp
        self.people: dict[int, People] = {}
        self._count = 0
        self._waiting: Tensor | None = None  # the last picture [1, 3, H, W]
        self._last: Tensor | None = None  # the last flow [1, 2, H, W] in uint8's bits

    def add(self, frames: np.ndarray, frame_index: np.ndarray) -> Tensor:
        """uint8 [n, H, W, 3] and native numbers [n] of the next frames."""
        wanted = np.flatnonzero((self._count + np.arange(len(frames))) % self.detect_every == 0)
        with self.pictures.profile.span("people"):
            found = self.follow(frames[wanted], frame_index[wanted])
        for position, seen in zip(wanted, found, strict=True):
            self.people[self._count + int(position)] = seen
        self._count += len(frames)
        pictures = self.pictures.add(frames)
        if self.estimate is None:
            return pictures
        if self._waiting is not None:
            pictures = torch.cat([self._waiting, pictures])
        self._waiting = pictures[-1:]
        if len(pictures) == 1:
            return pictures.new_zeros(0, 5, *pictures.shape[-2:])
        shown = pictures.permute(0, 2, 3, 1)
        with self.pictures.profile.span("flow"):
            flow = quantise(self.estimate(shown[:-1], shown[1:]), "int8", clamp=self.clamp).view(torch.uint8)
        self._last = flow[-1:]
        return torch.cat([pictures[:-1], flow], dim=1)

    def end(self) -> Tensor | None:
        """The last frame, where it still waits."""
        if self._waiting is None:
            return None
        flow = self._last if self._last is not None else torch.zeros_like(self._waiting[:, :2])
        return torch.cat([self._waiting, flow], dim=1)

    def people_at(self, positions: np.ndarray) -> list[People]:
        """Who is in the frames of a clip; nobody in frames that were not looked at."""
        return [self.people.get(int(position), NOBODY) for position in positions]

    def forget(self, before: int) -> None:
        """Drop the people of frames that no later clip shows."""
        for position in [position for position in self.people if position < before]:
            del self.people[position]
