"""CLAWS: normalcy suppression and clustering (Zaheer et al., ECCV 2020, https://arxiv.org/abs/2011.12077)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.kmeans import both_filled, cluster_centres, two_clusters
from score.heads.layers.top_k import top_count, top_mean
from score.heads.layers.windows import cut_windows
from score.settings import Count, DropoutRate, NotNegative, Positive, Share, settings

FLOOR = 1e-6  # added to the distance of the centres before it is inverted


@settings
class SuppressionConfig:
    """What CLAWS and CLAWS+ share; defaults are those of the papers."""

    # Instances in a temporal batch. The softmax of the gates runs over them, so that scores depend on it.
    window: Count = 64
    # Output sizes of the two modules.
    hidden: tuple[Count, Count] = (512, 32)
    # Dropout after each module.
    dropout: DropoutRate = 0.6
    # False leaves both gates out.
    suppression: bool = True
    # "softmax": the gates of a window sum to 1, which shrinks the signal by the window's length at each gate
    # and makes training slow. "mean1" multiplies them by that length.
    gate_scale: Literal["softmax", "mean1"] = "softmax"
    # Train on "one" random window per video or on "all".
    temporal_batch: Literal["one", "all"] = "one"
    smoothness_weight: NotNegative = 8e-5  # lambda_1
    sparsity_weight: NotNegative = 8e-5  # lambda_1
    # Weight of the clustering term, which covers the complete video; 0 leaves it out.
    cluster_weight: NotNegative = 8e-5  # lambda_2
    # What is clustered: the output of the first module, or the same before its gate. A softmax over 64
    # instances makes gated rows about 64 times shorter, and the clustering term, which divides by squared
    # distances, outweighs the regression then.
    cluster_rows: Literal["gated", "ungated"] = "gated"
    # The video score is the mean of the top_k highest instances, or of this share of them if that is more.
    top_k: Count = 1
    top_share: Share = 0.0


@settings
class CLAWSConfig(SuppressionConfig):
    """Adds the bound of the clustering loss."""

    # alpha: the centres of a normal video attract each other only while their distance is below this.
    cluster_bound: Positive = 1.0


class SuppressedLayer(nn.Module):
    """A linear layer whose outputs are gated, each channel by a softmax over the instances of the window."""

    def __init__(self, config: SuppressionConfig, width: int, hidden: int):
        super().__init__()
        self.linear = nn.Linear(width, hidden)
        # Without a bias: it would be the same for all instances and cancel in the softmax.
        self.gate = nn.Linear(width, hidden, bias=False) if config.suppression else None
        self.mean_one = config.gate_scale == "mean1"

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs with and without the gates: [windows, n, width] -> [windows, n, hidden] each."""
        ungated = self.linear(rows).relu()
        if self.gate is None:
            return ungated, ungated
        gate = self.gate(rows).softmax(dim=1)
        return ungated * (gate * rows.shape[1] if self.mean_one else gate), ungated


class CLAWS(Head):
    """Regresses every instance to its video's label, while a softmax over time suppresses normal instances.

    Training and scoring cut a video into the same windows: consecutive ones of `window` instances. The last
    window is filled by repeating its own instances; the copies count in no score and no loss.

    Departure: the preset claws-eccv20 clusters the output of the first module before its gate; gated, the
    clustering term has all of the gradient.
    """

    config_class = CLAWSConfig

    def __init__(self, config: SuppressionConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        first, second = config.hidden
        self.first = SuppressedLayer(config, bag_spec.joined_dim, first)
        self.second = SuppressedLayer(config, first, second)
        self.scorer = nn.Linear(second, 1)
        self.dropout = nn.Dropout(config.dropout)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    @classmethod
    def look_ahead(cls, config: CLAWSConfig) -> int | None:
        return config.window - 1

    @classmethod
    def grid(cls, config: CLAWSConfig) -> int:
        return config.window

    def forward(self, bags: Bags) -> HeadOutput:
        windows = cut_windows(bags.mask, self.config.window)
        gated, ungated = self.first(windows.take(bags.joined()))  # [B * W, n, hidden]
        representation = gated if self.config.cluster_rows == "gated" else ungated
        hidden = self.dropout(self.second(self.dropout(gated))[0])
        placed = self.scorer(hidden).squeeze(2).sigmoid()  # [B * W, n]
        score = windows.back(placed, bags.mask.shape[1])
        count = top_count(bags.mask, least=self.config.top_k, share=self.config.top_share)
        return HeadOutput(
            segment_score=score,
            video_score=top_mean(score, bags.mask, count),
            aux={
                "window_score": placed.reshape(windows.own.shape),  # [B, W, n]
                "window_mask": windows.own,
                # [B, W * n, hidden]
                "representation": representation.unflatten(0, windows.used.shape).flatten(1, 2),
            },
        )

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, score, mask = self.config, output.aux["window_score"], output.aux["window_mask"]
        share = self._share_of_windows(mask.any(dim=2))  # [B, W], sums to 1 in every bag

        def over_windows(values: Tensor, places: Tensor) -> Tensor:
            mean = (values * places).sum(dim=2) / places.sum(dim=2).clamp(min=1)
            return (mean * share).sum(dim=1).mean()

        both = mask[:, :, 1:] & mask[:, :, :-1]
        terms = {
            "regression": over_windows((score - bags.label[:, None, None]).square(), mask),
            "smoothness": config.smoothness_weight * over_windows(score.diff(dim=2).square(), both),
            "sparsity": config.sparsity_weight * over_windows(score, mask),
        }
        if config.cluster_weight:
            clustering = self.clustering(output.aux["representation"], mask.flatten(1), bags.label > 0.5)
            terms["clustering"] = config.cluster_weight * clustering.mean()
        return terms

    def clustering(self, representation: Tensor, mask: Tensor, anomalous: Tensor) -> Tensor:
        """Pull the two centres of a normal video together and push those of an anomalous one apart: -> [B].

        k-means assigns clusters without a gradient; centres are means with one. 0 where a video has only one
        cluster.
        """
        cluster = two_clusters(representation.detach(), mask)
        centres = cluster_centres(representation, mask, cluster)  # [B, 2, hidden]
        distance = (centres[:, 0] - centres[:, 1]).square().mean(dim=1)
        apart, together = 1 / (distance + FLOOR), distance.clamp(max=self.config.cluster_bound)
        return torch.where(anomalous, apart, together) * both_filled(mask, cluster)

    def _share_of_windows(self, used: Tensor) -> Tensor:
        count = used.sum(dim=1, keepdim=True)
        if self.config.temporal_batch == "all":
            return used / count
        drawn = (torch.rand(len(used), 1, device=used.device) * count).long().minimum(count - 1)
        return (torch.arange(used.shape[1], device=used.device) == drawn).to(torch.get_default_dtype())
