"""BN-WVAD: the distance of an instance from the means of batch normalisation.

Zhou et al., TCSVT 2024, https://arxiv.org/abs/2311.15367.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.global_local import EncoderConfig, GlobalLocalEncoder
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_k import top_count, top_mean
from score.heads.layers.top_weights import top_weights
from score.heads.losses import over_bags, ranking_loss, video_cross_entropy
from score.settings import Count, NotNegative, Share, settings

NORMAL_SHARE = 0.95  # share of the normal training instances whose final score is at most one half


@settings
class BNWVADConfig(EncoderConfig):
    """Defaults are those of the paper and its authors' code."""

    # Channels of the two normalised layers.
    channels: tuple[Count, Count] = (32, 16)
    # Which instances of anomalous videos are pushed away: this share of each video, and this share of all of
    # them in the batch; 0 leaves that selection out.
    sample_share: Share = 0.2
    batch_share: Share = 0.4
    # Weight of the hinge between selected divergences, per layer, and its margin.
    push_weights: tuple[NotNegative, NotNegative] = (5.0, 20.0)
    push_margin: NotNegative = 1.0
    # Weight of the norm of a normal video's scores.
    normal_weight: NotNegative = 1.0
    # Weight of the cross-entropy of the classifier's video scores; 0, as in the paper, raises the classifier
    # nowhere.
    video_weight: NotNegative = 0.0
    # The classifier's score, the divergence from the means, or their product "both".
    score: Literal["both", "classifier", "divergence"] = "both"
    # A video's score is the mean of this share of its instances, at least top_k.
    top_share: Share = 1 / 16
    top_k: Count = 1

    def __post_init__(self):
        if any(self.push_weights) and not (self.sample_share or self.batch_share):
            raise ValueError(
                "sample_share and batch_share are 0, so nothing is pushed; set push_weights to [0, 0] too"
            )


class BNWVAD(Head):
    """Anomalies lie far from the running means of batch normalisation; training pushes them further away.

    Departure: by default the classifier also learns which videos are anomalous (video_weight), and neighbours
    are averaged by rows; the preset bn-wvad-tcsvt24 trains it on normal videos alone and averages by columns,
    as the paper and its code do.

    Departure: the hinge is over all pairs of a selected anomalous and a selected normal instance; the
    published code pairs row i with row i. Departure: scores are divided by their calibrated bound crop by
    crop and then averaged; the published code averages unbounded scores.
    """

    config_class = BNWVADConfig
    usual: Tensor

    def __init__(self, config: BNWVADConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        first, second = config.channels
        self.embed = TimeConv(bag_spec.joined_dim, config.width, 3)
        self.encoder = None if config.attention == "none" else GlobalLocalEncoder(config)
        self.layers = nn.ModuleList([nn.Linear(config.width, first), nn.Linear(first, second)])
        self.norms = nn.ModuleList([MaskedBatchNorm(first), MaskedBatchNorm(second)])
        # The divergence that gets the score one half; checkpoints know it by this name.
        self.classifier = nn.Linear(second, 1)
        self.register_buffer("usual", torch.tensor(1.0))

    @classmethod
    def look_ahead(cls, config: BNWVADConfig) -> int | None:
        return 1 if config.attention == "none" else None

    def forward(self, bags: Bags) -> HeadOutput:
        mask, crops, aux = bags.mask, crops_of(bags), {}
        rows = self.embed(bags.joined(), mask).relu()  # [B, T, width]
        if self.encoder is not None:
            rows = self.encoder(rows, mask)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            aux[f"rows_{number}"] = layer(rows)
            rows = norm(aux[f"rows_{number}"], mask).relu()
            aux[f"divergence_{number}"] = divergence(aux[f"rows_{number}"], norm)
        aux["classifier"] = self.classifier(rows).squeeze(2).sigmoid().masked_fill(~mask, 0.0)
        aux["unbounded"] = self._unbounded(aux).masked_fill(~mask, 0.0)
        score = aux["unbounded"]
        if self.config.score != "classifier":
            score = score / (score + self.usual)
        video = top_mean(crops.mean(score), crops.one(mask), self._highest(crops.one(mask)))
        return HeadOutput(score, crops.back(video).clamp(0.0, 1.0), aux)

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, crops, aux = self.config, crops_of(bags), output.aux
        anomalous, mask = crops.one(bags.label) > 0.5, crops.one(bags.mask)
        length = torch.linalg.vector_norm(crops.mean(aux["classifier"])[~anomalous], dim=1)
        terms = {"normal": config.normal_weight * over_bags(length, reduction="mean")}
        if config.video_weight:
            found = top_mean(crops.mean(aux["classifier"]), mask, self._highest(mask))
            terms["video"] = config.video_weight * video_cross_entropy(found, crops.one(bags.label))
        for number, (norm, weight) in enumerate(zip(self.norms, config.push_weights, strict=True)):
            if weight:
                distance = divergence(crops.mean(aux[f"rows_{number}"]), norm)
                ranked_by = crops.mean(aux[f"divergence_{number}"])
                far, near = self._chosen(ranked_by, mask, anomalous)
                terms[f"push_{number}"] = weight * ranking_loss(
                    distance[far], distance[near], reduction="mean", margin=config.push_margin
                )
        return terms

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Bags]) -> None:
        """Map the NORMAL_SHARE quantile of normal divergences, which are unbounded, to the score 1/2."""
        self.usual.fill_(1.0)
        values = []
        for bags in batches:
            values.append(self(bags).aux["unbounded"][bags.mask & (bags.label < 0.5)[:, None]])
        seen = torch.cat(values) if values else torch.empty(0)
        if len(seen):
            self.usual.copy_(seen.kthvalue(max(1, int(len(seen) * NORMAL_SHARE))).values.clamp(min=1e-12))

    def _highest(self, mask: Tensor) -> Tensor:
        return top_count(mask, least=self.config.top_k, share=self.config.top_share)

    def _unbounded(self, aux: dict[str, Tensor]) -> Tensor:
        if self.config.score == "classifier":
            return aux["classifier"]
        both_layers = aux["divergence_0"] + aux["divergence_1"]
        return both_layers if self.config.score == "divergence" else aux["classifier"] * both_layers

    def _chosen(self, distance: Tensor, mask: Tensor, anomalous: Tensor) -> tuple[Tensor, Tensor]:
        """The instances to push away from the mean and those to keep near it, bool [V, T] each.

        Pushed away: of anomalous videos, the farthest of each video and of the whole batch. Kept: about as
        many of normal videos, the farthest of each.
        """
        config = self.config
        own = mask & anomalous[:, None]
        far = torch.zeros_like(mask)
        if config.sample_share:
            count = top_count(mask, share=config.sample_share)
            far = far | (own & (top_weights(distance, mask, count) > 0))
        if config.batch_share:
            whole_batch = own.reshape(1, -1)
            count = top_count(whole_batch, share=config.batch_share)
            chosen = top_weights(distance.reshape(1, -1), whole_batch, count) > 0
            far = far | (own & chosen.reshape(own.shape))
        count = far.sum() // (~anomalous).sum().clamp(min=1) + 1
        return far, mask & ~anomalous[:, None] & (top_weights(distance, mask, count) > 0)


def divergence(rows: Tensor, norm: nn.Module) -> Tensor:
    """Distance from the running mean of a batch normalisation, each channel in running deviations.

    [..., D] -> [...].
    """
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None
    return torch.linalg.vector_norm((rows - norm.running_mean) / (norm.running_var + norm.eps).sqrt(), dim=-1)
