"""What comes before a head on several stores: a norm, a projection and dropout for each of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.bags.bags import Bags
from score.pooling.modality_table import Part


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, rows: Tensor) -> Tensor:
        return rows * self.factor


class UnitLength(nn.Module):
    """Rows of length 1; rows of zeros stay."""

    def forward(self, rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=-1, eps=1e-12)


def make_norm(norm: str, width: int, *, mean_width: float) -> nn.Module:
    """The module of a norm for a store of `width` features. mean_width: of all stores."""
    if norm == "layer":
        return nn.LayerNorm(width)
    if norm == "l2":
        return UnitLength()
    if norm == "balance":
        return Scale((mean_width / width) ** 0.5)
    return nn.Identity()


class ModalityFront(nn.Module):
    """The features of all stores after their norms and projections, side by side in the order of the table.

    norms, widths: a value per store, None for no projection. dropout: see modality_dropout. A store whose
    features of an instance are all 0 has 0 there in the output.
    """

    def __init__(
        self, table: Sequence[Part], *, norms: Sequence[str], widths: Sequence[int | None], dropout: float
    ):
        super().__init__()
        self.table, self.dropout = tuple(table), dropout
        mean_width = sum(part.width for part in table) / len(table)
        self.norms = nn.ModuleList(
            make_norm(norm, part.width, mean_width=mean_width)
            for norm, part in zip(norms, table, strict=True)
        )
        self.projections = nn.ModuleList(
            nn.Identity() if width is None else nn.Linear(part.width, width)
            for width, part in zip(widths, table, strict=True)
        )
        self.width = sum(
            part.width if width is None else width for width, part in zip(widths, table, strict=True)
        )

    def forward(self, bags: Bags) -> Tensor:  # -> [B, T, width]
        keep = None
        if self.training and self.dropout and len(self.table) > 1:
            keep = modality_dropout(len(bags), len(self.table), self.dropout, device=bags.mask.device)
        found = []
        for number, (part, norm, projection) in enumerate(
            zip(self.table, self.norms, self.projections, strict=True)
        ):
            rows = bags.part(part)
            present = (rows != 0).any(dim=2, keepdim=True)  # [B, T, 1]
            if keep is not None:
                present = present & keep[:, number, None, None]
            found.append(projection(norm(rows)).masked_fill(~present, 0.0))
        return found[0] if len(found) == 1 else torch.cat(found, dim=2)


def modality_dropout(bags: int, stores: int, rate: float, *, device: torch.device) -> Tensor:
    """Which stores stay in each bag: bool [bags, stores].

    Each is left out with probability `rate`; where that would be all of them, the one drawn highest stays.
    """
    drawn = torch.rand(bags, stores, device=device)
    highest = drawn == drawn.max(dim=1, keepdim=True).values
    return (drawn >= rate) | highest
