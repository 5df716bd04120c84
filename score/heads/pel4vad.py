"""PEL4VAD: attention of two reaches, and prompts that keep the kinds of anomalies apart.

Pu et al., IEEE TIP 2024, https://arxiv.org/abs/2306.14451.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.class_vectors import ClassVectors, cosine
from score.heads.layers.event_weights import event_weights
from score.heads.layers.top_k import sixteenth_count, top_mean
from score.heads.layers.top_weights import weighted_mean
from score.heads.losses import video_cross_entropy
from score.heads.pel4vad_parts.context_attention import ContextAttention
from score.heads.pel4vad_parts.score_smoothing import smoothed
from score.heads.vadclip import shared_probability
from score.settings import Count, DropoutRate, NotNegative, Positive, settings

SAME = 10.0  # logit of pairs of one class in the target of the prompt loss


@settings
class PEL4VADConfig:
    """Defaults are those of the authors' code for UCF-Crime."""

    # Features pass a learnt linear map to this width first; null leaves them, as published.
    width: Count | None = None
    # Channels of the attention.
    attention: Count = 128
    # Instances of the local window, odd; and where the preference for near instances starts.
    near: Count = 9
    distance_scale: float = 0.6  # w
    distance_shift: float = 0.2  # b
    # Signed square roots of what attention gives, then length 1 along time for each channel.
    power_norm: bool = True
    # Channels after the attention. The first ones meet the texts, whose width they have where there are any.
    embedding: Count = 512
    hidden: Count = 300
    dropout: DropoutRate = 0.1
    # Instances that a score is made of: itself and those before it.
    kernel: Count = 9
    # Cosines of the prompt loss are divided by a learnt temperature that starts here.
    temperature: Positive = 0.09
    prompt_weight: NotNegative = 1.0  # lambda
    # Scores after training: the mean with the next ones ("forward"), or of whole "blocks".
    smoothing: Literal["none", "forward", "blocks"] = "none"
    smoothing_width: Count = 1

    def __post_init__(self):
        if self.near % 2 == 0:
            raise ValueError(f"near is {self.near}, expected an odd number of instances")


class PEL4VAD(Head):
    """Sees all instances and near ones, scores each with those before it, compares what it finds with texts.

    Departure: padding takes no part in attention, norms and the features that the scores select; in the
    published program the zero rows of shorter videos of a batch do. That program chooses the epoch on the
    test videos; the presets keep the last one, at which the rate reaches 0 (there it would after 60 epochs).
    Biases start at 0, there at random.

    Departure: it names no classes; here the score of a segment is shared out over the classes by the cosines
    of the prompt loss.
    """

    config_class = PEL4VADConfig
    takes_texts = True

    def __init__(self, config: PEL4VADConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        dim = config.width or bag_spec.joined_dim
        self.inward = nn.Linear(bag_spec.joined_dim, dim) if config.width else nn.Identity()
        self.texts = ClassVectors(bag_spec, learnt=config.embedding)
        self.attention = ContextAttention(
            dim,
            config.attention,
            near=config.near,
            w=config.distance_scale,
            b=config.distance_shift,
            power_norm=config.power_norm,
        )
        self.embed, self.narrow = nn.Linear(dim, self.texts.width), nn.Linear(self.texts.width, config.hidden)
        self.scorer = nn.Conv1d(config.hidden, 1, config.kernel)
        self.dropout = nn.Dropout(config.dropout)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv1d)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    @classmethod
    def look_ahead(cls, _config: PEL4VADConfig) -> int | None:
        return None

    def forward(self, bags: Bags) -> HeadOutput:
        config, mask = self.config, bags.mask
        padding = ~mask[:, :, None]
        rows = self.inward(bags.joined()).masked_fill(padding, 0.0)
        rows = self.attention(rows, mask)
        embedded = self.dropout(F.gelu(self.embed(rows))).masked_fill(padding, 0.0)  # [B, T, W]
        narrow = self.dropout(F.gelu(self.narrow(embedded))).masked_fill(padding, 0.0)
        causal = F.pad(narrow.transpose(1, 2), (config.kernel - 1, 0))
        score = self.scorer(causal).squeeze(1).sigmoid().masked_fill(~mask, 0.0)
        aux = {"score": score, "embedded": embedded, "texts": self.texts()}
        shown = score
        if not self.training:
            shown = smoothed(score, mask, kind=config.smoothing, width=config.smoothing_width).clamp(0.0, 1.0)
            logit = self.log_scale.exp() * cosine(embedded, aux["texts"])
            aux["class_probability"] = shared_probability(shown, logit) * mask[:, :, None]
        return HeadOutput(shown, top_mean(shown, mask, sixteenth_count(mask)).clamp(0.0, 1.0), aux)

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        """score: of the highest instance of a normal video, of the k = T // 16 + 1 highest of others."""
        mask, score, aux = bags.mask, output.aux["score"], output.aux
        anomalous = bags.label > 0.5
        count = torch.where(anomalous, sixteenth_count(mask), 1)
        terms = {"score": video_cross_entropy(top_mean(score, mask, count), bags.label)}
        if self.config.prompt_weight:
            event = weighted_mean(aux["embedded"], event_weights(score, mask))  # [B, W]
            background = weighted_mean(aux["embedded"], event_weights(1 - score, mask))
            vectors = torch.cat([event, background[anomalous]])
            classes = torch.cat([bags.event_class, torch.zeros_like(bags.event_class[anomalous])])
            found = prompt_loss(vectors, aux["texts"][classes], classes, scale=self.log_scale.exp())
            terms["prompt"] = self.config.prompt_weight * found
        return terms


def prompt_loss(vectors: Tensor, texts: Tensor, classes: Tensor, *, scale: Tensor) -> Tensor:
    """KL of softmax(scale cosine) of M vectors with M texts from softmax(10 where classes are equal).

    vectors, texts: float [M, W], pairs. classes: int64 [M]. Summed over texts, averaged over vectors.
    """
    target = (SAME * (classes[:, None] == classes)).to(vectors.dtype).softmax(dim=1)
    return F.kl_div((scale * cosine(vectors, texts)).log_softmax(dim=1), target, reduction="batchmean")
