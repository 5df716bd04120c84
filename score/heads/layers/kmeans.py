"""k-means with k = 2 on many bags at once, on the device of the rows."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def two_clusters(rows: Tensor, mask: Tensor, *, iterations: int = 10) -> Tensor:
    """The cluster of each row, 0 or 1: [B, T, D], bool [B, T] -> int64 [B, T].

    Lloyd's algorithm. The first centres are the row farthest from the mean and the row farthest from that
    one, so that nothing is random.
    """
    mean = (rows * mask[:, :, None]).sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None]
    first = _farthest(rows, mean, mask)
    centres = torch.cat([first, _farthest(rows, first, mask)], dim=1)  # [B, 2, D]
    nearest = _nearest(rows, centres)
    for _ in range(iterations):
        centres = cluster_centres(rows, mask, nearest)
        moved = _nearest(rows, centres)
        if torch.equal(moved, nearest):
            break
        nearest = moved
    return nearest


def cluster_centres(rows: Tensor, mask: Tensor, cluster: Tensor) -> Tensor:
    """The mean of the rows of each cluster, with a gradient: -> [B, 2, D]; 0 for an empty cluster."""
    member = _membership(mask, cluster).to(rows.dtype)  # [B, T, 2]
    return member.transpose(1, 2) @ rows / member.sum(dim=1).clamp(min=1)[:, :, None]


def both_filled(mask: Tensor, cluster: Tensor) -> Tensor:
    """Whether neither cluster of a bag is empty: bool [B]."""
    return _membership(mask, cluster).any(dim=1).all(dim=1)


def _membership(mask: Tensor, cluster: Tensor) -> Tensor:
    return torch.stack([mask & (cluster == 0), mask & (cluster == 1)], dim=2)


def _nearest(rows: Tensor, centres: Tensor) -> Tensor:
    # |r - c|^2 is smallest where r.c - |c|^2 / 2 is largest, which needs no [B, T, 2, D] tensor.
    closeness = rows @ centres.transpose(1, 2) - centres.square().sum(dim=2)[:, None, :] / 2  # [B, T, 2]
    return closeness.argmax(dim=2)


def _farthest(rows: Tensor, point: Tensor, mask: Tensor) -> Tensor:
    distance = (rows - point).square().sum(dim=2).masked_fill(~mask, -1.0)
    return rows[torch.arange(len(rows), device=rows.device), distance.argmax(dim=1)][:, None, :]
