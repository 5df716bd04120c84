"""Bags cut into windows of equal length, and values of windows mapped back to the instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """W windows of n instances in each of B bags. How many of them a bag uses depends on its length alone.

    index: int64 [B, W, n], the instance at each place.
    own: bool [B, W, n], False where an instance is repeated to fill the window, or the window is not used.
    used: bool [B, W], whether the bag uses the window.
    """

    index: Tensor
    own: Tensor
    used: Tensor

    def take(self, rows: Tensor) -> Tensor:
        """Cut rows into the windows of all bags: [B, T, D] -> [B * W, n, D]."""
        places = self.index.flatten(1)[:, :, None].expand(-1, -1, rows.shape[2])
        return rows.gather(1, places).reshape(-1, self.index.shape[2], rows.shape[2])

    def back(self, values: Tensor, length: int) -> Tensor:
        """Mean of each instance over the windows that hold it, else 0: [B * W, n] -> [B, length]."""
        places, own = self.index.flatten(1), self.own.flatten(1).to(values.dtype)
        empty = values.new_zeros(places.shape[0], length)
        total = empty.scatter_add(1, places, values.reshape(places.shape) * own)
        return total / empty.scatter_add(1, places, own).clamp(min=1)


def cut_windows(
    mask: Tensor, size: int, *, stride: int | None = None, tail: Literal["repeat", "shift"] = "repeat"
) -> Windows:
    """Windows of `size` neighbours, one every `stride` (None = size) until all instances are covered.

    mask: bool [B, T], padding after the instances. tail: how a last window that is not full is filled:
    "repeat" its own instances from the first on, or "shift" it back over those of the previous window. A bag
    shorter than one window repeats its instances in both cases.
    """
    stride = size if stride is None else stride
    length, longest = mask.sum(dim=1), mask.shape[1]
    # torch.export needs symbolic sizes, and no division that rounds a negative number.
    count = (torch.sym_max(0, longest - size) + stride - 1) // stride + 1
    number = torch.arange(count, device=mask.device)
    used = (number == 0) | ((number - 1) * stride + size < length[:, None])  # [B, W]
    start = (number * stride).expand_as(used)
    if tail == "shift":
        start = start.minimum((length[:, None] - size).clamp(min=0))
    held = (length[:, None] - start).clamp(min=0, max=size)[:, :, None]  # [B, W, 1] instances of its own
    place = torch.arange(size, device=mask.device)
    index = start[:, :, None] + place % held.clamp(min=1)
    return Windows(index.clamp(max=longest - 1), own=(place < held) & used[:, :, None], used=used)
