"""A Gaussian average along time in which padding does not count."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 4  # standard deviations at which the Gaussian is cut off, as in score.scoring.smoothing


def time_reach(deviation: float) -> int:
    """Instances on each side that gaussian_average takes; none for a deviation of 0."""
    return max(1, math.ceil(REACH * deviation)) if deviation else 0


def gaussian_average(values: Tensor, mask: Tensor, *, deviation: float) -> Tensor:
    """Float [B, T] -> [B, T]. mask: bool [B, T], False for padding. deviation: in instances; 0 = none.

    At both ends of a bag the weights beyond it are left out, and the rest are scaled to sum to one.
    """
    if deviation == 0:
        return values
    reach = time_reach(deviation)
    offset = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    weight = torch.exp(-0.5 * (offset / deviation) ** 2)[None, None]
    known = mask.to(values.dtype)
    total, share = (F.conv1d(rows[:, None], weight, padding=reach)[:, 0] for rows in (values * known, known))
    return total / share.clamp(min=1e-12)
