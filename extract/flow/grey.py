"""Grey levels for optical flow: 0.299 R + 0.587 G + 0.114 B, rounded to integers."""

from __future__ import annotations

import torch
from torch import Tensor


def grey(frames: Tensor, *, channel_dim: int = -1) -> Tensor:
    """RGB uint8 -> uint8 without the channel dimension.

    Integer arithmetic with halves rounded up gives the same result on every device. Raises ValueError for
    another dtype or number of channels.
    """
    if frames.dtype != torch.uint8 or frames.shape[channel_dim] != 3:
        shape = tuple(frames.shape)
        expected = f"uint8 and size 3 in dimension {channel_dim}"
        raise ValueError(f"frames are {frames.dtype} {shape}, expected {expected}")
    red, green, blue = frames.to(torch.int32).unbind(dim=channel_dim)
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).to(torch.uint8)
