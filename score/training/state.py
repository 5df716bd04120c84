"""Everything that changes while a seed is trained: weights, optimizers, the epoch, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.profile import OFF, Profile
from score.bags.bags import Bags
from score.bags.cache import BagCache
from score.bags.clip_cache import ClipCache
from score.bags.sampler import BalancedSampler, stream_seed
from score.config.run_config import RunConfig
from score.heads.base import Head
from score.runs.checkpoint import build_head
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_folders import RESUME
from score.training.divergence import are_finite, diverged, noticing_divergence
from score.training.few_shots import freeze
from score.training.optimizers import lr_factor, make_optimizer, weight_average
from score.training.precision import check_precision
from score.training.resume_state import check_optimizer, check_state
from score.training.starting_point import start_of
from score.training.training_data import TrainingData
from score.training.validation import normal_percentiles, validate


@dataclass(frozen=True)
class EpochRecord:
    """A line of metrics.jsonl.

    loss: mean over batches of each term. validation: {} without validation videos.
    """

    epoch: int
    loss: dict[str, float]
    validation: dict[str, float | None]
    lr: float
    seconds: float


class Training:
    """One seed in training, before its first epoch.

    profile: where its time goes. Seeds torch's random state. Raises ValueError for a precision that the
    device does not support.
    """

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
        check_precision(settings.precision, device)
        torch.manual_seed(stream_seed(seed, 0))
        self.head = build_head(config, data.bag_spec).to(device)
        self.start = start_of(data.starts, seed)
        if self.start is not None:
            self.head.load_state_dict(self.start.checkpoint.weights)
        self.growth = None if self.start is None else self.start.growth
        if self.growth is not None:
            freeze(self.head, self.growth)
        self.average = weight_average(self.head, settings.average) if settings.average else None
        self.optimizers = {
            player: make_optimizer(settings.optimizer, self.head.parameters_of(player), player)
            for player in self.head.players
        }
        self.base_lr = {player: each.param_groups[0]["lr"] for player, each in self.optimizers.items()}
        self.sampler = BalancedSampler(
            data.train.label,
            batch=settings.batch,
            anomalous_share=None if self.head.one_class else settings.anomalous_share,
            steps=settings.steps_per_epoch,
            seed=seed,
        )
        self.epoch = 0
        self.kept: dict = {"epoch": 0, "weights": {}, "validation": {}}

    @property
    def selects(self) -> bool:
        """Whether validation selects the epoch that is kept; else it is the last one."""
        return self.config.train.select == "best" and self.data.validation is not None

    @property
    def done(self) -> bool:
        settings = self.config.train
        without_progress = self.epoch - self.kept["epoch"]
        stalled = bool(settings.patience) and self.selects and without_progress >= settings.patience
        return self.epoch >= settings.epochs or stalled

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimizer; the last one of an epoch may accumulate fewer batches than the others."""
        return -(-self.sampler.steps // self.config.train.accumulate)

    @property
    def window(self) -> int | None:
        """How many neighbouring instances make a bag; None = all."""
        segments = self.config.data.segments
        return segments.n if segments.mode == "crop" else None

    @property
    def background_swap(self) -> float:
        """Share of the videos whose background is swapped in this epoch.

        None in the first fifth of the epochs: an anomaly also shifts the median of its own video, a hint of
        the opposite sign that a head must not learn first. The full share from the middle on.
        """
        part = (self.epoch / self.config.train.epochs - 0.2) / 0.3
        return self.config.data.exchange * min(1.0, max(0.0, part))

    def begin_epoch(self) -> None:
        """Advance to the next epoch. Its random numbers follow from the seed and its number alone."""
        self.epoch += 1
        torch.manual_seed(stream_seed(self.seed, self.epoch, 2))
        # Where only rows of new classes are trained, the others see what they see in scoring.
        self.head.train(self.growth is None)

    def bags(self, videos: Tensor) -> Bags:
        """The bags of a batch of videos, int64 [B], on the device."""
        drawn = self.data.train.bags(
            videos,
            window=self.window,
            crops=self.config.data.crops,
            background_swap=self.background_swap,
            feature_dropout=self.config.data.feature_dropout,
        )
        return drawn.to(self.device)

    def set_lr(self, step: int) -> None:
        """Set the learning rates for a step of this epoch, counted from 0."""
        factor = lr_factor(
            self.config.train.optimizer,
            step=(self.epoch - 1) * self.steps_per_epoch + step,
            steps_per_epoch=self.steps_per_epoch,
            total_steps=self.steps_per_epoch * self.config.train.epochs,
        )
        for player, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.base_lr[player] * factor

    @property
    def lr(self) -> float:
        """The learning rate of the first player; 0 without any."""
        return next((each.param_groups[0]["lr"] for each in self.optimizers.values()), 0.0)

    @torch.no_grad()
    def fit(self) -> dict[str, Tensor]:
        """Fit a head without players to all training bags. Returns the terms of its loss: none."""
        self.head.eval().fit(CacheBags(self.data.train, self.device))
        return {}

    @property
    def validated(self) -> Head:
        """The network that is validated and kept: the running average, if there is one."""
        network = self.head if self.average is None else self.average.module
        assert isinstance(network, Head)
        return network

    def check_finite(self, loss: Mapping[str, float]) -> None:
        """Raise TrainingDiverged if a term of the loss or a weight is NaN or infinite."""
        if not are_finite(self.head.parameters()) or not all(map(math.isfinite, loss.values())):
            raise diverged(self, ", ".join(f"{name} {value:g}" for name, value in loss.items()))

    def batch_words(self) -> str:
        """Which batches train now, for messages."""
        cache, bags = self.data.train, self.config.train.batch
        longest = int(cache.length.max()) if self.window is None else self.window
        size = f"{bags} videos of {cache.num_crops} crops and up to {longest} instances"
        return f"seed {self.seed}, epoch {self.epoch}, a batch of {size}"

    @torch.no_grad()
    def validate(self) -> dict[str, float | None]:
        """Calibrate the head and score the validation videos; {} without any."""
        validation = self.data.validation
        if validation is None and not self.done:
            return {}  # nothing uses scores before the last epoch
        head = self.validated.eval()
        if self.growth is None:
            head.calibrate(CacheBags(self.data.train, self.device))
        if validation is not None and self.growth is None:
            head.fit_weights(CacheBags(validation, self.device))
        return {} if validation is None else validate(head, validation, device=self.device)

    def keep_start(self) -> None:
        """Let the weights that training starts from compete with its epochs, where validation selects."""
        if self.start is None or not (self.selects or self.done):
            return
        validation, head = self.data.validation, self.validated.eval()
        with noticing_divergence(self):
            # Not calibrated again: these are the scores of the checkpoint.
            found = {} if validation is None else validate(head, validation, device=self.device)
            self.keep_if_best(found)

    def keep_if_best(self, validation: dict[str, float | None]) -> None:
        """Keep the weights of this epoch if they are the best so far, or if validation selects nothing."""
        if self.selects and self.kept["weights"] and _rank(validation) <= _rank(self.kept["validation"]):
            return
        head = self.validated
        # Only for an epoch that may be the final one: percentiles cost a pass over the training videos.
        if head.one_class and (self.selects or self.done):
            validation = validation | normal_percentiles(head, self.data.train, device=self.device)
        weights = {name: rows.detach().cpu().clone() for name, rows in head.state_dict().items()}
        self.kept = {"epoch": self.epoch, "weights": weights, "validation": validation}

    def state(self) -> dict:
        """Plain values and tensors from which load_state continues."""
        return {
            "epoch": self.epoch,
            "kept": self.kept,
            "weights": self.head.state_dict(),
            "average": None if self.average is None else self.average.module.state_dict(),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self.optimizers.items()},
        }

    def load_state(self, state: dict) -> None:
        """Raises CheckpointError for a state of another training."""
        epochs, averaged = self.config.train.epochs, self.average is not None
        try:
            check_state(state, weights=self.head.state_dict(), epochs=epochs, averaged=averaged)
            for player, optimizer in self.optimizers.items():
                check_optimizer(state["optimizers"][player], optimizer)
            self.head.load_state_dict(state["weights"])
            if self.average is not None:
                self.average.module.load_state_dict(state["average"])
            for player, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][player])
            self.epoch, self.kept = state["epoch"], state["kept"]
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
            raise CheckpointError(
                f"seed {self.seed} cannot resume from its {RESUME} ({reason}); remove its folder"
            ) from None


@dataclass(frozen=True)
class CacheBags:
    """The bags of all videos of a cache, in every iteration."""

    cache: BagCache | ClipCache
    device: torch.device

    @property
    def video_ids(self) -> tuple[str, ...]:
        """By Bags.video."""
        return self.cache.video_ids

    @property
    def groups(self) -> tuple[str, ...]:
        """By Bags.video, where the cache knows groups: the group (camera) of each video."""
        return self.cache.groups if isinstance(self.cache, ClipCache) else self.cache.video_ids

    def __iter__(self) -> Iterator[Bags]:
        for bags in self.cache.chunks():
            yield bags.to(self.device)


def _rank(validation: Mapping[str, float | None]) -> tuple[float, float]:
    """Greater is better: the video AUC, then the loss; with one class only the loss."""
    auc, loss = validation["video_auc"], validation["loss"]
    assert loss is not None
    # Equal AUCs stay equal, whichever version of this project computed their last bits.
    return (0.0 if auc is None else round(auc, 12), -loss)
