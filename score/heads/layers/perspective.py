"""A straight line through what is measured in the rows of a picture.

On flat ground seen by a level camera, lengths in the picture grow linearly with the distance from the
horizon, and so do speeds. A line through the rows is less noisy than a number per row, where few objects
passed.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SHARE = 0.3  # of the weighted mean; far beyond the rows that were seen, a line falls to 0


def line_through(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted least-squares line through one value per row: [R], [R] -> [R].

    weight: not negative; without any the result is 0. Nowhere below LEAST_SHARE of the weighted mean.
    """
    rows, known = values.double(), weight.double()
    if not known.any():
        return torch.zeros_like(values)
    share = known / known.sum()
    place = torch.arange(len(rows), dtype=torch.float64, device=rows.device)
    middle, mean = (share * place).sum(), (share * rows).sum()
    spread = (share * (place - middle).square()).sum()
    slope = (share * (place - middle) * (rows - mean)).sum() / spread if spread > 0 else 0.0
    return (mean + slope * (place - middle)).clamp(min=float(LEAST_SHARE * mean)).to(values.dtype)
