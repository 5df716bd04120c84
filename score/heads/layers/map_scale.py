"""The scale of anomaly maps: what their highest value is in normal frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FAR, PEAKS = 99.0, 1001
LEAST_THRESHOLD = 1e-3  # above 0, the value of a normal frame


class MapScale(nn.Module):
    """0 is the highest value of a median normal frame, 1 the FAR-th percentile of those frames."""

    # Median of the highest values, and the distance from there to their FAR-th percentile.
    median: Tensor
    reach: Tensor
    # PEAKS quantiles of them, rising, on the scale of `of`.
    peaks: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("median", torch.zeros(()))
        self.register_buffer("reach", torch.ones(()))
        self.register_buffer("peaks", torch.zeros(PEAKS))

    def of(self, values: Tensor) -> Tensor:
        """Values of a map, of any shape, on this scale."""
        return (values - self.median) / self.reach

    def fit(self, highest: Tensor) -> None:
        """highest: the highest value of each normal frame, [F]; without any the scale stays."""
        if not len(highest):
            return
        ordered = highest.float().sort().values
        median, far, most = (ordered[math.ceil(share * (len(ordered) - 1))] for share in (0.5, FAR / 100, 1))
        reach = far - median if far > median else most - median
        self.median.copy_(median)
        self.reach.copy_(torch.where(reach > 0, reach, 1.0))
        places = torch.linspace(0, 1, PEAKS, dtype=torch.float64) * (len(ordered) - 1)
        self.peaks.copy_(self.of(ordered[places.ceil().long()]))

    def threshold(self, percentile: float) -> float:
        """The lowest value, on this scale, that at most 100 - percentile % of normal frames reach; above 0.

        percentile: 0 to 100, in tenths.
        """
        peak = self.peaks[round(percentile / 100 * (PEAKS - 1))]
        return float(torch.nextafter(peak, peak.new_tensor(torch.inf)).clamp(min=LEAST_THRESHOLD))
