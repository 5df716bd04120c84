"""One loop for every head: an optimizer a player, epochs that depend on the seed and their number only."""
from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from score.bags import Bags
from score.checkpoint import (
    CHECKPOINT, CONFIG, METRICS, RESUME, Checkpoint, CheckpointError, build_head, load_checkpoint, load_file,
    save_checkpoint, save_resume,
)
from score.config import RunConfig
from score.identity import check_same, identity_of
from score.optim import WeightAverage, lr_factor, make_optimizer
from score.prepare import TrainingData
from score.sampler import BalancedSampler, stream_seed
from score.steps import check_precision, take_step
from score.timeline import OFF, NoTimeline, Timeline
from score.validation import judge

CALIBRATION_BATCH = 64  # videos


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


def train_seed(
    config: RunConfig, data: TrainingData, *, folder: Path, seed: int, device: torch.device | str = "cpu",
    on_epoch: Callable[[EpochRecord], None] = lambda record: None, timeline: Timeline | NoTimeline = OFF,
) -> Checkpoint:
    """Train one seed into its folder, going on from its resume.pt; a seed that is done is returned as it is.

    The result follows from config, data and seed alone, interrupted or not (bit for bit on one kind of CPU).
    Raises CheckpointError where the folder was made with other settings, TrainingDiverged for a loss of NaN.
    """
    identity = identity_of(config, data.lists, data.specs)
    if (folder / CHECKPOINT).is_file():
        done = load_checkpoint(folder / CHECKPOINT)
        check_same(identity, identity_of(done.config, done.lists, done.specs), folder)
        return done
    device = torch.device(device)
    check_precision(config.train.precision, device)
    folder.mkdir(parents=True, exist_ok=True)
    state = load_file(folder / RESUME, "resume") if (folder / RESUME).is_file() else None
    if state is not None:
        check_same(identity, state.get("identity"), folder)
    (folder / CONFIG).write_text(config.to_yaml())
    own_devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=own_devices):  # the caller's random state stays as it was
        torch.manual_seed(stream_seed(seed, 0))
        training = _Training(config, data, seed=seed, device=device, timeline=timeline)
        if state is not None:
            training.load_state(state)
        _keep_lines(folder / METRICS, training.epoch)
        while not training.done:
            record = training.run_epoch()
            with timeline.span("write"):
                with open(folder / METRICS, "a") as file:
                    file.write(json.dumps(dataclasses.asdict(record)) + "\n")
                save_resume({"identity": identity, **training.state()}, folder / RESUME)
            on_epoch(record)
    checkpoint = Checkpoint(
        config=config, bag_spec=data.bag_spec, specs=data.specs, standardisation=data.standardisation,
        fingerprints=data.fingerprints,
        lists=data.lists, seed=seed, **training.result(),
    )
    with timeline.span("write"):
        save_checkpoint(checkpoint, folder / CHECKPOINT)
    (folder / RESUME).unlink(missing_ok=True)
    return checkpoint


class _Training:
    """Everything that changes while a seed is trained."""

    def __init__(
        self, config: RunConfig, data: TrainingData, *, seed: int, device: torch.device,
        timeline: Timeline | NoTimeline = OFF,
    ):
        self.config, self.data, self.seed, self.device, self.timeline = config, data, seed, device, timeline
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
        self.epoch += 1
        torch.manual_seed(stream_seed(self.seed, self.epoch, 2))
        settings, segments = self.config.train, self.config.data.segments
        window = segments.n if segments.mode == "crop" else None
        totals: dict[str, Tensor] = {}
        self.head.train()
        for number, group in enumerate(self.sampler.epoch(self.epoch).split(settings.accumulate)):
            self._set_lr((self.epoch - 1) * self.steps + number)
            seen = take_step(
                self.head, self.optimizers,
                [self._bags(videos, window=window) for videos in group],
                clip_norm=settings.optimizer.clip_norm, precision=settings.precision, timeline=self.timeline,
            )
            if self.average is not None:
                self.average.update(self.head)
            for name, value in seen.items():
                totals[name] = totals.get(name, 0.0) + value
        loss = {name: float(value) / self.sampler.steps for name, value in totals.items()}
        self._check_finite(loss)
        with self.timeline.span("validate"):
            validation = self._judge()
            self._select(validation)
        lr = self.optimizers[self.head.players[0]].param_groups[0]["lr"]
        return EpochRecord(self.epoch, loss, validation, lr=lr, seconds=round(time.perf_counter() - began, 4))

    def _bags(self, videos: Tensor, *, window: int | None) -> Bags:
        with self.timeline.span("batch"):
            return self.data.train.bags(videos, window=window, crops=self.config.data.crops).to(self.device)

    @property
    def steps(self) -> int:
        """Of the optimizer, an epoch; the last one may have fewer batches than the others."""
        return -(-self.sampler.steps // self.config.train.accumulate)

    def _set_lr(self, step: int) -> None:
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
        network = self.judged.eval()
        network.calibrate(self._training_bags())
        validation = self.data.validation
        return {} if validation is None else judge(network, validation, device=self.device)

    def _training_bags(self) -> Iterator[Bags]:
        for videos in torch.arange(len(self.data.train)).split(CALIBRATION_BATCH):
            yield self.data.train.bags(videos).to(self.device)

    def _select(self, validation: dict[str, float | None]) -> None:
        if self.selects and self.kept["epoch"] and _rank(validation) <= _rank(self.kept["validation"]):
            return
        weights = {name: rows.detach().cpu().clone() for name, rows in self.judged.state_dict().items()}
        self.kept = {"epoch": self.epoch, "weights": weights, "validation": validation}

    def state(self) -> dict:
        """Plain values and tensors from which load_state goes on."""
        return {
            "epoch": self.epoch, "kept": self.kept, "weights": self.head.state_dict(),
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


def _rank(validation: dict[str, float | None]) -> tuple[float, float]:
    """Greater is better: video AUC, then the loss; with one class only the loss decides."""
    auc = validation["video_auc"]
    return (0.0 if auc is None else auc, -validation["loss"])


def _keep_lines(path: Path, count: int) -> None:
    """Drop what an interrupted epoch may have written after the last whole one."""
    lines = path.read_text().splitlines(keepends=True)[:count] if path.is_file() else []
    path.write_text("".join(lines))
