"""What a network with its classifier sees in one picture: a check that weights and preprocessing fit."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from extract.clips.streams import stream_maker
from extract.clips.transforms import crop, network_input
from extract.presets import Preset


class Classifier(Protocol):
    """A backbone that keeps its classifier."""

    def class_logits(self, clips: Tensor) -> Tensor:
        """Scaled clips [B, 3, L, H, W] -> logits [B, classes]."""
        ...


@torch.inference_mode()
def class_probabilities(net: Classifier, preset: Preset, picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> float64 [classes], which sum to 1; prepared as the preset prepares frames.

    Of several crops the first one is seen.
    """
    assert preset.crop is not None and preset.scaling is not None
    frame = stream_maker(preset, torch.device("cpu"))().add(np.array(picture)[None])
    view = crop(frame, layout=preset.crop.layout, size=preset.crop.size)[0]
    clip = network_input([view], batch_size=1, mean=preset.scaling.mean, std=preset.scaling.std)
    return net.class_logits(clip)[0].double().softmax(0).numpy()
