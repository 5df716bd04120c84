"""The directions in which normal crops differ, each at unit variance: distances there are Mahalanobis's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from score.heads.attributes_parts.normal_regions import NormalRegions, known_numbers

RIDGE = 1e-3  # of the mean variance: directions in which nothing varied must not outweigh the others


class CropSpace(nn.Module):
    """From features [n, D] to [n, size]."""

    mean: Tensor
    directions: Tensor

    def __init__(self, feature_dim: int, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("directions", torch.zeros(feature_dim, min(size, feature_dim)))

    def forward(self, features: Tensor) -> Tensor:
        return (known_numbers(features) - self.mean) @ self.directions

    def fit(self, normal: NormalRegions) -> None:
        """From the sums over normal crops."""
        if not normal.crops or normal.total is None or normal.products is None:
            return
        mean = normal.total / normal.crops
        covariance = normal.products / normal.crops - mean[:, None] * mean[None]
        variance, directions = torch.linalg.eigh(covariance)
        kept = self.directions.shape[1]
        variance, directions = variance.flip(0)[:kept].clamp(min=0), directions.flip(1)[:, :kept]
        # The sign of an eigenvector is chance: its largest entry is positive.
        largest = directions.gather(0, directions.abs().argmax(dim=0)[None])
        directions = directions * largest.sign()
        scale = (variance + RIDGE * covariance.trace() / len(covariance)).sqrt().clamp(min=1e-12)
        self.mean.copy_(mean)
        self.directions.copy_(directions / scale)
