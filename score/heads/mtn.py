"""Multi-scale temporal network and attention bag (Qi et al., 2022, https://arxiv.org/abs/2209.11477)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.top_k import top_mean
from score.heads.losses import video_cross_entropy
from score.settings import MOST_LAYERS, Count, DropoutRate, NotNegative, settings


@settings
class MTNConfig:
    """Weights of the terms are those of the framework that names itself after the paper."""

    # Channels, shared out among the branches of the pyramid.
    width: Count = 512
    # Kernel sizes of the branches: odd numbers of instances.
    kernels: Annotated[tuple[Count, ...], Field(min_length=1, max_length=MOST_LAYERS)] = (3, 5, 9, 17)
    # A sigmoid over time multiplies the output of the pyramid.
    gate: bool = True
    # The pyramid's output is added to its input.
    residual: bool = True
    # How instances are pooled into the bag's feature.
    pooling: Literal["attention", "mean"] = "attention"
    # Dropout in the scorer.
    dropout: DropoutRate = 0.3
    # Cross-entropy of the bag's score.
    bag_weight: NotNegative = 1.0
    # Cross-entropy of the mean of the T // 16 + 1 highest of T instances.
    instance_weight: NotNegative = 1.0
    # Squared differences of neighbouring scores, and mean scores, both of anomalous videos.
    smoothness_weight: NotNegative = 0.1
    sparsity_weight: NotNegative = 0.01

    def __post_init__(self):
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError(f"kernels are {list(self.kernels)}, expected odd numbers of instances")
        if self.width % (4 * len(self.kernels)):
            raise ValueError(f"width is {self.width}, expected a multiple of 4 x {len(self.kernels)} kernels")


class NormalisedLayer(nn.Module):
    """A convolution along the instances, batch normalisation, ReLU and dropout; padding stays 0."""

    def __init__(self, width: int, hidden: int, *, kernel: int = 1, dropout: float = 0.0):
        super().__init__()
        self.convolution = nn.Conv1d(width, hidden, kernel, padding=kernel // 2, bias=False)
        self.norm = MaskedBatchNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, hidden]
        return self.dropout(self.norm(self.convolution(rows.transpose(1, 2)).transpose(1, 2), mask).relu())


class Pyramid(nn.Module):
    """Parallel convolutions along the instances with different kernels, mixed by one of kernel 1."""

    def __init__(self, width: int, kernels: tuple[int, ...]):
        super().__init__()
        self.branches = nn.ModuleList(
            NormalisedLayer(width, width // len(kernels), kernel=kernel) for kernel in kernels
        )
        self.mix = NormalisedLayer(width, width)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        return self.mix(torch.cat([branch(rows, mask) for branch in self.branches], dim=2), mask)


class MTN(Head):
    """Scores instances from several temporal scales, and the video from an attention-pooled bag."""

    config_class = MTNConfig

    def __init__(self, config: MTNConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        width = config.width
        self.embed = nn.Sequential(nn.LayerNorm(bag_spec.joined_dim), nn.Linear(bag_spec.joined_dim, width))
        self.pyramid = Pyramid(width, config.kernels)
        self.gate = None
        if config.gate:
            self.gate = nn.ModuleList([nn.Conv1d(width, width // 4, 1), nn.Conv1d(width // 4, 1, 1)])
        self.describe = nn.ModuleList(
            [
                NormalisedLayer(width, width // 2, dropout=config.dropout),
                NormalisedLayer(width // 2, width // 4, dropout=config.dropout),
            ]
        )
        self.scorer = nn.Sequential(
            nn.Linear(width // 4, width // 8),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(width // 8, 1),
            nn.Sigmoid(),
        )
        hidden = width // 4
        attended = config.pooling == "attention"
        # Without a bias, which would cancel in the softmax.
        last = nn.Linear(hidden, 1, bias=False)
        self.attention = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), last) if attended else None

    @classmethod
    def look_ahead(cls, config: MTNConfig) -> int | None:
        return max(config.kernels) // 2

    def forward(self, bags: Bags) -> HeadOutput:
        mask = bags.mask
        rows = self.embed(bags.joined()) * mask[:, :, None]  # [B, T, width]
        seen = self.pyramid(rows, mask)
        if self.config.residual:
            seen = seen + rows
        aux = {}
        if self.gate is not None:
            narrow, one = self.gate
            aux["gate"] = one(narrow(seen.transpose(1, 2)).relu()).sigmoid().transpose(1, 2)  # [B, T, 1]
            seen = seen * aux["gate"]
        for layer in self.describe:
            seen = layer(seen, mask)
        weight = self._attention(seen, mask)  # [B, T]
        bag = (weight[:, :, None] * seen).sum(dim=1)  # [B, width / 4]
        score = self.scorer(seen).squeeze(2).masked_fill(~mask, 0.0)
        return HeadOutput(score, self.scorer(bag).squeeze(1), {**aux, "attention": weight})

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, anomalous = self.config, bags.label > 0.5
        score, mask = output.segment_score, bags.mask
        highest = top_mean(score, mask, mask.sum(dim=1) // 16 + 1)
        both = (mask[:, 1:] & mask[:, :-1])[anomalous]
        step = score.diff(dim=1)[anomalous].square() * both
        smoothness = step.sum(dim=1) / both.sum(dim=1).clamp(min=1)
        sparsity = (score * mask).sum(dim=1)[anomalous] / mask.sum(dim=1)[anomalous]
        count = anomalous.sum().clamp(min=1)  # both terms are 0 without anomalous videos
        return {
            "bag": config.bag_weight * video_cross_entropy(output.video_score, bags.label),
            "instances": config.instance_weight * video_cross_entropy(highest, bags.label),
            "smoothness": config.smoothness_weight * smoothness.sum() / count,
            "sparsity": config.sparsity_weight * sparsity.sum() / count,
        }

    def _attention(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Weights of the instances in the bag, which sum to 1: [B, T, hidden] -> [B, T]."""
        if self.attention is None:
            return mask / mask.sum(dim=1, keepdim=True)
        return self.attention(rows).squeeze(2).masked_fill(~mask, float("-inf")).softmax(dim=1)
