"""BN-WVAD: how far an instance lies from the means of batch normalisation.

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
from score.heads.layers.global_local import GlobalLocalEncoder
from score.heads.layers.masked_norm import MaskedBatchNorm
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_k import top_count, top_mean
from score.heads.layers.weights import top_weights
from score.heads.losses import over_bags, ranking_loss
from score.settings import Count, DropoutRate, NotNegative, Share, settings

USUAL = 0.95  # share of the normal training instances whose final score is below one half


@settings
class BNWVADConfig:
    """Defaults are those of the paper and its authors' code.

    width: channels. depth, heads, head_width, hidden, attention, dropout: of the encoder, if any.
    channels: of the two normalised layers. push_weights: of each layer's hinge between the divergences of
    chosen instances, which is push_margin wide.
    sample_share: of the instances of every anomalous video are chosen, and batch_share of all those of the
    batch; 0 leaves one way of choosing out. normal_weight: for the length of a normal video's scores.
    score: the classifier's, the divergence from the means, or their product "both".
    top_share, top_k: a video's score is the mean of this share of its instances, at least so many.
    """

    width: Count = 512
    depth: Count = 2
    heads: Count = 4
    head_width: Count = 128
    hidden: Count = 512
    attention: Literal["both", "global", "local", "none"] = "both"
    dropout: DropoutRate = 0.0
    channels: tuple[Count, Count] = (32, 16)
    sample_share: Share = 0.2
    batch_share: Share = 0.4
    push_weights: tuple[NotNegative, NotNegative] = (5.0, 20.0)
    push_margin: NotNegative = 1.0
    normal_weight: NotNegative = 1.0
    score: Literal["both", "classifier", "divergence"] = "both"
    top_share: Share = 1 / 16
    top_k: Count = 1

    def __post_init__(self):
        if any(self.push_weights) and not (self.sample_share or self.batch_share):
            raise ValueError(
                "sample_share and batch_share are 0, so nothing is pushed; set push_weights to [0, 0] too"
            )


class BNWVAD(Head):
    """What is abnormal lies far from the running means of batch normalisation; training pushes it further."""

    config_class = BNWVADConfig

    def __init__(self, config: BNWVADConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        first, second = config.channels
        self.embed = TimeConv(bag_spec.joined_dim, config.width, 3)
        self.encoder = (
            None
            if config.attention == "none"
            else GlobalLocalEncoder(
                config.width,
                depth=config.depth,
                heads=config.heads,
                head_width=config.head_width,
                hidden=config.hidden,
                dropout=config.dropout,
                parts=config.attention,
            )
        )
        self.layers = nn.ModuleList([nn.Linear(config.width, first), nn.Linear(first, second)])
        self.norms = nn.ModuleList([MaskedBatchNorm(first), MaskedBatchNorm(second)])
        self.classifier = nn.Linear(second, 1)
        self.register_buffer("usual", torch.tensor(1.0))

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
        highest = top_count(crops.one(mask), least=self.config.top_k, share=self.config.top_share)
        video = top_mean(crops.mean(score), crops.one(mask), highest)
        return HeadOutput(score, crops.back(video).clamp(0.0, 1.0), aux)

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        config, crops, aux = self.config, crops_of(bags), output.aux
        anomalous, mask = crops.one(bags.label) > 0.5, crops.one(bags.mask)
        length = torch.linalg.vector_norm(crops.mean(aux["classifier"])[~anomalous], dim=1)
        terms = {"normal": config.normal_weight * over_bags(length, reduction="mean")}
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
        """A divergence has no upper end: measure what is usual, and let that have the score one half."""
        self.usual.fill_(1.0)
        values = []
        for bags in batches:
            values.append(self(bags).aux["unbounded"][bags.mask & (bags.label < 0.5)[:, None]])
        seen = torch.cat(values) if values else torch.empty(0)
        if len(seen):
            self.usual.copy_(seen.kthvalue(max(1, int(len(seen) * USUAL))).values.clamp(min=1e-12))

    def _unbounded(self, aux: dict[str, Tensor]) -> Tensor:
        together = aux["divergence_0"] + aux["divergence_1"]
        return {
            "classifier": aux["classifier"],
            "divergence": together,
            "both": aux["classifier"] * together,
        }[self.config.score]

    def _chosen(self, distance: Tensor, mask: Tensor, anomalous: Tensor) -> tuple[Tensor, Tensor]:
        """The instances to push off and those to hold, bool [V, T] each.

        Off: in anomalous videos, the farthest of each one or of all together. Held: about as many in normal
        videos, the farthest of each.
        """
        config = self.config
        own = mask & anomalous[:, None]
        far = torch.zeros_like(mask)
        if config.sample_share:
            count = top_count(mask, share=config.sample_share)
            far = far | (own & (top_weights(distance, mask, count) > 0))
        if config.batch_share:
            together = own.reshape(1, -1)
            count = top_count(together, share=config.batch_share)
            chosen = top_weights(distance.reshape(1, -1), together, count) > 0
            far = far | (own & chosen.reshape(own.shape))
        held = far.sum() // (~anomalous).sum().clamp(min=1) + 1
        return far, mask & ~anomalous[:, None] & (top_weights(distance, mask, held) > 0)


def divergence(rows: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Distance from the running mean in running deviations, all channels together: [..., D] -> [...]."""
    return torch.linalg.vector_norm((rows - norm.running_mean) / (norm.running_var + norm.eps).sqrt(), dim=-1)
