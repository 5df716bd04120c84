"""Discriminators of real from generated clips, and of real from generated people. Logits, for least squares.

Spectral normalisation after Miyato et al., ICLR 2018 (https://arxiv.org/abs/1802.05957).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from score.heads.reclass_parts.people_generator import GraphEncoder, masked_mean

SLOPE = 0.2


class _NoNorm(nn.Module):
    """The names and shapes that spectral normalisation adds to a layer, without its power iterations."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.register_buffer("_u", weight.new_empty(weight.shape[0]))
        self.register_buffer("_v", weight.new_empty(weight[0].numel()))

    def forward(self, weight: Tensor) -> Tensor:
        return weight


def spectral_norm(layer: nn.Conv3d | nn.Linear) -> nn.Module:
    """torch's, except on the device "meta", where shapes alone count and iterating takes 1.5 s."""
    if layer.weight.is_meta:
        return parametrize.register_parametrization(layer, "weight", _NoNorm(layer.weight))
    return parametrizations.spectral_norm(layer)


class ClipDiscriminator(nn.Module):
    """D_st: clips [n, 3, L, H, W] in [0, 1] -> logits [n]."""

    def __init__(self, *, width: int):
        super().__init__()
        sizes = [3, width, 2 * width, 4 * width]
        strides = [(1, 2, 2), (2, 2, 2), (2, 2, 2)]
        self.convolutions = nn.ModuleList(
            spectral_norm(nn.Conv3d(a, b, 3, stride=stride, padding=1))
            for a, b, stride in zip(sizes[:-1], sizes[1:], strides, strict=True)
        )
        self.out = spectral_norm(nn.Linear(sizes[-1], 1))

    def forward(self, clips: Tensor) -> Tensor:
        rows = 2 * clips - 1
        for convolution in self.convolutions:
            rows = nn.functional.leaky_relu(convolution(rows), SLOPE)
        return self.out(rows.mean(dim=(2, 3, 4))).squeeze(1)


class GraphDiscriminator(nn.Module):
    """D_g: nodes [n, P, F], adjacency [n, K, P, P], mask [n, P] -> logits [n]."""

    def __init__(self, node_dim: int, *, width: int):
        super().__init__()
        self.encoder = GraphEncoder(node_dim, width=width, code=width, wrap=spectral_norm)
        self.out = spectral_norm(nn.Linear(width + 1, 1))

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        codes = nn.functional.leaky_relu(self.encoder(nodes, adjacency, mask), SLOPE)
        # The closest pair on its own, because a mean over people dilutes what two of them do.
        closest = adjacency[:, 0].amax(dim=(1, 2))[:, None]
        return self.out(torch.cat([masked_mean(codes, mask), closest], dim=1)).squeeze(1)
