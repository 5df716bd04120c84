"""Encoder of UR-DMU: attention over all instances, next to a fixed average over neighbours.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.settings import Count, Depth, DropoutRate, settings

# Instances of a long bag that are averaged at a time; exp(-BLOCK / e) is below the smallest float32.
BLOCK = 256
NearWeights = Literal["row", "column"]


@settings
class EncoderConfig:
    """The encoder of a head that has one."""

    # Channels, layers, attention heads, channels per head, and hidden channels of the feed-forward networks.
    width: Count = 512
    depth: Depth = 2
    heads: Count = 4
    head_width: Count = 128
    hidden: Count = 512
    # What attention covers; "none" leaves the encoder out.
    attention: Literal["both", "global", "local", "none"] = "both"
    # Weights of neighbours sum to 1 per "row", which makes an average of what an instance sees, or per
    # "column", as in the published code: those of the first and last instance sum to 0.81 then.
    near_weights: NearWeights = "row"
    dropout: DropoutRate = 0.0


class GlobalLocalAttention(nn.Module):
    """Multi-head attention over all instances, a fixed average over neighbours in time, or both.

    parts: "global", "local" or "both".
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        head_width: int,
        dropout: float = 0.0,
        parts: str = "both",
        near_weights: NearWeights = "row",
    ):
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.near_weights: NearWeights = near_weights
        self.attended = nn.Linear(width, 3 * inner, bias=False) if parts != "local" else None
        self.near = nn.Linear(width, inner, bias=False) if parts != "global" else None
        self.out = nn.Linear(inner * (2 if parts == "both" else 1), width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        found = []
        if self.attended is not None:
            found.append(self._attention(self.attended(rows), mask))
        if self.near is not None:
            found.append(mean_of_near(self.near(rows), mask, weights=self.near_weights))
        return self.dropout(self.out(torch.cat(found, dim=2)))

    def _attention(self, attended: Tensor, mask: Tensor) -> Tensor:
        """[B, T, 3 x heads x head_width] -> [B, T, heads x head_width].

        Time grows with T^2, memory with T.
        """
        query, key, value = attended.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        return mixed.transpose(1, 2).flatten(2)  # of [B, heads, T, head_width]


class GlobalLocalEncoder(nn.Module):
    """Pre-norm layers of attention and a feed-forward network, each added to its input."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        depth, width = range(config.depth), config.width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in depth)
        self.attentions = nn.ModuleList(
            GlobalLocalAttention(
                width,
                heads=config.heads,
                head_width=config.head_width,
                dropout=config.dropout,
                parts=config.attention,
                near_weights=config.near_weights,
            )
            for _ in depth
        )
        self.networks = nn.ModuleList(feed_forward(width, config.hidden, config.dropout) for _ in depth)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        for norm, attention, network in zip(self.norms, self.attentions, self.networks, strict=True):
            rows = rows + attention(norm(rows), mask)
            rows = rows + network(rows)
        return rows


def feed_forward(width: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """Layer norm, then two linear layers with GELU between them and dropout after each."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, width),
        nn.Dropout(dropout),
    )


def mean_of_near(rows: Tensor, mask: Tensor, *, weights: NearWeights = "row") -> Tensor:
    """Average over a bag's instances with weights exp(-|i - j| / e): [B, T, D], bool [B, T] -> [B, T, D].

    weights: "row" divides them by their sum over j, "column" by their sum over i.
    Memory and time grow with T: bags of more than BLOCK instances are cut into blocks that see themselves and
    their neighbours. What they do not see is more than BLOCK places away and weighs less than 1e-40.
    """
    own = mask[:, :, None].to(rows.dtype)
    share = _near_sums(own).clamp(min=torch.finfo(rows.dtype).tiny)
    if weights == "column":
        return _near_sums(rows * own / share)
    return _near_sums(rows * own) / share


def _near_sums(rows: Tensor) -> Tensor:
    """Sums over instances with weights exp(-|i - j| / e): [B, T, D] -> [B, T, D]."""
    length = rows.shape[1]
    # An exported graph has one form for all lengths.
    if torch.compiler.is_exporting() or length <= BLOCK:
        return _near_weights(length, rows) @ rows
    weight = _near_weights(2 * BLOCK, rows)
    here, beside = weight[:BLOCK, :BLOCK], weight[:BLOCK, BLOCK:]  # [BLOCK, BLOCK] each
    # Time last, so that each product is a single one of all blocks and channels.
    blocks = F.pad(rows.transpose(1, 2), (0, -length % BLOCK)).unflatten(2, (-1, BLOCK))  # [B, D, n, BLOCK]
    total = blocks @ here
    total[:, :, :-1] += blocks[:, :, 1:] @ beside.T
    total[:, :, 1:] += blocks[:, :, :-1] @ beside
    return total.flatten(2)[:, :, :length].transpose(1, 2)


def _near_weights(size: int, like: Tensor) -> Tensor:
    """exp(-|i - j| / e): [size, size]."""
    place = torch.arange(size, device=like.device, dtype=like.dtype)
    return torch.exp(-(place[:, None] - place).abs() / math.e)
