"""The training loop of every head."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.runtime.memory_limits import naming_memory
from extract.runtime.profile import OFF, Profile
from score.config.run_config import RunConfig
from score.runs.checkpoint import Checkpoint
from score.training.divergence import TrainingDiverged, check_scores, noticing_divergence
from score.training.precision import forward_in
from score.training.seed_folder import begin, finish, finished, own_random, save_epoch
from score.training.state import EpochRecord, Training
from score.training.training_data import TrainingData

LESS_MEMORY = (
    "use a smaller train.batch, with train.accumulate for the same steps, or a smaller data.segments.n"
)

__all__ = ["EpochRecord", "TrainingDiverged", "train_epoch", "train_seed"]


def train_seed(
    config: RunConfig,
    data: TrainingData,
    *,
    folder: Path,
    seed: int,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[EpochRecord], None] | None = None,
    profile: Profile = OFF,
) -> Checkpoint:
    """Train one seed in its folder, resuming from resume.pt; a seed that is finished is returned as it is.

    The result follows from config, data and seed alone, interrupted or not (bit for bit on one kind of CPU
    with one number of threads). on_epoch: called after every epoch. Raises CheckpointError if the folder
    was made with other settings, TrainingDiverged if the loss is NaN or infinite.
    """
    if (checkpoint := finished(config, data, folder)) is not None:
        return checkpoint
    device = torch.device(device)
    with own_random(device):
        training = begin(Training(config, data, seed=seed, device=device, profile=profile), folder)
        while not training.done:
            record = train_epoch(training)
            save_epoch(training, record, folder)
            if on_epoch is not None:
                on_epoch(record)
    return finish(training, folder)


def train_epoch(training: Training) -> EpochRecord:
    """Train on every batch of the next epoch, then validate and keep the weights if they are the best."""
    started = time.perf_counter()
    training.begin_epoch()
    with noticing_divergence(training), naming_memory(training.batch_words, LESS_MEMORY):
        # A head without players has no loss either.
        totals = _train_batches(training) if training.head.players else training.fit()
    return close_epoch(training, totals, started=started)


def _train_batches(training: Training) -> dict[str, Tensor]:
    """Train on every batch of an epoch. Returns the terms of the loss, summed over the batches."""
    head, settings, span = training.head, training.config.train, training.profile.span
    totals: dict[str, Tensor] = {}
    for step, drawn in enumerate(training.sampler.epoch(training.epoch).split(settings.accumulate)):
        training.set_lr(step)
        with span("batch"):
            batches = [training.bags(videos) for videos in drawn]
        # Summed per step before per epoch, so that the last bits of a log do not depend on the version.
        seen: dict[str, Tensor] = {}
        # Only adversarial heads have several players. Each sees those before it already updated.
        for player, optimizer in training.optimizers.items():
            optimizer.zero_grad(set_to_none=True)
            for bags in batches:
                with span("forward"):
                    output = forward_in(settings.precision, head, bags)
                    check_scores(output)
                    terms = head.losses(output, bags, player)
                    terms["total"] = reduce(torch.add, terms.values())
                    del output  # the gradient needs a part of it only, and keeps that itself
                with span("backward"):
                    # Gradients of the accumulated batches add up to that of their mean loss.
                    (terms["total"] / len(batches)).backward()
                prefix = "" if len(training.optimizers) == 1 else f"{player}."
                add_terms(seen, terms | head.watched(player), prefix=prefix)
            with span("step"):
                if settings.optimizer.clip_norm is not None:
                    nn.utils.clip_grad_norm_(head.parameters_of(player), settings.optimizer.clip_norm)
                optimizer.step()
        if training.average is not None:
            training.average.update_parameters(head)
        add_terms(totals, seen)
    return totals


def close_epoch(training: Training, totals: Mapping[str, Tensor | float], *, started: float) -> EpochRecord:
    """Check the losses and validate. totals: the terms of the loss, summed over the batches of the epoch."""
    loss = {name: float(value) / training.sampler.steps for name, value in totals.items()}
    training.check_finite(loss)
    with training.profile.span("validate"), noticing_divergence(training):
        validation = training.validate()
        training.keep_if_best(validation)
    seconds = round(time.perf_counter() - started, 4)
    return EpochRecord(training.epoch, loss, validation, lr=training.lr, seconds=seconds)


def add_terms(totals: dict[str, Tensor], terms: Mapping[str, Tensor], *, prefix: str = "") -> None:
    """Add detached terms to their sums. Both stay on the device, because reading a value waits for it."""
    for name, value in terms.items():
        totals[prefix + name] = totals.get(prefix + name, 0.0) + value.detach()
