"""Instances that only fill a bag up."""

from __future__ import annotations

import torch
from torch import Tensor


def without_padding(rows: Tensor, mask: Tensor) -> Tensor:
    """Zeros where instances are padding, whatever was there: [B, T, D], bool [B, T] -> [B, T, D].

    Rows without any padding are returned themselves, because a copy would stay in memory until the gradient.
    """
    if not torch.compiler.is_exporting() and mask.all():
        return rows
    return rows.masked_fill(~mask[:, :, None], 0.0)
