"""Percentiles of the values in each row of maps, from a histogram, because a camera makes millions a day."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALLEST, LARGEST = 1e-4, 1e4
STEP = 0.01  # bins are this much wider than the one before, so that a percentile is exact to 1 %
BINS = math.ceil(math.log(LARGEST / SMALLEST) / math.log1p(STEP)) + 1


class RowPercentiles:
    """Counts values of R rows in bins of equal ratio; smaller ones than SMALLEST count as 0."""

    def __init__(self, rows: int, *, device: torch.device):
        self.counts = torch.zeros(rows, BINS + 1, dtype=torch.int64, device=device)

    def add(self, values: Tensor) -> None:
        """Values [n, R, C], not negative."""
        values = values.float().nan_to_num(0.0).clamp(max=LARGEST).transpose(0, 1).flatten(1)  # [R, n C]
        place = ((values / SMALLEST).clamp(min=1e-9).log() / math.log1p(STEP)).floor().long() + 1
        place = place.clamp(0, BINS)
        self.counts.scatter_add_(1, place, torch.ones_like(place))

    def at(self, percentile: float) -> Tensor:
        """The smallest upper end of a bin that this percentage of the values of a row do not exceed: [R].

        0 for rows without values.
        """
        rising = self.counts.cumsum(dim=1)
        least = (rising[:, -1:].double() * (percentile / 100)).ceil().long().clamp(min=1)
        place = (rising < least).sum(dim=1)
        upper = SMALLEST * torch.exp(place.double() * math.log1p(STEP))
        return torch.where((place == 0) | (rising[:, -1] == 0), torch.zeros_like(upper), upper).float()
