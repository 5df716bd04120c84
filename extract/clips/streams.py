"""Turns decoded frames into what clips are cut from: resized frames, or quantised flow between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from extract.clips.transforms import resize
from extract.inference.transfer import Uploader
from extract.presets import Flow, Preset, Resize
from extract.runtime.profile import OFF, Profile


class Stream(Protocol):
    """Transforms the frames of one video in order; the output may lag one frame behind until end()."""

    def add(self, frames: np.ndarray, frame_index: np.ndarray, /) -> Tensor:
        """uint8 [n, H, W, 3] and native numbers [n] of the next frames -> planes [m, channels, H', W']."""
        ...

    def end(self) -> Tensor | None:
        """The planes of frames that are still held back."""
        ...


class RgbStream:
    """uint8 [n, H, W, 3] -> [n, 3, H', W'], resized on the device; uint8, or what the filter gives."""

    def __init__(
        self,
        settings: Resize | None,
        device: torch.device,
        *,
        upload: Uploader | None = None,
        profile: Profile = OFF,
    ):
        self.settings, self.upload, self.profile = settings, upload or Uploader(device), profile

    def add(self, frames: np.ndarray, _frame_index: np.ndarray | None = None) -> Tensor:
        with self.profile.span("copy"):
            pixels = self.upload(frames).permute(0, 3, 1, 2)
            # the frames lie in shared memory that the decode worker will use again, hence the clones
            if self.settings is None:
                return pixels.clone()
        settings = self.settings
        with self.profile.span("resize"):
            resized = resize(pixels, mode=settings.mode, size=settings.size, filter=settings.filter)
            return resized.clone() if resized.data_ptr() == pixels.data_ptr() else resized

    def end(self) -> None:
        return None


class FlowStream:
    """uint8 [n, H, W, 3] -> flow levels [n, 2, H', W']; frame t stands for the motion from t to t + 1.

    Flow is computed on the resized frames. The last frame of each call waits for its successor, so a call
    returns one frame less than it could; end() repeats the video's last flow for it. Levels are 0..255: the
    clamped flow v becomes 255 (v + 20) / 40, truncated or rounded to uint8 as the quantiser says.
    """

    def __init__(self, rgb: RgbStream, flow: Flow, estimate: Callable[[Tensor, Tensor], Tensor]):
        self.rgb, self.flow, self.estimate = rgb, flow, estimate
        self._waiting: Tensor | None = None  # the last frame [1, 3, H', W']
        self._last: Tensor | None = None  # the last flow [1, 2, H', W']

    def add(self, frames: np.ndarray, _frame_index: np.ndarray | None = None) -> Tensor:
        resized = self.rgb.add(frames)
        if self._waiting is not None:
            resized = torch.cat([self._waiting, resized])
        self._waiting = resized[-1:]
        if len(resized) == 1:
            return resized.new_zeros(0, 2, *resized.shape[-2:])
        channels_last = resized.permute(0, 2, 3, 1)
        with self.rgb.profile.span("flow"):
            levels = self._levels(self.estimate(channels_last[:-1], channels_last[1:]))
        self._last = levels[-1:]
        return levels

    def end(self) -> Tensor | None:
        """The flow of the last frame: a repeat of the previous frame's, or zero in a one-frame video."""
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
    """A function that makes a fresh stream for each video; what they share (RAFT's network) is built once."""
    upload = Uploader(device)

    def rgb() -> RgbStream:
        return RgbStream(preset.resize, device, upload=upload, profile=profile)

    if preset.flow is None:
        return rgb
    flow, estimate = preset.flow, flow_estimator(preset.flow, device)
    return lambda: FlowStream(rgb(), flow, estimate)


def flow_estimator(flow: Flow, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Frames uint8 [n, H, W, 3] and their successors -> flow [n, 2, H, W] in pixels, as a preset says."""
    from extract.flow.estimator import make_estimator

    return make_estimator(
        flow.method, variant=flow.variant, device=device, weights=flow.weights, grey_rule=flow.grey
    )
