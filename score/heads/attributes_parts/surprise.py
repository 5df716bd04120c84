"""How surprising a value is: minus the logarithm of the share of normal frames that reach it.

Attributes on this scale can be added, as in Fisher's method: one whose normal values scatter far needs more
to be as surprising as one whose normal values lie close together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POINTS = 1001  # quantiles of the normal values that are kept
TAIL, FAR = 0.9, 0.99  # beyond the TAIL quantile the share falls off as between these two
MOST = 1e6


class Surprise(nn.Module):
    """0 for values that every normal frame reaches, 2.3 for those that a tenth does, then rising evenly."""

    # [POINTS], rising, of the highest values of normal frames.
    quantiles: Tensor
    # How much faster than the values their surprise rises in the tail.
    slope: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("quantiles", torch.linspace(0, 1, POINTS))
        self.register_buffer("slope", torch.ones(()))

    def forward(self, values: Tensor) -> Tensor:
        """Of any shape; NaN, which is unknown, surprises nobody: 0."""
        tail = self._quantile(TAIL)
        below = torch.searchsorted(self.quantiles, values.nan_to_num(0.0).contiguous(), right=False)
        share = (1 - below / POINTS).clamp(min=1 - TAIL)
        beyond = -math.log(1 - TAIL) + self.slope * (values - tail)
        found = torch.where(values > tail, beyond, -share.log())
        # Minus zero, the logarithm of 1, looks odd in reports.
        return found.nan_to_num(0.0, posinf=MOST).clamp(0, MOST) + 0.0

    def fit(self, highest: Tensor) -> None:
        """highest: the highest value of each normal frame, [F]; without any the scale stays."""
        if not len(highest):
            return
        ordered = highest.double().sort().values
        place = torch.linspace(0, len(ordered) - 1, POINTS, dtype=torch.float64)
        lower = place.floor().long()
        upper = (lower + 1).clamp(max=len(ordered) - 1)
        self.quantiles.copy_(ordered[lower] + (place - lower) * (ordered[upper] - ordered[lower]))
        reach = self._quantile(FAR) - self._quantile(TAIL)
        # Where normal frames do not differ, anything beyond them is far beyond.
        least = 1e-3 * self.quantiles.abs().amax().clamp(min=1e-6)
        self.slope.copy_(math.log((1 - TAIL) / (1 - FAR)) / torch.maximum(reach, least))

    def _quantile(self, share: float) -> Tensor:
        return self.quantiles[round(share * (POINTS - 1))]
