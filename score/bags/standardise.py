"""Mean and standard deviation of each feature over the training segments, and rows scaled by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from score.pooling.moments import Moments

PLAIN_WIDTH = 128  # features per modality up to which rows are neither shrunk nor scaled to length one


@dataclass(frozen=True)
class Standardisation:
    """mean, deviation: modality -> float32 [D]. The deviation of a constant feature is 1.

    keep_zeros: a row of zeros is one that is missing, and stays as it is.
    """

    mean: dict[str, Tensor]
    deviation: dict[str, Tensor]
    keep_zeros: bool = False

    @classmethod
    def from_moments(
        cls, moments: dict[str, Moments], *, keep_zeros: bool = False, shrink: bool = False
    ) -> Standardisation:
        """Raises ValueError for a modality of which no row was seen.

        shrink: deviations of a modality of D > PLAIN_WIDTH features are multiplied by D / PLAIN_WIDTH.
        """
        mean, deviation = {}, {}
        for modality, each in moments.items():
            if not each.count:
                raise ValueError(
                    f"all {modality} features of the training videos are zeros, which are missing with "
                    "data.segments.zeros=missing; leave out their store"
                )
            spread = np.sqrt(each.squares / each.count)
            # Rounding noise of a constant must not be scaled up.
            constant = spread <= 1e-6 * np.maximum(np.abs(each.mean), 1e-6)
            scale = max(1.0, len(spread) / PLAIN_WIDTH) if shrink else 1.0
            mean[modality] = torch.from_numpy(np.asarray(each.mean, dtype=np.float32))
            deviation[modality] = torch.from_numpy(
                (scale * np.where(constant, 1.0, spread)).astype(np.float32)
            )
        return cls(mean, deviation, keep_zeros)

    def apply_(self, rows: Tensor, modality: str) -> Tensor:
        """(rows - mean) / deviation in place, over the last axis."""
        missing = ~rows.any(dim=-1, keepdim=True) if self.keep_zeros else None
        rows.sub_(self.mean[modality]).div_(self.deviation[modality])
        return rows if missing is None else rows.masked_fill_(missing, 0.0)


def has_unit_rows(normalise: str, width: int) -> bool:
    """Whether data.normalise scales the rows of a modality of `width` features to length one."""
    return normalise == "l2" or (normalise == "wide" and width > PLAIN_WIDTH)


def unit_rows(rows: Tensor) -> Tensor:
    """Scale each row to length one in place; a row of zeros stays."""
    return rows.div_(rows.norm(dim=-1, keepdim=True).clamp(min=1e-12))
