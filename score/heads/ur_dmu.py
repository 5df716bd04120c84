"""UR-DMU: two memories and a Gaussian space of normality.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.crop_groups import crops_of
from score.heads.layers.global_local import EncoderConfig, GlobalLocalEncoder
from score.heads.layers.prototype_memory import Memory
from score.heads.layers.time_conv import TimeConv
from score.heads.layers.top_k import sixteenth_count, top_mean
from score.heads.layers.top_weights import top_weights, weighted_mean
from score.heads.losses import video_cross_entropy
from score.settings import MOST, Count, DropoutRate, NotNegative, settings

Size = Annotated[int, Field(ge=0, le=MOST)]


@settings
class URDMUConfig(EncoderConfig):
    """Defaults are those of the paper and its authors' code."""

    # Dropout in the encoder.
    dropout: DropoutRate = 0.5
    # Hidden channels of the scorer.
    scorer_hidden: Count = 128
    # Prototypes of each memory; 0 leaves it out.
    normal_memory: Size = 60
    abnormal_memory: Size = 60
    # Weight of the cross-entropies of each memory's activity.
    memory_weight: NotNegative = 0.1
    # Triplet and distance loss need both memories.
    triplet_weight: NotNegative = 0.1
    triplet_margin: NotNegative = 1.0
    # In training, what normal videos recall is sampled from a Gaussian, which kl_weight keeps near N(0, 1).
    uncertainty: bool = True
    kl_weight: NotNegative = 0.001
    # The divergence is summed over the "channels" of an instance and averaged over instances, or, as in the
    # published code, summed over "time" and averaged over channels. kl_weight is the paper's for "time".
    kl_sum: Literal["channels", "time"] = "channels"
    distance_weight: NotNegative = 1e-4
    distance_margin: NotNegative = 100.0


