"""Scores of regions painted into their boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from score.heads.attributes_parts.region_table import RegionTable


def painted(table: RegionTable, values: Tensor, *, size: tuple[int, int], nothing: float) -> Tensor:
    """The highest value of the boxes on each pixel: values [T, P] -> float32 [T, *size].

    nothing: the value outside all boxes. A box covers at least one pixel.
    """
    height, width = size
    maps = torch.full((len(values), height, width), nothing)
    scale = torch.tensor([width, height, width, height], dtype=torch.float32)
    corners = (table.box.cpu().clamp(0, 1) * scale).round().long()
    frames, places = (table.present.cpu() & values.cpu().isfinite()).nonzero(as_tuple=True)
    for frame, place in zip(frames.tolist(), places.tolist(), strict=True):
        left, top, right, bottom = corners[frame, place].tolist()
        left, top = min(left, width - 1), min(top, height - 1)
        inside = maps[frame, top : max(bottom, top + 1), left : max(right, left + 1)]
        inside.clamp_(min=float(values[frame, place]))
    return maps
