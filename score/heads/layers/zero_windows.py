"""Bags cut into windows that follow each other, the last one filled up with zeros."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def zero_windows(rows: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Windows of `size` instances: [B, T, D], bool [B, T] -> [B * W, size, D], bool [B * W, size].

    Padding is 0 in every window; windows of nothing but padding stand at the end of short bags.
    """
    length = rows.shape[1]
    # torch.export needs symbolic sizes, and no division that rounds a negative number.
    fill = (length + size - 1) // size * size - length
    rows = F.pad(rows.masked_fill(~mask[:, :, None], 0.0), (0, 0, 0, fill))
    return rows.reshape(-1, size, rows.shape[2]), F.pad(mask, (0, fill)).reshape(-1, size)


def unwindowed(values: Tensor, like: Tensor) -> Tensor:
    """Values of windows back at the instances: [B * W, size, ...] -> [B, T, ...]. like: the mask [B, T]."""
    return values.reshape(like.shape[0], -1, *values.shape[2:])[:, : like.shape[1]]
