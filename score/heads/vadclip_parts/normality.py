"""Self-guided normality of DSANet (AAAI 2026): instances rebuilt from prototypes of those that score low."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.heads.layers.class_vectors import cosine
from score.heads.vadclip_parts.graph_encoder import network
from score.heads.vadclip_parts.vadclip_config import NormalityConfig


class Prototypes(nn.Module):
    """Learnt vectors that attend to the lowest-scoring instances of a bag, in one layer."""

    def __init__(self, config: NormalityConfig, width: int, expansion: int):
        super().__init__()
        self.heads = config.heads
        self.start = nn.Parameter(torch.randn(config.prototypes, width) * width**-0.5)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.query, self.both = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.outward, self.network = nn.Linear(width, width), network(width, expansion)

    def forward(self, rows: Tensor, chosen: Tensor) -> Tensor:  # [B, T, D], bool [B, T] -> [B, P, D]
        start = self.start.expand(len(rows), -1, -1)
        query = _split(self.query(self.norms[0](start)), self.heads)
        key, value = (_split(each, self.heads) for each in self.both(self.norms[1](rows)).chunk(2, dim=2))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=chosen[:, None, None, :])
        found = start + self.outward(_joined(mixed))
        return found + self.network(self.norms[2](found))


class Rebuilding(nn.Module):
    """A layer that writes instances anew from prototypes, without a way around its attention.

    Weights are ReLU(scale cos(query, key)), with a learnt scale for each attention head.
    """

    def __init__(self, width: int, heads: int, expansion: int):
        super().__init__()
        self.heads = heads
        self.scale = nn.Parameter(torch.ones(heads, 1, 1))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.query, self.both = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.outward, self.network = nn.Linear(width, width), network(width, expansion)

    def forward(self, rows: Tensor, prototypes: Tensor) -> Tensor:  # [B, T, D], [B, P, D] -> [B, T, D]
        query = _split(self.query(self.norms[0](rows)), self.heads)
        key, value = (_split(each, self.heads) for each in self.both(prototypes).chunk(2, dim=2))
        rows = self.outward(_joined((self.scale * cosine(query, key)).relu() @ value))
        return rows + self.network(self.norms[1](rows))


class Normality(nn.Module):
    """What a bag would look like if everything in it were normal."""

    def __init__(self, config: NormalityConfig, width: int, expansion: int):
        super().__init__()
        self.share = config.share
        self.prototypes = Prototypes(config, width, expansion)
        self.inward = network(width, expansion)
        self.layers = nn.ModuleList(Rebuilding(width, config.heads, expansion) for _ in range(config.layers))

    def forward(self, rows: Tensor, score: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(distance to the nearest prototype, of the lowest-scoring instances; anomaly): each float [B, T].

        rows: [B, T, D]. score: [B, T] in [0, 1]. The distance is 1 - cosine, 0 for all other instances;
        anomaly is (1 - cosine of an instance and what is rebuilt of it) / 2.
        """
        chosen = lowest(score, mask, share=self.share)
        prototypes = self.prototypes(rows, chosen)
        distance = (1 - cosine(rows, prototypes)).min(dim=2).values * chosen
        rebuilt = self.inward(rows)
        for layer in self.layers:
            rebuilt = layer(rebuilt, prototypes)
        return distance, (1 - F.cosine_similarity(rows, rebuilt, dim=2)) / 2


def lowest(score: Tensor, mask: Tensor, *, share: float) -> Tensor:
    """The share of a bag's instances that score lowest, at least one: [B, T], bool [B, T] -> bool [B, T]."""
    count = lowest_count(mask, share=share)[:, None]
    order = score.detach().masked_fill(~mask, float("inf")).argsort(dim=1, stable=True)
    rank = order.argsort(dim=1)
    return rank < count


def lowest_count(mask: Tensor, *, share: float) -> Tensor:
    """How many instances of each bag `lowest` takes: int64 [B]."""
    return (mask.sum(dim=1) * share).long().clamp(min=1)


def _split(rows: Tensor, heads: int) -> Tensor:  # [B, n, D] -> [B, heads, n, D / heads]
    return rows.unflatten(2, (heads, -1)).transpose(1, 2)


def _joined(rows: Tensor) -> Tensor:  # [B, heads, n, D / heads] -> [B, n, D]
    return rows.transpose(1, 2).flatten(2)
