"""Multi-task head: future features, event classes, a VAE and ranking on one encoder, and their scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.top_k import top_count, top_mean
from score.heads.layers.windows import Windows, cut_windows
from score.heads.losses import ranking_loss
from score.heads.multitask_parts import (
    WindowEncoder,
    WindowVAE,
    class_weights,
    dense,
    focal_loss,
    future_of,
    nearest_value,
)
from score.settings import Count, DropoutRate, NotNegative, Share, settings

ERRORS = ("regression", "reconstruction")  # scores that are errors, standardised on normal training videos


@settings
class TaskWeights:
    """One number a task."""

    regression: NotNegative = 1.0
    classification: NotNegative = 1.0
    ranking: NotNegative = 1.0
    reconstruction: NotNegative = 1.0


@settings
class MultitaskConfig:
    """weights: of the tasks' losses; 0 leaves a task out, its score too. score_weights: of the four scores in
    their mix.

    window, stride: instances in a window and between the starts of two. width: of the embedding; recurrent:
    of each direction of the BiLSTM, which 0 recurrent_layers leave out. relative: encoder layers add relative
    positions, up to max_distance apart. horizon: the regression predicts the feature so many instances after
    a window, projected to future_dim dimensions. expected: learn to predict and to reconstruct "normal"
    videos only, or "all". class_weight: "auto" weighs the classes by 1 / videos. window_share: of a video's
    windows, the most anomalous ones make its class. latent, kl_weight: of the VAE. margin, floor: ranking
    wants anomalous videos that much above normal ones, and above the floor (times floor_weight).
    """

    weights: TaskWeights = Field(default_factory=lambda: TaskWeights(1.0, 0.5, 0.3, 0.3))
    score_weights: TaskWeights = Field(default_factory=TaskWeights)
    window: Count = 16
    stride: Count = 4
    width: Count = 512
    recurrent: Count = 256
    recurrent_layers: Annotated[int, Field(ge=0)] = 2
    recurrent_dropout: DropoutRate = 0.5
    layers: Count = 2
    attention_heads: Count = 8
    relative: bool = True
    max_distance: Count = 32
    dropout: DropoutRate = 0.3
    class_dropout: DropoutRate = 0.5
    horizon: Count = 4
    future_dim: Count = 256
    expected: Literal["normal", "all"] = "normal"
    class_weight: Literal["auto", "none"] = "auto"
    focal_gamma: NotNegative = 2.0
    window_share: Share = 0.25
    latent: Count = 64
    kl_weight: NotNegative = 0.01
    margin: NotNegative = 0.5
    floor: Share = 0.5
    floor_weight: NotNegative = 3.0
    top_share: Share = 0.1


class Multitask(Head):
    """Asks four questions of each window: what comes next, which event, how usual, how anomalous.

    aux holds the four scores as score_regression, score_classification, score_ranking and
    score_reconstruction, and outside training class_probability [B, T, K].
    """

    config_class = MultitaskConfig

    def __init__(self, config: MultitaskConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        dim, hidden = bag_spec.joined_dim, 2 * config.recurrent
        reach = min(config.max_distance, max(1, config.window - 1))
        self.encoder = WindowEncoder(
            dim,
            width=config.width,
            recurrent=config.recurrent,
            recurrent_layers=config.recurrent_layers,
            recurrent_dropout=config.recurrent_dropout,
            layers=config.layers,
            heads=config.attention_heads,
            dropout=config.dropout,
            max_distance=reach if config.relative else None,
        )
        future = min(config.future_dim, dim)
        self.regress = nn.Sequential(
            *dense(hidden, hidden, hidden // 2, dropout=config.dropout), nn.Linear(hidden // 2, future)
        )
        self.classify = nn.Sequential(
            *dense(hidden, hidden // 2, hidden // 4, dropout=config.class_dropout),
            nn.Linear(hidden // 4, len(bag_spec.event_classes)),
        )
        self.rank = nn.Linear(hidden, 1)
        self.vae = WindowVAE(hidden, config.latent, dropout=config.dropout)
        for part, weight in (
            (self.regress, "regression"),
            (self.classify, "classification"),
            (self.rank, "ranking"),
            (self.vae, "reconstruction"),
        ):
            part.requires_grad_(getattr(config.weights, weight) > 0)
        # fixed and orthonormal: a projection that learns would collapse to what is easy to predict
        self.register_buffer("projection", torch.linalg.qr(torch.randn(dim, future))[0])
        weights = class_weights(bag_spec.class_counts)
        self.register_buffer(
            "class_weight",
            weights if config.class_weight == "auto" else torch.ones_like(weights),
            persistent=False,
        )
        self.register_buffer("error_mean", torch.zeros(len(ERRORS)))
        self.register_buffer("error_deviation", torch.ones(len(ERRORS)))

    def forward(self, bags: Bags) -> HeadOutput:
        config, length = self.config, bags.mask.shape[1]
        rows = bags.joined()
        windows = cut_windows(bags.mask, config.window, stride=config.stride, tail="shift")
        hidden = self._encode(windows.take(rows), windows)  # [B * W, n, hidden]
        own = windows.own.flatten(0, 1)
        mean = (hidden * own[:, :, None]).sum(dim=1) / own.sum(dim=1).clamp(min=1)[:, None]  # [B * W, hidden]

        def back(values: Tensor) -> Tensor:  # [B * W] or [B * W, n] -> [B, T]
            return windows.back(values.reshape(own.shape[0], -1).expand(own.shape), length)

        ranking = back(self.rank(hidden).squeeze(2).sigmoid())
        logit = self.classify(mean)
        error, divergence = self.vae(mean.detach())
        shape = windows.used.shape
        future_error, place, known = self._future_error(hidden, rows, windows, bags.mask.sum(dim=1))
        surprise, predicted = nearest_value(future_error, place, known, length)
        reconstruction = back(error)
        scores = {
            "regression": self._unusual(surprise, "regression").where(predicted[:, None], 0.5),
            "classification": back(1 - logit.softmax(dim=1)[:, 0]),
            "ranking": ranking,
            "reconstruction": self._unusual(reconstruction, "reconstruction"),
        }
        score = self._mix(scores).clamp(0.0, 1.0).masked_fill(~bags.mask, 0.0)
        told = {}
        if not self.training and config.weights.classification:
            probability = logit.softmax(dim=1).unbind(dim=1)
            told["class_probability"] = torch.stack([back(each) for each in probability], dim=2)
        return HeadOutput(
            score,
            self._video(score, bags.mask),
            {
                **{f"score_{name}": each for name, each in scores.items()},
                **told,
                "window_used": windows.used,
                "class_logit": logit.reshape(*shape, -1),
                "reconstruction_error": error.reshape(shape),
                "divergence": divergence.reshape(shape),
                "future_error": future_error,
                "future_known": known,
                "error_regression": surprise,
                "error_reconstruction": reconstruction,
                "predicted": predicted,
            },
        )

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        weights, aux = self.config.weights, output.aux
        learnt = (bags.label < 0.5) | (self.config.expected == "all")
        used = aux["window_used"] & learnt[:, None]
        vae = aux["reconstruction_error"] + self.config.kl_weight * aux["divergence"]
        terms = {
            "regression": lambda: _mean(aux["future_error"], aux["future_known"] & learnt[:, None]),
            "classification": lambda: focal_loss(
                self._video_logit(aux["class_logit"], aux["window_used"]),
                bags.event_class,
                class_weight=self.class_weight,
                gamma=self.config.focal_gamma,
            ),
            "ranking": lambda: self._ranking(self._video(aux["score_ranking"], bags.mask), bags.label > 0.5),
            "reconstruction": lambda: _mean(vae, used),
        }
        return {
            name: getattr(weights, name) * term() for name, term in terms.items() if getattr(weights, name)
        }

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Bags]) -> None:
        """Mean and deviation of both errors over the instances of normal training videos."""
        parts: dict[str, list[Tensor]] = {name: [] for name in ERRORS}
        for bags in batches:
            aux = self(bags).aux
            normal = bags.mask & (bags.label < 0.5)[:, None]
            parts["regression"].append(aux["error_regression"][normal & aux["predicted"][:, None]])
            parts["reconstruction"].append(aux["error_reconstruction"][normal])
        for number, name in enumerate(ERRORS):
            errors = torch.cat(parts[name]).double()
            if len(errors) > 1:
                self.error_mean[number] = errors.mean()
                self.error_deviation[number] = errors.std().clamp(min=1e-6)

    def _encode(self, rows: Tensor, windows: Windows) -> Tensor:
        """Encode windows; in training only those that a bag has, for most of a batch may be padding."""
        if not self.training:
            return self.encoder(rows)
        used = windows.used.flatten()
        hidden = self.encoder(rows[used])
        return hidden.new_zeros(len(rows), *hidden.shape[1:]).index_copy(0, used.nonzero().squeeze(1), hidden)

    def _future_error(
        self, hidden: Tensor, rows: Tensor, windows: Windows, length: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Smooth L1 distance to each window's projected future, its place, whether it exists: each [B, W]."""
        place, known = future_of(windows, length, self.config.horizon)
        last = (windows.own.sum(dim=2) - 1).clamp(min=0).flatten()
        told = self.regress(hidden[torch.arange(hidden.shape[0], device=hidden.device), last])  # [B * W, F]
        target = (
            rows.gather(1, place[:, :, None].expand(-1, -1, rows.shape[2])) @ self.projection
        )  # [B, W, F]
        error = F.smooth_l1_loss(told.reshape(target.shape), target, reduction="none").mean(dim=2)
        return error, place, known

    def _unusual(self, error: Tensor, name: str) -> Tensor:
        number = ERRORS.index(name)
        return ((error - self.error_mean[number]) / self.error_deviation[number]).sigmoid()

    def _mix(self, scores: dict[str, Tensor]) -> Tensor:
        trained, wanted = asdict(self.config.weights), asdict(self.config.score_weights)
        share = {name: wanted[name] * (trained[name] > 0) for name in scores}
        total = sum(share.values())
        if not total:
            raise ValueError("score_weights are 0 for every task that is trained; there is no score to give")
        return sum(share[name] / total * score for name, score in scores.items() if share[name])

    def _video(self, score: Tensor, mask: Tensor) -> Tensor:
        return top_mean(score, mask, top_count(mask, share=self.config.top_share))

    def _video_logit(self, logit: Tensor, used: Tensor) -> Tensor:
        """Mean logits of a video's most anomalous windows: [B, W, K] -> [B, K]; no window has a label."""
        anomalous = (1 - logit.detach().softmax(dim=2)[:, :, 0]).masked_fill(~used, -1.0)
        count = top_count(used, share=self.config.window_share)
        rank = anomalous.argsort(dim=1, descending=True).argsort(dim=1)
        chosen = (rank < count[:, None]) & used
        return (logit * chosen[:, :, None]).sum(dim=1) / count[:, None]

    def _ranking(self, score: Tensor, anomalous: Tensor) -> Tensor:
        pairs = ranking_loss(score[anomalous], score[~anomalous], reduction="mean", margin=self.config.margin)
        below = F.relu(self.config.floor - score[anomalous])
        return pairs + self.config.floor_weight * below.sum() / max(1, len(below))


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values; 0 for none."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
