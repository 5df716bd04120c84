"""Multi-task head: future regression, event classification, reconstruction and ranking on one encoder."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.class_linear import ClassLinear
from score.heads.layers.top_k import top_count, top_mean
from score.heads.layers.windows import Windows, cut_windows
from score.heads.losses import ranking_loss
from score.heads.multitask_parts.event_classes import class_weights, focal_loss
from score.heads.multitask_parts.future import future_of, nearest_value
from score.heads.multitask_parts.multitask_config import MultitaskConfig
from score.heads.multitask_parts.vae import WindowVAE, dense
from score.heads.multitask_parts.window_encoder import WindowEncoder

# Tasks whose score is an error, standardised on normal training videos.
ERRORS = ("regression", "reconstruction")


class Multitask(Head):
    """Four tasks on each window: predict what comes next, name the event, reconstruct, and rank.

    aux holds the four scores as score_regression, score_classification, score_ranking and
    score_reconstruction, and outside training class_probability [B, T, K].
    """

    config_class = MultitaskConfig
    projection: Tensor
    class_weight: Tensor
    error_mean: Tensor
    error_deviation: Tensor

    def __init__(self, config: MultitaskConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        dim, hidden = bag_spec.joined_dim, 2 * config.recurrent
        self.encoder = WindowEncoder(dim, config)
        future = min(config.future_dim, dim)
        self.regress = nn.Sequential(
            *dense(hidden, hidden, hidden // 2, dropout=config.dropout), nn.Linear(hidden // 2, future)
        )
        self.classify = nn.Sequential(
            *dense(hidden, hidden // 2, hidden // 4, dropout=config.class_dropout),
            ClassLinear(hidden // 4, len(bag_spec.event_classes), scored=bag_spec.scored_classes),
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
        # Fixed and orthonormal: a learned projection would collapse to what is easy to predict.
        self.register_buffer("projection", torch.linalg.qr(torch.randn(dim, future))[0])
        weights = class_weights(bag_spec.class_counts)
        self.register_buffer(
            "class_weight",
            weights if config.class_weight == "auto" else torch.ones_like(weights),
            persistent=False,
        )
        self.register_buffer("error_mean", torch.zeros(len(ERRORS)))
        self.register_buffer("error_deviation", torch.ones(len(ERRORS)))

    @classmethod
    def look_ahead(cls, config: MultitaskConfig) -> int | None:
        # The error of what the first window predicts counts from the first instance on.
        return config.window + config.horizon - 1

    @classmethod
    def grid(cls, config: MultitaskConfig) -> int:
        return config.stride

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
        nearest_error, predicted = nearest_value(future_error, place, known, length)
        reconstruction = back(error)
        scores = {
            "regression": self._error_score(nearest_error, "regression").where(predicted[:, None], 0.5),
            "classification": back(1 - logit[:, : self.bag_spec.scored_classes].softmax(dim=1)[:, 0]),
            "ranking": ranking,
            "reconstruction": self._error_score(reconstruction, "reconstruction"),
        }
        score = self._mix(scores).clamp(0.0, 1.0).masked_fill(~bags.mask, 0.0)
        classes = {}
        if not self.training and config.weights.classification:
            probability = logit.softmax(dim=1).unbind(dim=1)
            classes["class_probability"] = torch.stack([back(each) for each in probability], dim=2)
        return HeadOutput(
            score,
            self._video(score, bags.mask),
            {
                **{f"score_{name}": each for name, each in scores.items()},
                **classes,
                "window_used": windows.used,
                "class_logit": logit.reshape(*shape, -1),
                "reconstruction_error": error.reshape(shape),
                "divergence": divergence.reshape(shape),
                "future_error": future_error,
                "future_known": known,
                "error_regression": nearest_error,
                "error_reconstruction": reconstruction,
                "predicted": predicted,
            },
        )

    def losses(self, output: HeadOutput, bags: Bags, _player: str = "head") -> dict[str, Tensor]:
        weights, aux = self.config.weights, output.aux
        # Videos that regression and reconstruction are trained on.
        expected = (bags.label < 0.5) | (self.config.expected == "all")
        used = aux["window_used"] & expected[:, None]
        vae = aux["reconstruction_error"] + self.config.kl_weight * aux["divergence"]
        terms = {
            "regression": lambda: _mean(aux["future_error"], aux["future_known"] & expected[:, None]),
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
        """Encode windows; in training only used ones, because most of a batch may be padding."""
        if not self.training:
            return self.encoder(rows)
        used = windows.used.flatten()
        hidden = self.encoder(rows[used])
        return hidden.new_zeros(len(rows), *hidden.shape[1:]).index_copy(0, used.nonzero().squeeze(1), hidden)

    def _future_error(
        self, hidden: Tensor, rows: Tensor, windows: Windows, length: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Smooth L1 error of each projected future, its instance, and whether it exists: each [B, W]."""
        place, known = future_of(windows, length, self.config.horizon)
        last = (windows.own.sum(dim=2) - 1).clamp(min=0).flatten()
        forecast = self.regress(hidden[torch.arange(hidden.shape[0], device=hidden.device), last])
        # A target has no gradient: features that are learnt would become easy to predict.
        future = rows.detach().gather(1, place[:, :, None].expand(-1, -1, rows.shape[2]))  # [B, W, D]
        target = future @ self.projection  # [B, W, F]
        error = F.smooth_l1_loss(forecast.reshape(target.shape), target, reduction="none").mean(dim=2)
        return error, place, known

    def _error_score(self, error: Tensor, name: str) -> Tensor:
        """In (0, 1); 1/2 for the mean error of normal instances."""
        number = ERRORS.index(name)
        return ((error - self.error_mean[number]) / self.error_deviation[number]).sigmoid()

    def _mix(self, scores: dict[str, Tensor]) -> Tensor:
        """Weighted mean of the scores of the tasks that are trained."""
        trained, weights = asdict(self.config.weights), asdict(self.config.score_weights)
        share = {name: weights[name] * (trained[name] > 0) for name in scores}
        total = sum(share.values())
        if not total:
            raise ValueError("score_weights are 0 for every task that is trained, so there is no score")
        weighted = [share[name] / total * score for name, score in scores.items() if share[name]]
        return functools.reduce(torch.add, weighted)

    def _video(self, score: Tensor, mask: Tensor) -> Tensor:
        return top_mean(score, mask, top_count(mask, share=self.config.top_share))

    def _video_logit(self, logit: Tensor, used: Tensor) -> Tensor:
        """Mean logits of a video's most anomalous windows: [B, W, K] -> [B, K]."""
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
    """Mean of the selected values; 0 where there are none."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
