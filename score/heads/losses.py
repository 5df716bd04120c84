"""Loss terms that two or more heads use.

reduction says how anomalous bags count: "sum" as Sultani's own code has it (mean over normal, sum over
anomalous bags), "mean" as the ports do it. The ratio of the terms is the same; their size against an L2
penalty is not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def ranking_loss(
    anomalous: Tensor, normal: Tensor, *, pairs: str = "all", reduction: str = "sum", margin: float = 1.0
) -> Tensor:
    """Hinge that wants anomalous video scores [A] above the normal ones [N] by the margin; 0 without both.

    pairs: "all" takes the A x N pairs; "matched" bag i with bag i, the shorter side starting over.
    """
    if len(anomalous) == 0 or len(normal) == 0:
        return (anomalous.sum() + normal.sum()) * 0.0
    if pairs == "matched":
        count = torch.arange(max(len(anomalous), len(normal)), device=anomalous.device)
        hinge = F.relu(margin - anomalous[count % len(anomalous)] + normal[count % len(normal)])
        return hinge.sum() if reduction == "sum" else hinge.mean()
    hinge = F.relu(margin - anomalous[None, :] + normal[:, None])  # [N, A]
    return hinge.mean(dim=0).sum() if reduction == "sum" else hinge.mean()


def smoothness_loss(score: Tensor, mask: Tensor, *, reduction: str = "sum") -> Tensor:
    """Squared steps between neighbouring instances, summed along each bag: [A, T] -> scalar."""
    both = mask[:, 1:] & mask[:, :-1]
    return over_bags((score.diff(dim=1).square() * both).sum(dim=1), reduction=reduction)


def sparsity_loss(score: Tensor, mask: Tensor, *, reduction: str = "sum") -> Tensor:
    """Scores summed along each bag: [A, T] -> scalar."""
    return over_bags((score * mask).sum(dim=1), reduction=reduction)


def video_cross_entropy(video_score: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy of video scores [B] in [0, 1] against labels [B]."""
    return F.binary_cross_entropy(video_score.clamp(1e-6, 1 - 1e-6), label)


def over_bags(values: Tensor, *, reduction: str) -> Tensor:
    """Sum or mean of one value a bag [A]; 0 for no bags."""
    return values.sum() if reduction == "sum" or len(values) == 0 else values.mean()
