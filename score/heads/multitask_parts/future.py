"""Which instance each window predicts, and errors of windows mapped to the nearest instances."""

from __future__ import annotations

import torch
from torch import Tensor

from score.heads.layers.windows import Windows


def future_of(windows: Windows, length: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """The instance `horizon` after each window's last one, and whether it exists: int64, bool [B, W].

    length: int64 [B], of each bag.
    """
    last = windows.index[:, :, 0] + (windows.own.sum(dim=2) - 1).clamp(min=0)
    future = last + horizon
    return future.minimum(length[:, None] - 1), windows.used & (future < length[:, None])


def nearest_value(values: Tensor, place: Tensor, known: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The nearest known value for each instance, else 0, and whether a bag has any.

    values: [B, W], of the instances `place`, int64 [B, W]; `known`: bool [B, W]. -> [B, length], bool [B].
    """
    instance = torch.arange(length, device=place.device)
    apart = (instance[None, :, None] - place[:, None, :]).abs()  # [B, length, W]
    nearest = apart.masked_fill(~known[:, None, :], 2**62).argmin(dim=2)
    some = known.any(dim=1)
    return values.gather(1, nearest) * some[:, None], some
