"""What PEL4VAD does to the scores of a video after training: means over the next ones, or over blocks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def forward_mean(score: Tensor, width: int) -> Tensor:
    """Mean of each score and the next width - 1, zeros past the end: [B, T] -> [B, T]."""
    return F.avg_pool1d(F.pad(score, (0, width - 1))[:, None], width, stride=1)[:, 0]


def block_mean(score: Tensor, width: int) -> Tensor:
    """Blocks of `width` scores, each replaced by its mean, zeros past the end: [B, T] -> [B, T]."""
    length = score.shape[1]
    fill = (length + width - 1) // width * width - length
    blocks = F.pad(score, (0, fill)).reshape(len(score), -1, width)
    return blocks.mean(dim=2, keepdim=True).expand_as(blocks).reshape(len(score), -1)[:, :length]


SMOOTHINGS = ("none", "forward", "blocks")


def smoothed(score: Tensor, mask: Tensor, *, kind: str, width: int) -> Tensor:
    """Scores [B, T] after a smoothing of SMOOTHINGS, 0 in padding.

    Padding counts as zeros past the end, as in the authors' code: the last scores of a video become lower.
    """
    if kind == "none" or width == 1:
        return score
    found = (forward_mean if kind == "forward" else block_mean)(score.masked_fill(~mask, 0.0), width)
    return torch.where(mask, found, 0.0)
