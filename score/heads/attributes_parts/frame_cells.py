"""The attribute of a whole frame: its fastest cells, whatever region they are in, as the head speed has it.

Before cameras that move, in crowds and in the dark, regions are missed or cut at the wrong places; a map of
cells misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from score.heads.speed_parts.fastest_cells import fastest, relative_speed, row_scale

# As the head speed has them; scripts/experiments/RESULTS.md compares them with others on normal videos.
PERCENTILE, CELLS, LEAST = 99.9, 4, 0.02


class FrameCells(nn.Module):
    """Maps of R rows of cells. line: a straight line through the scales of the rows, see head speed."""

    scale: Tensor  # [R], the speed that counts as 1, in frame heights per second

    def __init__(self, rows: int, *, line: bool):
        super().__init__()
        self.line = line
        self.register_buffer("scale", torch.ones(rows))

    def forward(self, maps: Tensor) -> Tensor:
        """[..., R, C] -> [...], the mean of the fastest cells."""
        return fastest(self.ratio(maps), CELLS)

    def ratio(self, maps: Tensor) -> Tensor:
        """Relative to what is normal in the row."""
        return relative_speed(maps, self.scale, least=LEAST)

    def fit(self, maps: Iterable[Tensor]) -> None:
        """Normal maps, [n, R, C] each."""
        rows, device = len(self.scale), self.scale.device
        scale = row_scale(maps, rows, percentile=PERCENTILE, line=self.line, least=LEAST, device=device)
        self.scale.copy_(scale)


def fastest_of_rows(maps: Tensor) -> Tensor:
    """[T, R, C] -> [T, R, at most CELLS]: of each row what can be among the fastest of the frame."""
    return maps.topk(min(CELLS, maps.shape[-1]), dim=-1).values


def box_of_fastest(ratio: Tensor) -> Tensor:
    """The box around the fastest cells of one frame, [R, C] -> [4], shares of the frame."""
    rows, columns = ratio.shape
    chosen = ratio.flatten().topk(min(CELLS, ratio.numel())).indices
    row, column = chosen // columns, chosen % columns
    corners = [column.min() / columns, row.min() / rows, (column.max() + 1) / columns, (row.max() + 1) / rows]
    return torch.stack(corners).float()
