"""Decoded frames to what clips are cut from: resized pictures, or quantised flow between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from extract.clips.transforms import resize
from extract.inference.transfer import Uploader
from extract.presets import Flow, Preset, Resize
from extract.runtime.profile import OFF, Profile


class RgbStream:
    """uint8 [n, H, W, 3] -> uint8 [n, 3, H', W'], resized on the device."""

    def __init__(
        self,
        settings: Resize | None,
        device: torch.device,
        *,
        upload: Uploader | None = None,
        profile: Profile = OFF,
    ):
        self.settings, self.upload, self.profile = settings, upload or Uploader(device), profile

    def add(self, frames: np.ndarray) -> Tensor:
        with self.profile.span("copy"):
            pictures = self.upload(frames).permute(0, 3, 1, 2)
            if self.settings is None:
                return pictures.clone()  # the frames lie in shared memory that the decoder will use again
        settings = self.settings
        with self.profile.span("resize"):
            resized = resize(pictures, mode=settings.mode, size=settings.size, filter=settings.filter)
            return resized.clone() if resized.data_ptr() == pictures.data_ptr() else resized

    def end(self) -> Tensor | None:
        """What the last frames still owe: nothing."""
        return None


class FlowStream:
    """uint8 [n, H, W, 3] -> flow levels [n, 2, H', W']; frame t stands for the motion from t to t + 1.

    Flow is computed on the resized pictures. Each call returns one frame less than it could, because the last frame
    waits for its successor; end() repeats the video's last flow for it. Levels are 0..255, where 255 (v + 20) / 40 is
    the clamped flow v, truncated or rounded to uint8 as the quantiser says.
    """

    def __init__(self, pictures: RgbStream, flow: Flow, estimate: Callable[[Tensor, Tensor], Tensor]):
        self.pictures, self.flow, self.estimate = pictures, flow, estimate
        self._waiting: Tensor | None = None  # the last picture [1, 3, H', W']
        self._last: Tensor | None = None  # the last flow [1, 2, H', W']

    def add(self, frames: np.ndarray) -> Tensor:
        pictures = self.pictures.add(frames)
        if self._waiting is not None:
            pictures = torch.cat([self._waiting, pictures])
        self._waiting = pictures[-1:]
        if len(pictures) == 1:
            return pictures.new_zeros(0, 2, *pictures.shape[-2:])
        shown = pictures.permute(0, 2, 3, 1)
        with self.pictures.profile.span("flow"):
            levels = self._levels(self.estimate(shown[:-1], shown[1:]))
        self._last = levels[-1:]
        return levels

    def end(self) -> Tensor | None:
        """The flow of the last frame: the one before again, or none at all in a video of one frame."""
        if self._last is None and self._waiting is not None:
            shape = (1, 2, *self._waiting.shape[-2:])
            return self._levels(torch.zeros(shape, device=self._waiting.device))
        return self._last

    def _levels(self, flow: Tensor) -> Tensor:
        from extract.flow.quantise import quantise

        clamp = self.flow.clamp
        quantised = quantise(flow, self.flow.quantiser, clamp=clamp)
        return 255 * (quantised + clamp) / (2 * clamp) if self.flow.quantiser == "none" else quantised


def stream_maker(
    preset: Preset, device: torch.device, profile: Profile = OFF
) -> Callable[[], RgbStream | FlowStream]:
    """A function that gives a fresh stream for each video; what they share (RAFT's network) is built once."""
    upload = Uploader(device)

    def pictures() -> RgbStream:
        return RgbStream(preset.resize, device, upload=upload, profile=profile)

    if preset.flow is None:
        return pictures
    from extract.flow.estimator import make_estimator

    flow = preset.flow
    estimate = make_estimator(flow.method, variant=flow.variant, device=device, weights=flow.weights)
    return lambda: FlowStream(pictures(), flow, estimate)
