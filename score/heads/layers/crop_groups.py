"""Which bags of a batch are crops of one video, so that a loss counts the video once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from score.bags.bags import Bags


@dataclass(frozen=True)
class Crops:
    """V videos of B bags; the crops of one video have the same length, label and class.

    index: int64 [B], the video of each bag. first: int64 [V], a bag of each video. None: all bags are videos.
    """

    index: Tensor | None
    first: Tensor | None

    def mean(self, values: Tensor) -> Tensor:
        """Average over the crops of each video: [B, ...] -> [V, ...]."""
        if self.index is None:
            return values
        total = values.new_zeros(len(self.first), *values.shape[1:]).index_add(0, self.index, values)
        count = self.index.bincount(minlength=len(self.first))
        return total / count.reshape(-1, *[1] * (values.dim() - 1))

    def one(self, values: Tensor) -> Tensor:
        """What all crops of a video share: [B, ...] -> [V, ...]."""
        return values if self.index is None else values[self.first]

    def back(self, values: Tensor) -> Tensor:
        """The value of its video for every bag: [V, ...] -> [B, ...]."""
        return values if self.index is None else values[self.index]


def crops_of(bags: Bags) -> Crops:
    """The videos of a batch, those with the smallest number first."""
    if bags.video is None:
        return Crops(None, None)
    videos, index = bags.video.unique(return_inverse=True)
    if len(videos) == len(bags):
        return Crops(None, None)
    place = torch.arange(len(bags), device=index.device)
    first = place.new_zeros(len(videos)).scatter_reduce(0, index, place, "amin", include_self=False)
    return Crops(index, first)
