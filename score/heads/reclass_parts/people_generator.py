"""The people of a frame to codes, and back: what each does, and who is near whom.

Masked graph convolutions after Kipf & Welling, ICLR 2017 (https://arxiv.org/abs/1609.02907). Nothing depends
on the order of the people, nor on empty places.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLACE = 4  # the first numbers of a node are the centre and size of the box
SLOPE = 0.2


class PeopleOutput(NamedTuple):
    """nodes: [n, P, F]. adjacency: [n, K, P, P] in [0, 1], symmetric; 0 for empty places. code: [n, D]."""

    nodes: Tensor
    adjacency: Tensor
    code: Tensor


def pairs_of(mask: Tensor) -> Tensor:
    """Whether two places hold two different people: bool [n, P] -> bool [n, P, P]."""
    apart = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask[:, :, None] & mask[:, None, :] & apart


def normalised(adjacency: Tensor, mask: Tensor) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 for A = distance * (1 + gaze + target): [n, 3, P, P] -> [n, P, P].

    An adjacency of one channel is A itself.
    """
    one = adjacency[:, 0] * (1 + adjacency[:, 1:].sum(dim=1))
    one = one * pairs_of(mask) + torch.diag_embed(mask.to(one.dtype))
    root = one.sum(dim=2).clamp(min=1e-6).rsqrt()
    return root[:, :, None] * one * root[:, None, :]


def masked_mean(rows: Tensor, mask: Tensor) -> Tensor:
    """Mean over people: [n, P, D], bool [n, P] -> [n, D]; 0 where there is nobody."""
    weight = mask.to(rows.dtype)[:, :, None]
    return (rows * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


class GraphEncoder(nn.Module):
    """Nodes and adjacency -> a code of each person [n, P, D]; 0 for empty places."""

    def __init__(self, node_dim: int, *, width: int, code: int, wrap=lambda layer: layer):
        super().__init__()
        self.first = wrap(nn.Linear(node_dim, width))
        self.second = wrap(nn.Linear(width, code))

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        near, shown = normalised(adjacency, mask), mask[:, :, None]
        rows = F.leaky_relu(near @ self.first(nodes * shown), SLOPE)
        return (near @ self.second(rows)) * shown


class PeopleGenerator(nn.Module):
    """E_g and G_g: nodes are reconstructed from codes, and adjacency is predicted from what two people do.

    The decoder of the adjacency does not see where people are: distance follows from positions by geometry,
    so that it would reproduce distances that never occurred in training.
    """

    def __init__(self, node_dim: int, *, channels: int, width: int, latent: int, code: int):
        super().__init__()
        self.encoder = GraphEncoder(node_dim, width=width, code=latent)
        self.nodes = nn.Sequential(nn.Linear(latent, width), nn.LeakyReLU(SLOPE), nn.Linear(width, node_dim))
        self.doing = nn.Sequential(
            nn.Linear(node_dim - PLACE, width), nn.LeakyReLU(SLOPE), nn.Linear(width, channels * latent)
        )
        self.closeness = nn.Parameter(torch.full((channels,), -2.0))
        self.project = nn.Linear(latent, code)

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> PeopleOutput:
        """nodes: [n, P, F]. adjacency: [n, K, P, P]. mask: bool [n, P]."""
        codes = self.encoder(nodes, adjacency, mask)
        doing = self.doing(nodes[..., PLACE:]).unflatten(2, (len(self.closeness), -1)).movedim(2, 1)
        logits = doing @ doing.transpose(2, 3) / doing.shape[-1] ** 0.5 + self.closeness[:, None, None]
        return PeopleOutput(
            self.nodes(codes) * mask[:, :, None],
            logits.sigmoid() * pairs_of(mask)[:, None],
            self.project(masked_mean(codes, mask)),
        )
