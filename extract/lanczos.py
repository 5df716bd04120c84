"""PIL's Lanczos resize (which torch lacks), for features that were published with it."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SUPPORT = 3.0  # lobes of the window


def lanczos_matrix(size_in: int, size_out: int) -> np.ndarray:
    """float64 [size_out, size_in]: rows of antialiased Lanczos-3 weights, each summing to one, cut at the borders."""
    ratio = size_in / size_out
    stretch = max(ratio, 1.0)  # shrinking widens the window, so that every pixel counts
    centers = (np.arange(size_out) + 0.5) * ratio
    first = np.maximum((centers - SUPPORT * stretch + 0.5).astype(int), 0)
    last = np.minimum((centers + SUPPORT * stretch + 0.5).astype(int), size_in)
    position = np.arange(size_in)
    distance = (position[None] - centers[:, None] + 0.5) / stretch
    weights = np.where(np.abs(distance) < SUPPORT, np.sinc(distance) * np.sinc(distance / SUPPORT), 0.0)
    weights[(position[None] < first[:, None]) | (position[None] >= last[:, None])] = 0.0
    return weights / weights.sum(1, keepdims=True)


def resize_lanczos(frames: Tensor, shape: tuple[int, int]) -> Tensor:
    """uint8 [..., H, W] -> uint8 [..., *shape]: columns first, rounded to uint8 between the passes, as PIL does."""
    height, width = frames.shape[-2:]
    wide = frames.double() @ _matrix(width, shape[1], frames).T if width != shape[1] else frames.double()
    wide = wide.add(0.5).floor().clamp(0, 255)
    high = _matrix(height, shape[0], frames) @ wide if height != shape[0] else wide
    return high.add(0.5).floor().clamp(0, 255).to(torch.uint8)


def _matrix(size_in: int, size_out: int, like: Tensor) -> Tensor:
    return torch.from_numpy(lanczos_matrix(size_in, size_out)).to(like.device)
