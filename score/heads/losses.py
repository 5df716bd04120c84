"""Loss terms that two or more heads use.

reduction: "sum" adds up anomalous bags (of pairs: the mean over normal, the sum over anomalous ones), as in
Sultani's own code; "mean" averages, as the ports do. The ratio between the terms is the same; their size
relative to an L2 penalty is not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from score.bags.bags import Bags
from score.heads.base import HeadOutput
from score.heads.layers.crop_groups import Crops


def ranking_loss(
    anomalous: Tensor, normal: Tensor, *, pairs: str = "all", reduction: str = "sum", margin: float = 1.0
) -> Tensor:
    """Hinge max(0, margin - a + n) over pairs of anomalous scores a [A] and normal scores n [N].

    pairs: "all" takes all A x N; "matched" pairs bag i with bag i and repeats the shorter side.
    0 where a class is missing.
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
    """Squared differences of neighbouring instances, summed along each bag: [A, T] -> scalar."""
    both = mask[:, 1:] & mask[:, :-1]
    return over_bags((score.diff(dim=1).square() * both).sum(dim=1), reduction=reduction)


def sparsity_loss(score: Tensor, mask: Tensor, *, reduction: str = "sum") -> Tensor:
    """Scores summed along each bag: [A, T] -> scalar."""
    return over_bags((score * mask).sum(dim=1), reduction=reduction)


def video_cross_entropy(video_score: Tensor, label: Tensor, *, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy of scores in [0, 1] against labels of the same shape; NaN for scores that are NaN.

    Logarithms are at least -100, and a score that is wrong and saturated keeps a gradient, as in torch.
    """
    # torch raises on NaN on a CPU, and on a GPU ends every later call of the process.
    known = video_score.nan_to_num(nan=0.5).clamp(0.0, 1.0)
    loss = F.binary_cross_entropy(known, label, reduction=reduction)
    nothing = video_score.detach() * 0
    return loss + (nothing if reduction == "none" else nothing.sum())


def score_losses(
    output: HeadOutput, bags: Bags, crops: Crops, *, smoothness_weight: float, sparsity_weight: float
) -> dict[str, Tensor]:
    """The terms of RTFM and MGFN on scores, averaged over the crops of each video.

    score: cross-entropy of all videos. smoothness, sparsity: of anomalous videos, sparsity as the norm of all
    their scores.
    """
    label = crops.one(bags.label)
    anomalous = label > 0.5
    score, mask = crops.mean(output.segment_score)[anomalous], crops.one(bags.mask)[anomalous]  # [A, T]
    return {
        "score": video_cross_entropy(crops.mean(output.video_score), label),
        "smoothness": smoothness_weight * smoothness_loss(score, mask),
        "sparsity": sparsity_weight * torch.linalg.vector_norm(score),
    }


def over_bags(values: Tensor, *, reduction: str) -> Tensor:
    """Sum or mean of one value per bag [A]; 0 for no bags."""
    return values.sum() if reduction == "sum" or len(values) == 0 else values.mean()
