"""A vector per event class that features are compared with: rows of a text matrix, or learnt ones."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.bags.bags import BagSpec

# What training does to a text matrix. residual: adds a learnt offset, 0 at the start. adapter: mixes in a
# learnt map of each row. frozen: nothing.
Adaptation = Literal["residual", "adapter", "frozen"]


class ClassVectors(nn.Module):
    """float [K, D]: rows of the text matrix in the order of the event classes, or learnt ones without it.

    width: D; a matrix of another width passes a learnt linear map, None keeps its own. learnt: of which width
    vectors are where no matrix is given and width is None. share: how much an adapter mixes in. Raises
    ValueError for classes that the matrix lacks.
    """

    matrix: Tensor

    def __init__(
        self,
        bag_spec: BagSpec,
        width: int | None = None,
        *,
        adaptation: Adaptation = "frozen",
        share: float = 0.1,
        learnt: int = 512,
    ):
        super().__init__()
        texts, classes = bag_spec.texts, bag_spec.event_classes
        self.given, self.share = texts is not None, share
        self.project: nn.Module = nn.Identity()
        self.offset = self.adapter = None
        if texts is None:
            self.width = width or learnt
            # Rows of length about 1, in random directions.
            self.offset = nn.Parameter(torch.randn(len(classes), self.width) * self.width**-0.5)
            return
        # Not in the weights: the checkpoint keeps the matrix with its digest in its BagSpec.
        self.register_buffer("matrix", torch.from_numpy(texts.rows(classes)), persistent=False)
        self.width = width or texts.feature_dim
        if texts.feature_dim != self.width:
            self.project = nn.Linear(texts.feature_dim, self.width, bias=False)
        if adaptation == "residual":
            self.offset = nn.Parameter(torch.zeros(len(classes), self.width))
        elif adaptation == "adapter":
            self.adapter = nn.Linear(texts.feature_dim, texts.feature_dim, bias=False)
            nn.init.xavier_uniform_(self.adapter.weight)

    @property
    def trained(self) -> bool:
        """Whether anything about them is learnt."""
        return any(True for _ in self.parameters())

    def forward(self) -> Tensor:
        """float [K, D], of unit length where an adapter makes them."""
        if not self.given:
            assert self.offset is not None
            return self.offset
        rows = self.matrix
        if self.adapter is not None:
            turned = F.leaky_relu(self.adapter(rows))
            turned = F.normalize(turned, dim=1) * torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            rows = F.normalize((1 - self.share) * rows + self.share * turned, dim=1)
        rows = self.project(rows)
        return rows if self.offset is None else rows + self.offset


def cosine(rows: Tensor, vectors: Tensor) -> Tensor:
    """Cosines of rows [..., n, D] and vectors [..., K, D]: [..., n, K]."""
    return F.normalize(rows, dim=-1) @ F.normalize(vectors, dim=-1).transpose(-1, -2)
