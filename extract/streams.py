"""Decoded frames to what clips are cut from: resized pictures, or quantised flow between them."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from extract.presets import Preset
from extract.transforms import resize


class RgbStream:
    """uint8 [n, H, W, 3] -> uint8 [n, 3, H', W'], resized on the device."""

    def __init__(self, preset: Preset, device: torch.device):
        self.resize, self.device = preset.resize, device

    def add(self, frames: np.ndarray) -> Tensor:
        pictures = torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2)
        if self.resize is None:
            return pictures.clone()  # the frames lie in shared memory that the decoder will use again
        resized = resize(pictures, mode=self.resize.mode, size=self.resize.size, filter=self.resize.filter)
        return resized.clone() if resized.data_ptr() == pictures.data_ptr() else resized

    def end(self) -> Tensor | None:
        """What the last frames still owe: nothing."""
        return None


def make_stream(preset: Preset, device: torch.device) -> RgbStream:
    """The stream of a preset's modality; one a video."""
    return RgbStream(preset, device)
