"""What is usual at each height of the picture: a quantile of normal values, weighted by nearness.

Things lower in the picture are nearer to the camera, so that the same walk is more pixels a second. Where few
normal regions were seen, the quantile is that of all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PLACES = 101  # heights at which the quantile is known; linear in between
PRIOR = 20.0  # as much as this many regions at the place, all regions count everywhere
LEAST = 1e-4  # as a share of the largest scale, so that nothing is divided by zero


class PlaceScale(nn.Module):
    """The scale of one attribute by the lower edge of a box, 0 = top and 1 = bottom of the frame."""

    # [PLACES], at even distances from 0 to 1.
    scale: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(PLACES))

    def forward(self, values: Tensor, bottom: Tensor) -> Tensor:
        """Values relative to what is usual at the lower edges, all of one shape."""
        return values / self.at(bottom)

    def at(self, bottom: Tensor) -> Tensor:
        place = (bottom.clamp(0, 1) * (PLACES - 1)).nan_to_num(0.0)
        lower = place.floor().long().clamp(max=PLACES - 2)
        share = place - lower
        return self.scale[lower] * (1 - share) + self.scale[lower + 1] * share

    def fit(self, values: Tensor, bottom: Tensor, *, percentile: float, width: float) -> None:
        """Normal values [n] with their lower edges [n]. width: standard deviation of the nearness."""
        known = values.isfinite()
        values, bottom = values[known].double(), bottom[known].double()
        if not len(values):
            return
        ordered, order = values.sort()
        bottom = bottom[order]
        for number in range(PLACES):
            place = number / (PLACES - 1)
            weight = torch.exp(-0.5 * ((bottom - place) / width) ** 2) + PRIOR / len(values)
            rising = weight.cumsum(0)
            found = torch.searchsorted(rising, rising[-1] * (percentile / 100))
            self.scale[number] = ordered[found.clamp(max=len(ordered) - 1)]
        self.scale.clamp_(min=max(LEAST * float(self.scale.max()), 1e-9))
