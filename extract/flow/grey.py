"""Grey levels for optical flow: 0.299 R + 0.587 G + 0.114 B, rounded to integers."""

from __future__ import annotations

import torch
from torch import Tensor

# rule -> (weights of red, green and blue, their sum)
RULES = {
    # cv2.cvtColor: weights of 15 bits
    "opencv": ((9798, 19235, 3735), 1 << 15),
    # stores whose spec has no flow.grey: one level off cvtColor's in 0.26 % of colours
    "rounded": ((299, 587, 114), 1000),
}


def grey(frames: Tensor, *, channel_dim: int = -1, rule: str = "opencv") -> Tensor:
    """RGB uint8 -> uint8 without the channel dimension. rule: a key of RULES.

    Integer arithmetic with halves rounded up gives the same result on every device. Raises ValueError for
    another dtype or number of channels.
    """
    if frames.dtype != torch.uint8 or frames.shape[channel_dim] != 3:
        shape = tuple(frames.shape)
        expected = f"uint8 and size 3 in dimension {channel_dim}"
        raise ValueError(f"frames are {frames.dtype} {shape}, expected {expected}")
    weights, whole = RULES[rule]
    planes = frames.to(torch.int32).unbind(dim=channel_dim)
    red, green, blue = (weight * plane for weight, plane in zip(weights, planes, strict=True))
    total = red + green + blue
    return ((total + whole // 2) // whole).to(torch.uint8)
