"""CLAWS+: clustering by angle (Zaheer et al., TNNLS 2023, https://arxiv.org/abs/2203.13704)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from score.heads.claws import CLAWS, SuppressionConfig
from score.heads.layers.kmeans import both_filled, cluster_centres, two_clusters
from score.settings import Positive, Share, settings


@settings
class CLAWSPlusConfig(SuppressionConfig):
    """cluster_reach: a row of an anomalous video counts while it is nearer to its own centre than this times
    the centres' distance (beta). compactness_share: of compactness against divergence (alpha).
    """

    cluster_reach: Positive = 0.25
    compactness_share: Share = 0.7


class CLAWSPlus(CLAWS):
    """CLAWS whose clusters live on the sphere: rows near their centre count, and only by their angle."""

    config_class = CLAWSPlusConfig

    def clustering(self, representation: Tensor, mask: Tensor, anomalous: Tensor) -> Tensor:
        """A normal video gathers around its middle; an anomalous one tightens its clusters and parts them.

        Clusters are found without a gradient, their centres are means with one; -> [B].
        """
        rows = F.normalize(representation, dim=2, eps=1e-6)
        cluster = two_clusters(rows.detach(), mask)
        centres = cluster_centres(rows, mask, cluster)  # [B, 2, hidden]
        likeness = cosine(rows[:, :, None, :], centres[:, None, :, :])  # [B, T, 2]
        own = likeness.gather(2, cluster[:, :, None]).squeeze(2)
        other = likeness.gather(2, 1 - cluster[:, :, None]).squeeze(2)
        reach = self.config.cluster_reach * (1 - cosine(centres[:, 0], centres[:, 1]))  # [B]
        near = mask & (1 - own.detach() < reach.detach()[:, None])
        share = self.config.compactness_share
        parted = share * masked_mean(1 - own, near) + (1 - share) * masked_mean(1 + other, near)
        middle = centres.mean(dim=1, keepdim=True)  # [B, 1, hidden]
        gathered = masked_mean(1 - cosine(rows, middle), mask)
        return torch.where(anomalous, parted, gathered) * both_filled(mask, cluster)


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """Cosine along the last axis; 0 for a vector of zeros, with a gradient of 0."""
    return F.cosine_similarity(left, right, dim=-1, eps=1e-6)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the chosen instances, 0 for none: [B, T], bool [B, T] -> [B]."""
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
