"""RTFM: a multi-scale temporal network and the magnitude of features.

Tian et al., ICCV 2021, https://arxiv.org/abs/2101.10030.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.non_local import NonLocal
from score.heads.layers.padding import without_padding
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_k import top_count
from score.heads.layers.top_weights import top_weights, weighted_mean
from score.heads.losses import score_losses
from score.settings import Count, DropoutRate, Layers, NotNegative, Share, settings


@settings
class RTFMConfig:
    """Defaults are those of the authors' code."""

    # Features of more dimensions are first mapped to this many by a learned linear layer; None = never. The
    # network ends in as many channels as it takes, so that its time and memory grow with their number.
    most_features: Count | None = None
    # Channels of each branch of the temporal network.
    width: Count = 512
    # Dilations of the pyramid's convolutions; () leaves the pyramid out.
    dilations: Layers = (1, 2, 4)
    # A branch that compares all instances of a video. Without any branch, instances are scored on their own.
    non_local: bool = True
    # Sizes of the scorer's hidden layers.
    hidden: Layers = (512, 128)
    # Dropout before each layer of the scorer.
    dropout: DropoutRate = 0.7
    # Instances are selected by the magnitude of their feature, which is trained to separate the classes;
    # False selects by score.
    magnitude: bool = True
    magnitude_weight: NotNegative = 1e-4  # alpha
    # Target magnitude of anomalous videos; that of normal videos is 0.
    margin: NotNegative = 100.0
    # Share of the instances that are drawn in each training step to be selected last.
    hidden_share: DropoutRate = 0.7
    # A video's score is the mean of this share of its instances (3 of 32 in the paper), at least top_k.
    top_share: Share = 0.1
    top_k: Count = 1
    smoothness_weight: NotNegative = 8e-4
    sparsity_weight: NotNegative = 8e-3


class DilatedLayer(nn.Module):
    """A dilated convolution, ReLU and batch normalisation."""

    def __init__(self, width: int, hidden: int, *, dilation: int = 1, bias: bool = True):
        super().__init__()
        self.convolution = TimeConv(width, hidden, 3, dilation=dilation, bias=bias)
        self.norm = MaskedBatchNorm(hidden)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, hidden]
        return self.norm(self.convolution(rows, mask).relu_(), mask)


class TemporalNetwork(nn.Module):
    """Dilated convolutions (local) and a non-local block (global), fused and added to the input."""

    def __init__(self, config: RTFMConfig, dim: int):
        super().__init__()
        self.pyramid = nn.ModuleList(
            DilatedLayer(dim, config.width, dilation=dilation) for dilation in config.dilations
        )
        self.reduce = self.non_local = None
        if config.non_local:
            self.reduce = TimeConv(dim, config.width, 1, bias=False)
            self.non_local = NonLocal(config.width)
        branches = len(config.dilations) + config.non_local
        self.fuse = DilatedLayer(branches * config.width, dim, bias=False) if branches else None

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        if self.fuse is None:
            return rows
        branches = [layer(rows, mask) for layer in self.pyramid]
        if self.reduce is not None and self.non_local is not None:
            branches.append(self.non_local(self.reduce(rows, mask).relu(), mask))
        return rows + self.fuse(torch.cat(branches, dim=2), mask)


class RTFM(Head):
    """Selects the instances of largest magnitude; training separates magnitudes and scores by video label."""

    config_class = RTFMConfig

    def __init__(self, config: RTFMConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        dim = bag_spec.joined_dim
        self.reduce = None
        if config.most_features is not None and dim > config.most_features:
            self.reduce = nn.Linear(dim, config.most_features, bias=False)
            dim = config.most_features
        self.network = TemporalNetwork(config, dim)
        self.dropout = nn.Dropout(config.dropout)
        layers: list[nn.Module] = []
        for width, hidden in zip((dim, *config.hidden), config.hidden, strict=False):
            layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(config.dropout)]
        self.scorer = nn.Sequential(*layers, nn.Linear((dim, *config.hidden)[-1], 1), nn.Sigmoid())
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv1d)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.reduce is not None:
            # A random rotation of about the rows' own length; Glorot's numbers would make them shorter.
            nn.init.orthogonal_(self.reduce.weight, gain=(bag_spec.joined_dim / dim) ** 0.5)

    @classmethod
    def look_ahead(cls, config: RTFMConfig) -> int | None:
        if config.non_local:
            return None
        return max(config.dilations) + 1 if config.dilations else 0

    def forward(self, bags: Bags) -> HeadOutput:
        config, mask, crops = self.config, bags.mask, crops_of(bags)
        rows = without_padding(bags.joined(), mask)
        if self.reduce is not None:
            rows = self.reduce(rows)
        rows = self.dropout(self.network(rows, mask))  # [B, T, D]
        score = self.scorer(rows).squeeze(2).masked_fill(~mask, 0.0)  # [B, T]
        value = torch.linalg.vector_norm(rows, dim=2) if config.magnitude else score
        chosen = top_weights(
            crops.mean(value),
            crops.one(mask),
            top_count(crops.one(mask), least=config.top_k, share=config.top_share),
            hidden_share=config.hidden_share if self.training else 0.0,
        )
        weight = crops.back(chosen)  # all crops of a video select the same instances
        return HeadOutput(
            segment_score=score,
            video_score=(weight * score).sum(dim=1).clamp(0.0, 1.0),
            aux={"value": value, "weight": weight, "representation": weighted_mean(rows, weight)},
        )

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        """Departure: the published code also smooths across the seam between two videos."""
        config, crops = self.config, crops_of(bags)
        anomalous = crops.one(bags.label) > 0.5
        terms = score_losses(
            output,
            bags,
            crops,
            smoothness_weight=config.smoothness_weight,
            sparsity_weight=config.sparsity_weight,
        )
        if config.magnitude:
            length = crops.split(torch.linalg.vector_norm(output.aux["representation"], dim=1))  # [V, C]
            terms["magnitude"] = config.magnitude_weight * magnitude_loss(
                length[anomalous], length[~anomalous], margin=config.margin
            )
        return terms


def magnitude_loss(anomalous: Tensor, normal: Tensor, *, margin: float) -> Tensor:
    """Mean of (|margin - a| + n)^2 over crops and all pairs of magnitudes a [A, C] and n [N, C].

    0 without both.

    Departure: the published code pairs bag i with bag i, whose expected value this is.
    """
    if len(anomalous) == 0 or len(normal) == 0:
        return (anomalous.sum() + normal.sum()) * 0.0
    return ((margin - anomalous).abs()[:, None] + normal[None, :]).square().mean()
