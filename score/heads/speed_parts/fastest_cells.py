"""The fastest cells of speed maps, relative to what is normal in their rows."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from score.heads.layers.perspective import line_through
from score.heads.speed_parts.row_percentiles import RowPercentiles

MOST_RATIO = 1e6


def row_scale(
    maps: Iterable[Tensor], rows: int, *, percentile: float, line: bool, least: float, device: torch.device
) -> Tensor:
    """The percentile of normal speeds in each row of cells, or a line through these: float32 [rows].

    maps: [n, rows, C] each, in frame heights per second. least: what is slower says nothing of the line.
    """
    known = RowPercentiles(rows, device=device)
    moving = torch.zeros(rows, dtype=torch.float64, device=device)
    for each in maps:
        known.add(each)
        moving += (each > least).double().sum(dim=(0, 2))
    scale = known.at(percentile)
    return line_through(scale, moving) if line else scale


def relative_speed(speed: Tensor, scale: Tensor, *, least: float) -> Tensor:
    """Speed [..., R, C] relative to the scale of its row [R], at least `least`: float32 of the same shape."""
    ratio = speed.float() / scale.clamp(min=max(least, 1e-6))[:, None]
    return ratio.nan_to_num(0.0, posinf=MOST_RATIO).clamp(0, MOST_RATIO)


def fastest(ratio: Tensor, count: int) -> Tensor:
    """The mean of the `count` fastest cells: [..., R, C] -> [...]."""
    cells = ratio.flatten(-2)
    return cells.topk(min(count, cells.shape[-1]), dim=-1).values.mean(dim=-1)
