"""Which bags of a batch are crops of the same video, so that a loss counts each video once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from score.bags.bags import Bags


@dataclass(frozen=True)
class Crops:
    """The V videos of B bags; the crops of a video have the same length, label and class.

    index: int64 [B], the video of each bag. first: int64 [V], the first bag of each video.
    """

    index: Tensor
    first: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """Average over the crops of each video: [B, ...] -> [V, ...]."""
        total = values.new_zeros(len(self.first), *values.shape[1:]).index_add(0, self.index, values)
        count = self.index.bincount(minlength=len(self.first))
        return total / count.reshape(-1, *[1] * (values.dim() - 1))

    def split(self, values: Tensor) -> Tensor:
        """The crops of each video, as many for every video: [B, ...] -> [V, C, ...]."""
        return values[self.index.argsort(stable=True)].unflatten(0, (len(self.first), -1))

    def one(self, values: Tensor) -> Tensor:
        """The value that all crops of a video share: [B, ...] -> [V, ...]."""
        return values[self.first]

    def back(self, values: Tensor) -> Tensor:
        """For every bag the value of its video: [V, ...] -> [B, ...]."""
        return values[self.index]


class OneBagPerVideo(Crops):
    """If every bag is its own video, values need no regrouping."""

    def __init__(self):
        nothing = torch.empty(0, dtype=torch.long)
        super().__init__(nothing, nothing)

    def mean(self, values: Tensor) -> Tensor:
        return values

    def split(self, values: Tensor) -> Tensor:
        return values[:, None]

    def one(self, values: Tensor) -> Tensor:
        return values

    def back(self, values: Tensor) -> Tensor:
        return values


def crops_of(bags: Bags) -> Crops:
    """The videos of a batch, in rising order of their numbers."""
    if bags.video is None:
        return OneBagPerVideo()
    videos, index = bags.video.unique(return_inverse=True)
    if len(videos) == len(bags):
        return OneBagPerVideo()
    place = torch.arange(len(bags), device=index.device)
    first = place.new_zeros(len(videos)).scatter_reduce(0, index, place, "amin", include_self=False)
    return Crops(index, first)
