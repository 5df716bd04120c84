"""Multiple-instance ranking (Sultani, Chen & Shah, CVPR 2018, https://arxiv.org/abs/1801.04264)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.top_k import moving_average, top_count, top_mean
from score.heads.losses import ranking_loss, smoothness_loss, sparsity_loss, video_cross_entropy
from score.settings import Count, DropoutRate, Layers, NotNegative, Share, settings


@settings
class MILConfig:
    """Defaults are those of the authors' code, where it differs from the paper."""

    # Sizes of the hidden layers.
    hidden: Layers = (512, 32)
    # ReLU after the "first" hidden layer only, as published, or after "all".
    activations: Literal["first", "all"] = "first"
    # Dropout after each hidden layer.
    dropout: DropoutRate = 0.6
    # Dropout before the first layer.
    input_dropout: DropoutRate = 0.0
    # Hinge "ranking" loss (eq. 4), or binary cross-entropy of the video score.
    objective: Literal["ranking", "bce"] = "ranking"
    # Which pairs of videos are ranked, and how bags are reduced; see score.heads.losses.
    pairs: Literal["all", "matched"] = "all"
    reduction: Literal["sum", "mean"] = "sum"
    margin: NotNegative = 1.0
    smoothness_weight: NotNegative = 8e-5  # lambda_1, eq. 7
    sparsity_weight: NotNegative = 8e-5  # lambda_2, eq. 7
    # Multiplies the sum of squared weights, biases excluded.
    kernel_weight: NotNegative = 0.001
    # The video score is the mean of the top_k highest instances, or of this share of them if that is more.
    top_k: Count = 1
    top_share: Share = 0.0
    # Width of a moving average over instances, odd, before and after scoring; 1 = none.
    feature_smoothing: Count = 1
    score_smoothing: Count = 1

    def __post_init__(self):
        for name in ("feature_smoothing", "score_smoothing"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected an odd number of instances")


class MIL(Head):
    """Scores each instance on its own; a bag is as anomalous as its most anomalous instances."""

    config_class = MILConfig

    def __init__(self, config: MILConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        layers: list[nn.Module] = [nn.Dropout(config.input_dropout)]
        width = bag_spec.joined_dim
        for depth, hidden in enumerate(config.hidden):
            layers.append(nn.Linear(width, hidden))
            if depth == 0 or config.activations == "all":
                layers.append(nn.ReLU())
            layers.append(nn.Dropout(config.dropout))
            width = hidden
        self.scorer = nn.Sequential(*layers, nn.Linear(width, 1), nn.Sigmoid())
        for layer in self._linear_layers():
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    @classmethod
    def look_ahead(cls, config: MILConfig) -> int | None:
        return config.feature_smoothing // 2 + config.score_smoothing // 2

    def forward(self, bags: Bags) -> HeadOutput:
        rows = moving_average(bags.joined(), bags.mask, self.config.feature_smoothing)  # [B, T, D]
        score = moving_average(self.scorer(rows), bags.mask, self.config.score_smoothing).squeeze(2)  # [B, T]
        # The average of ones may round to slightly more than one.
        score = score.clamp(0.0, 1.0).masked_fill(~bags.mask, 0.0)
        count = top_count(bags.mask, least=self.config.top_k, share=self.config.top_share)
        return HeadOutput(segment_score=score, video_score=top_mean(score, bags.mask, count))

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, anomalous = self.config, bags.label > 0.5
        score, mask = output.segment_score[anomalous], bags.mask[anomalous]  # [A, T]
        if config.objective == "ranking":
            video = output.video_score
            objective = ranking_loss(
                video[anomalous],
                video[~anomalous],
                pairs=config.pairs,
                reduction=config.reduction,
                margin=config.margin,
            )
        else:
            objective = video_cross_entropy(output.video_score, bags.label)
        smoothness = smoothness_loss(score, mask, reduction=config.reduction)
        sparsity = sparsity_loss(score, mask, reduction=config.reduction)
        kernel = sum(layer.weight.square().sum() for layer in self._linear_layers())
        return {
            config.objective: objective,
            "smoothness": config.smoothness_weight * smoothness,
            "sparsity": config.sparsity_weight * sparsity,
            "kernel": config.kernel_weight * kernel,
        }

    def _linear_layers(self) -> list[nn.Linear]:
        return [layer for layer in self.scorer if isinstance(layer, nn.Linear)]
