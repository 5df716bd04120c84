"""VadCLIP: features compared with vectors of the classes, beside a plain score; and what DSANet adds to it.

Wu et al., AAAI 2024, https://arxiv.org/abs/2308.11681. DSANet, AAAI 2026, is the preset `dsanet-aaai26`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.class_vectors import ClassVectors, cosine
from score.heads.layers.event_weights import event_weights
from score.heads.layers.top_k import sixteenth_count, top_mean
from score.heads.layers.top_weights import weighted_mean
from score.heads.layers.zero_windows import unwindowed, zero_windows
from score.heads.losses import video_cross_entropy
from score.heads.vadclip_parts.graph_encoder import GraphEncoder, network
from score.heads.vadclip_parts.normality import Normality, lowest_count
from score.heads.vadclip_parts.vadclip_config import VadCLIPConfig

SMOOTHED = 0.1  # of the targets of DSANet's event and background
BESIDE_NORMAL = 0.01  # the target of a background in the other classes, before it is scaled


class VadCLIP(Head):
    """Sees a window of segments through attention and graphs, and names the class of each segment.

    Departure: the text tower is left out, and with it the learnt context of prompts and DSANet's adapters
    inside the tower. Vectors of the classes come from `vad-extract text`, with a learnt offset for each class
    (7,168 parameters instead of 39,424 for UCF-Crime), or with one adapter behind the tower for DSANet.

    Departure: the published programs choose the epoch on the test videos, continue from that checkpoint after
    every epoch, and test one crop; the presets keep the last epoch and average all crops.

    Departure: a video of several classes (XD-Violence) has the first of them. Features of another width than
    the encoder, and texts of another width, pass a learnt linear map. DSANet's normality is trained by the
    same optimizer as the rest.
    """

    config_class = VadCLIPConfig
    takes_texts = True

    def __init__(self, config: VadCLIPConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        width, dim = config.width, bag_spec.joined_dim
        self.inward = nn.Linear(dim, width) if dim != width else nn.Identity()
        self.encoder = GraphEncoder(config)
        self.beside, self.scorer = network(width, config.expansion, config.dropout), nn.Linear(width, 1)
        self.texts = ClassVectors(bag_spec, width, adaptation=config.texts, share=config.adapter_share)
        self.prompt = network(width, config.expansion, config.dropout) if config.visual_prompt else None
        self.normality = None
        if config.normality.weight:
            self.normality = Normality(config.normality, width, config.expansion)

    @classmethod
    def look_ahead(cls, config: VadCLIPConfig) -> int | None:
        return config.window - 1

    @classmethod
    def grid(cls, config: VadCLIPConfig) -> int:
        return config.window

    def forward(self, bags: Bags) -> HeadOutput:
        config, mask, texts = self.config, bags.mask, self.texts()
        windows, inside = zero_windows(bags.joined(), mask, self._window(mask.shape[1]))
        rows = self.encoder(self.inward(windows).masked_fill(~inside[:, :, None], 0.0), inside)
        logit = self.scorer(rows + self.beside(rows)).squeeze(2)  # [B * W, n]
        # The classes that scores are made of for themselves: a product with more rows rounds differently.
        scored = self.bag_spec.scored_classes
        parts = (texts[:scored], texts[scored:]) if self.bag_spec.added else (texts,)
        vectors = [self._prompted(rows, logit, each, inside) for each in parts]
        cosines = torch.cat([cosine(rows, each) for each in vectors], dim=-1)
        rows, logit, class_logit = (
            unwindowed(each, mask) for each in (rows, logit, cosines / config.temperature)
        )
        score = self._score(logit, class_logit).masked_fill(~mask, 0.0)
        aux = {"logit": logit, "class_logit": class_logit, "texts": texts, "rows": rows}
        if self.training and self.normality is not None:
            aux["distance"], aux["anomaly"] = self.normality(rows, logit.sigmoid(), mask)
        if not self.training:
            aux["class_probability"] = self._probability(logit, class_logit) * mask[:, :, None]
        return HeadOutput(score, top_mean(score, mask, sixteenth_count(mask)).clamp(0.0, 1.0), aux)

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        config, aux, mask = self.config, output.aux, bags.mask
        score = aux["logit"].sigmoid()
        video = top_mean(score, mask, sixteenth_count(mask))
        terms = {"score": video_cross_entropy(video, bags.label)}
        if config.class_weight:
            found = F.cross_entropy(video_logits(aux["class_logit"], mask), bags.event_class)
            terms["class"] = config.class_weight * found
        if config.apart_weight and self.texts.trained and len(aux["texts"]) > 1:
            terms["apart"] = config.apart_weight * apart_loss(aux["texts"])
        if config.event_weight:
            event, background = self._parted(output, bags)
            terms["event"] = config.event_weight * event
            terms["background"] = config.event_weight * background
        if "anomaly" in aux:
            gap = (score - aux["anomaly"]).square() * mask
            terms["consistency"] = config.normality.weight * gap.sum() / mask.sum()
            counted = lowest_count(mask, share=config.normality.share).sum()
            terms["prototypes"] = config.normality.weight * aux["distance"].sum() / counted
        return terms

    def _window(self, length: int) -> int:
        """Instances in a window: fewer where bags are short and padding is ignored, which changes nothing."""
        config = self.config
        if config.padding == "seen" or torch.compiler.is_exporting():
            return config.window
        block = config.attention_window
        return min(config.window, (length + block - 1) // block * block)

    def _prompted(self, rows: Tensor, logit: Tensor, texts: Tensor, inside: Tensor) -> Tensor:
        """Vectors of the classes for each window: [K, D], or [B * W, K, D] with a visual prompt."""
        if self.prompt is None:
            return texts
        standing_out = (logit * self.encoder.seen(inside))[:, None, :] @ rows  # [B * W, 1, D]
        vectors = texts + F.normalize(standing_out, dim=2)
        return vectors + self.prompt(vectors)

    def _score(self, logit: Tensor, class_logit: Tensor) -> Tensor:
        if self.config.score == "binary":
            return logit.sigmoid()
        return 1 - class_logit[:, :, : self.bag_spec.scored_classes].softmax(dim=2)[:, :, 0]

    def _probability(self, logit: Tensor, class_logit: Tensor) -> Tensor:
        logit, class_logit = logit / self.config.softness, class_logit / self.config.softness
        if self.config.probability == "softmax":
            return class_logit.softmax(dim=2)
        return shared_probability(logit.sigmoid(), class_logit)

    def _parted(self, output: HeadOutput, bags: Bags) -> tuple[Tensor, Tensor]:
        """Cross-entropies of what the scores select as the event, and of what they leave."""
        texts, score = output.aux["texts"], output.aux["logit"].sigmoid()
        classes = texts.shape[0]
        own = F.one_hot(bags.event_class, classes).to(score.dtype)
        normal = torch.full_like(own, BESIDE_NORMAL)
        normal[:, 0] = 1.0
        found = []
        for weight, target in ((score, own), (1 - score, normal / normal.sum(dim=1, keepdim=True))):
            vector = weighted_mean(output.aux["rows"], event_weights(weight, bags.mask))  # [B, D]
            logit = cosine(vector, texts) / self.config.temperature
            found.append(F.cross_entropy(logit, (1 - SMOOTHED) * target + SMOOTHED / classes))
        return found[0], found[1]


def shared_probability(score: Tensor, class_logit: Tensor) -> Tensor:
    """1 - score for Normal, and the score shared out over the other classes: [B, T], [B, T, K] -> [B, T, K].

    Shares are the softmax over all classes but Normal.
    """
    shares = class_logit[:, :, 1:].softmax(dim=2)
    return torch.cat([(1 - score)[:, :, None], score[:, :, None] * shares], dim=2)


def video_logits(logit: Tensor, mask: Tensor) -> Tensor:
    """For each class the mean of its k = T // 16 + 1 largest logits: [B, T, K], bool [B, T] -> [B, K]."""
    classes = logit.shape[2]
    each = logit.transpose(1, 2).flatten(0, 1)  # [B * K, T]
    repeated = mask.repeat_interleave(classes, dim=0)
    return top_mean(each, repeated, sixteenth_count(repeated)).reshape(-1, classes)


def apart_loss(texts: Tensor) -> Tensor:
    """Mean |cosine| of the vector of Normal with that of each other class: [K, D] -> scalar."""
    return cosine(texts[:1], texts[1:]).abs().mean()
