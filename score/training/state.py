"""Everything that changes while a seed is trained: weights, optimizers, the epoch, and what is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extract.runtime.profile import OFF, Profile
from score.bags.bags import Bags
from score.bags.sampler import BalancedSampler, stream_seed
from score.config.run import RunConfig
from score.runs.checkpoint import RESUME, CheckpointError, build_head
from score.training.data import TrainingData
from score.training.optimizers import WeightAverage, lr_factor, make_optimizer
from score.training.step import take_step
from score.training.validation import judge, usual_scores


@dataclass(frozen=True)
class EpochRecord:
    """A line of metrics.jsonl. loss: mean over steps of each term. validation: see judge; empty without."""

    epoch: int
    loss: dict[str, float]
    validation: dict[str, float | None]
    lr: float
    seconds: float


class TrainingDiverged(ValueError):
    """The loss or the weights are no numbers any more."""


class Training:
    """Everything that changes while a seed is trained."""

    def __init__(
        self,
        config: RunConfig,
        data: TrainingData,
        *,
        seed: int,
        device: torch.device,
        profile: Profile = OFF,
    ):
        self.config, self.data, self.seed, self.device, self.profile = config, data, seed, device, profile
        settings = config.train
        self.head = build_head(config, data.bag_spec).to(device)
        self.average = WeightAverage(self.head, settings.average) if settings.average else None
        self.optimizers = {
            player: make_optimizer(settings.optimizer, self.head.parameters_of(player), player)
            for player in self.head.players
        }
        self.base_lr = {player: each.param_groups[0]["lr"] for player, each in self.optimizers.items()}
        share = None if self.head.one_class else settings.anomalous_share
        self.sampler = BalancedSampler(
            data.train.label,
            batch=settings.batch,
            anomalous_share=share,
            steps=settings.steps_per_epoch,
            seed=seed,
        )
        self.epoch = 0
        self.kept: dict = {"epoch": 0, "weights": {}, "validation": {}}

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and kept."""
        return self.head if self.average is None else self.average.network

    @property
    def done(self) -> bool:
        settings = self.config.train
        waiting = settings.patience and self.selects and self.epoch - self.kept["epoch"] >= settings.patience
        return self.epoch >= settings.epochs or bool(waiting)

    @property
    def selects(self) -> bool:
        return self.config.train.select == "best" and self.data.validation is not None

    def run_epoch(self) -> EpochRecord:
        """Train on every batch of the next epoch, then judge and select."""
        began = time.perf_counter()
        self.begin_epoch()
        settings = self.config.train
        totals: dict[str, Tensor] = {}
        for number, group in enumerate(self.sampler.epoch(self.epoch).split(settings.accumulate)):
            self.set_lr(self.first_step + number)
            seen = take_step(
                self.head,
                self.optimizers,
                [self._bags(videos) for videos in group],
                clip_norm=settings.optimizer.clip_norm,
                precision=settings.precision,
                profile=self.profile,
            )
            if self.average is not None:
                self.average.update(self.head)
            for name, value in seen.items():
                totals[name] = totals.get(name, 0.0) + value
        return self.end_epoch(totals, began=began)

    def begin_epoch(self) -> None:
        """Go on to the next epoch, whose random numbers follow from the seed and its number alone."""
        self.epoch += 1
        torch.manual_seed(stream_seed(self.seed, self.epoch, 2))
        self.head.train()

    def end_epoch(self, totals: dict[str, Tensor], *, began: float) -> EpochRecord:
        """Check, judge and select. totals: each term of the loss, summed over the batches of the epoch."""
        loss = {name: float(value) / self.sampler.steps for name, value in totals.items()}
        self._check_finite(loss)
        with self.profile.span("validate"):
            validation = self._judge()
            self._select(validation)
        lr = self.optimizers[self.head.players[0]].param_groups[0]["lr"]
        return EpochRecord(self.epoch, loss, validation, lr=lr, seconds=round(time.perf_counter() - began, 4))

    def _bags(self, videos: Tensor) -> Bags:
        with self.profile.span("batch"):
            bags = self.data.train.bags(
                videos, window=self.window, crops=self.config.data.crops, background_swap=self.exchange
            )
            return bags.to(self.device)

    @property
    def window(self) -> int | None:
        """How many neighbouring instances make a bag, None = all."""
        segments = self.config.data.segments
        return segments.n if segments.mode == "crop" else None

    @property
    def exchange(self) -> float:
        """Share of the videos that train in another scene in this epoch.

        None in the first fifth of the epochs: what an anomaly adds to its own video's median is a hint of the
        opposite sign, which a head must not learn first. All that are wanted from the middle on.
        """
        part = (self.epoch / self.config.train.epochs - 0.2) / 0.3
        return self.config.data.exchange * min(1.0, max(0.0, part))

    @property
    def first_step(self) -> int:
        """Of the epoch that is trained, counted from the first of all."""
        return (self.epoch - 1) * self.steps

    @property
    def steps(self) -> int:
        """Of the optimizer, an epoch; the last one may have fewer batches than the others."""
        return -(-self.sampler.steps // self.config.train.accumulate)

    def set_lr(self, step: int) -> None:
        """Of every player, as the schedule has it for a step."""
        factor = lr_factor(
            self.config.train.optimizer,
            step=step,
            steps_per_epoch=self.steps,
            total_steps=self.steps * self.config.train.epochs,
        )
        for player, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.base_lr[player] * factor

    def _check_finite(self, loss: dict[str, float]) -> None:
        finite = all(bool(torch.isfinite(parameter).all()) for parameter in self.head.parameters())
        if not finite or any(value != value or abs(value) == float("inf") for value in loss.values()):
            terms = ", ".join(f"{name} {value:g}" for name, value in loss.items())
            raise TrainingDiverged(
                f"training of seed {self.seed} diverged in epoch {self.epoch} ({terms}); "
                "try a lower train.optimizer.lr, train.optimizer.clip_norm=1 or data.standardise=feature"
            )

    @torch.no_grad()
    def _judge(self) -> dict[str, float | None]:
        validation = self.data.validation
        if validation is None and not self.done:
            return {}  # nobody looks at scores before the last epoch
        network = self.judged.eval()
        network.calibrate(TrainingBags(self.data, self.device))
        return {} if validation is None else judge(network, validation, device=self.device)

    def _select(self, validation: dict[str, float | None]) -> None:
        if self.selects and self.kept["epoch"] and _rank(validation) <= _rank(self.kept["validation"]):
            return
        if self.judged.one_class and (self.selects or self.done):  # of no other epoch anybody asks
            validation = validation | usual_scores(self.judged, self.data.train, device=self.device)
        weights = {name: rows.detach().cpu().clone() for name, rows in self.judged.state_dict().items()}
        self.kept = {"epoch": self.epoch, "weights": weights, "validation": validation}

    def state(self) -> dict:
        """Plain values and tensors from which load_state goes on."""
        return {
            "epoch": self.epoch,
            "kept": self.kept,
            "weights": self.head.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self.optimizers.items()},
        }

    def load_state(self, state: dict) -> None:
        try:
            self.head.load_state_dict(state["weights"])
            if self.average is not None:
                self.average.network.load_state_dict(state["average"])
            for player, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][player])
            self.epoch, self.kept = state["epoch"], state["kept"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"seed {self.seed} cannot go on from its {RESUME} ({error}); remove its folder"
            ) from None

    def result(self) -> dict:
        """Weights, epoch and validation of what is kept."""
        return dict(self.kept)


@dataclass(frozen=True)
class TrainingBags:
    """All of them, as often as one goes through them."""

    data: TrainingData
    device: torch.device

    def __iter__(self) -> Iterator[Bags]:
        for bags in self.data.train.chunks():
            yield bags.to(self.device)


def _rank(validation: dict[str, float | None]) -> tuple[float, float]:
    """Greater is better: video AUC, then the loss; with one class only the loss decides."""
    auc = validation["video_auc"]
    return (0.0 if auc is None else auc, -validation["loss"])