class URDMU(Head):
    """Scores an instance with what a memory of normal and one of abnormal prototypes recall for it.

    Departure: by default an instance sees its neighbours alone (attention), these are averaged by rows, and
    the divergence is summed over channels, which is 512 / T times the published one; the preset
    ur-dmu-aaai23 follows the published code in all three.
    """

    config_class = URDMUConfig

    def __init__(self, config: URDMUConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        width = config.width
        self.embed = TimeConv(bag_spec.joined_dim, width, 3)
        self.encoder = None if config.attention == "none" else GlobalLocalEncoder(config)
        self.normal_memory = Memory(config.normal_memory, width) if config.normal_memory else None
        self.abnormal_memory = Memory(config.abnormal_memory, width) if config.abnormal_memory else None
        recalls = bool(config.normal_memory or config.abnormal_memory)
        drawn = config.uncertainty and self.normal_memory is not None
        self.encode_mean = nn.Linear(width, width) if recalls and config.uncertainty else nn.Identity()
        self.encode_log_variance = nn.Linear(width, width) if drawn else None
        self.scorer = nn.Sequential(
            nn.Linear(2 * width if recalls else width, config.scorer_hidden),
            nn.ReLU(),
            nn.Linear(config.scorer_hidden, 1),
            nn.Sigmoid(),
        )

    @classmethod
    def look_ahead(cls, config: URDMUConfig) -> int | None:
        return 1 if config.attention == "none" else None

    def forward(self, bags: Bags) -> HeadOutput:
        mask, crops, aux = bags.mask, crops_of(bags), {}
        rows = self.embed(bags.joined(), mask).relu()  # [B, T, width]
        if self.encoder is not None:
            rows = self.encoder(rows, mask)
        seen = [rows]
        read = None
        if self.normal_memory is not None:
            aux["normal_activity"], recalled = self.normal_memory(rows)
            aux["normal_read"] = self._draw(recalled, bags.label < 0.5, aux)
            read = aux["normal_read"]
        if self.abnormal_memory is not None:
            aux["abnormal_activity"], recalled = self.abnormal_memory(rows)
            aux["abnormal_read"] = self.encode_mean(recalled)
            read = aux["abnormal_read"] if read is None else read + aux["abnormal_read"]
        if read is not None:
            seen.append(read)
        score = self.scorer(torch.cat(seen, dim=2)).squeeze(2).masked_fill(~mask, 0.0)
        video = top_mean(crops.mean(score), crops.one(mask), sixteenth_count(crops.one(mask)))
        return HeadOutput(score, crops.back(video).clamp(0.0, 1.0), {**aux, "rows": rows})

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, crops, aux = self.config, crops_of(bags), output.aux
        label, mask = crops.one(bags.label), crops.one(bags.mask)
        anomalous = label > 0.5
        terms = {"score": video_cross_entropy(crops.one(output.video_score), label)}
        if self.normal_memory is not None:
            seen = 1 - crops.mean(aux["normal_activity"])
            terms["normal_memory"] = config.memory_weight * memory_loss(seen, mask, anomalous=anomalous)
        if self.abnormal_memory is not None:
            seen = crops.mean(aux["abnormal_activity"])
            terms["abnormal_memory"] = config.memory_weight * memory_loss(seen, mask, anomalous=anomalous)
        if self.normal_memory is not None and self.abnormal_memory is not None:
            terms |= self._separation_losses(output, bags)
        if self.encode_log_variance is not None:
            normal = ~(bags.label > 0.5)
            terms["kl"] = config.kl_weight * gaussian_divergence(
                aux["mean"][normal], aux["log_variance"][normal], bags.mask[normal], summed=config.kl_sum
            )
        return terms

    def _draw(self, recalled: Tensor, normal: Tensor, aux: dict[str, Tensor]) -> Tensor:
        """Encode what the normal memory recalls; in training, normal videos get a sample of the Gaussian."""
        mean = self.encode_mean(recalled)
        if self.encode_log_variance is None:
            return mean
        aux["mean"], aux["log_variance"] = mean, self.encode_log_variance(recalled)
        if not self.training:
            return mean
        noise = torch.randn_like(mean) * (aux["log_variance"] / 2).exp()
        return mean + noise * normal[:, None, None]

    def _separation_losses(self, output: HeadOutput, bags: Bags) -> dict[str, Tensor]:
        """Triplet and distance loss over all pairs of a normal and an anomalous video.

        Anchor: the most normal instances of a normal video. Positive: those of an anomalous video.
        Negative: its most abnormal instances. Departure: the published code pairs bag i with bag i.
        """
        config, crops, aux = self.config, crops_of(bags), output.aux
        anomalous = crops.one(bags.label) > 0.5
        count = sixteenth_count(bags.mask)
        by_normal = top_weights(aux["normal_activity"], bags.mask, count)
        by_abnormal = top_weights(aux["abnormal_activity"], bags.mask, count)

        def of(rows: Tensor, weight: Tensor, chosen: Tensor) -> Tensor:
            return crops.mean(weighted_mean(rows, weight))[chosen]

        anchor = of(output.aux["rows"], by_normal, ~anomalous)
        positive = of(output.aux["rows"], by_normal, anomalous)
        negative = of(output.aux["rows"], by_abnormal, anomalous)
        normal_length = torch.linalg.vector_norm(of(aux["normal_read"], by_normal, ~anomalous), dim=1)
        abnormal_length = torch.linalg.vector_norm(of(aux["abnormal_read"], by_abnormal, anomalous), dim=1)
        triplet = triplet_loss(anchor, positive, negative, margin=config.triplet_margin)
        hinge = F.relu(config.distance_margin - abnormal_length[None, :] + normal_length[:, None])  # [N, A]
        return {
            "triplet": config.triplet_weight * triplet,
            "distance": config.distance_weight * mean_or_zero(hinge),
        }


def memory_loss(abnormality: Tensor, mask: Tensor, *, anomalous: Tensor) -> Tensor:
    """Cross-entropy of the abnormality that a memory gives instances, float [V, T] in (0, 1).

    mask: bool [V, T]. anomalous: bool [V]. All instances of a normal video are normal; of an anomalous video
    only the top k count, because its label says no more than that some are abnormal.
    """
    top = top_mean(abnormality, mask, sixteenth_count(mask))  # [V]
    found = video_cross_entropy(top, torch.ones_like(top), reduction="none")
    clean = video_cross_entropy(abnormality, torch.zeros_like(abnormality), reduction="none")  # [V, T]
    clean = (clean * mask).sum(dim=1) / mask.sum(dim=1)
    return mean_or_zero(found[anomalous]) + mean_or_zero(clean[~anomalous])


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float) -> Tensor:
    """Mean hinge of margin + |anchor - positive| - |anchor - negative| of unit vectors, over all N x A pairs.

    anchor: [N, D]. positive, negative: [A, D], of the same videos. 0 without both kinds.
    """
    anchor, positive, negative = (F.normalize(rows, dim=1) for rows in (anchor, positive, negative))
    near = torch.linalg.vector_norm(anchor[:, None] - positive[None, :], dim=2)  # [N, A]
    far = torch.linalg.vector_norm(anchor[:, None] - negative[None, :], dim=2)
    return mean_or_zero(F.relu(margin + near - far))


def mean_or_zero(values: Tensor) -> Tensor:
    """The mean; 0 where there are no values."""
    return values.mean() if values.numel() else values.sum()


def gaussian_divergence(mean: Tensor, log_variance: Tensor, mask: Tensor, *, summed: str) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of [B, T, D].

    summed: "channels" averages over the instances of all bags; "time" averages over bags and channels.
    """
    each = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=2)  # [B, T]
    count = mask.sum() if summed == "channels" else mean.new_tensor(mean.shape[0] * mean.shape[2])
    return (each * mask).sum() / count.clamp(min=1)
