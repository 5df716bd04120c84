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
    """Adds the settings of clustering by angle."""

    # beta: an instance of an anomalous video counts while its distance to its own centre is below this times
    # the distance of the two centres.
    cluster_reach: Positive = 0.25
    # alpha: weight of compactness; that of divergence is 1 minus this.
    compactness_share: Share = 0.7


class CLAWSPlus(CLAWS):
    """CLAWS with clusters on the unit sphere: only instances near their centre count, by their angle."""

    config_class = CLAWSPlusConfig

    def clustering(self, representation: Tensor, mask: Tensor, anomalous: Tensor) -> Tensor:
        """Gather a normal video around its middle; tighten and separate the clusters of an anomalous one.

        k-means assigns clusters without a gradient; centres are means with one: -> [B].
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
        separated = share * masked_mean(1 - own, near) + (1 - share) * masked_mean(1 + other, near)
        middle = centres.mean(dim=1, keepdim=True)  # [B, 1, hidden]
        gathered = masked_mean(1 - cosine(rows, middle), mask)
        return torch.where(anomalous, separated, gathered) * both_filled(mask, cluster)


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """Cosine along the last axis; 0 for a vector of zeros, with a gradient of 0."""
    return F.cosine_similarity(left, right, dim=-1, eps=1e-6)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the selected instances; 0 where there are none: [B, T], bool [B, T] -> [B]."""
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
