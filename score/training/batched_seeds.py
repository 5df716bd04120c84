"""Several seeds of one head trained at once: weights are stacked, and one batched step updates all of them.

Each seed keeps its own initial weights, batches, schedule and selection, as if it were trained alone; only
dropout depends on which seeds are batched. A light head keeps a GPU busy for a fraction of its step, so
that more seeds cost little. A CPU gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from extract.runtime.profile import OFF, Profile
from score.config.run_config import RunConfig
from score.heads.fusion import FusionConfig
from score.runs.checkpoint import Checkpoint
from score.training.seed_folder import begin, finish, finished, own_random, save_epoch
from score.training.seed_stack import SeedStack
from score.training.state import EpochRecord, Training
from score.training.training_data import TrainingData

# Heads of one player and without buffers. In the others shapes depend on values, which vmap refuses.
BATCHED_HEADS = ("mil",)


def batching_blocker(config: RunConfig) -> str:
    """Why seeds of these settings cannot be trained at once, in one line; "" if they can."""
    if config.name not in BATCHED_HEADS:
        return f"seeds of {config.name} cannot be trained together, only those of {', '.join(BATCHED_HEADS)}"
    if config.fusion != FusionConfig():
        return "seeds cannot be trained together with settings of the section fusion"
    if config.train.anomalous_share is None:
        return "seeds cannot be trained together with train.anomalous_share=null: labels would differ"
    if config.train.average:
        return "seeds cannot be trained together with train.average"
    return ""


def train_seeds(
    config: RunConfig,
    data: TrainingData,
    *,
    folders: Mapping[int, Path],
    device: torch.device | str = "cpu",
    on_epoch: Callable[[int, EpochRecord], None] | None = None,
    profile: Profile = OFF,
    at_once: int | None = None,
) -> dict[int, Checkpoint]:
    """Train seeds at once, each in its folder, as train_seed does with one: seed -> checkpoint.

    on_epoch: called with the seed after each of its epochs. at_once: see SeedStack. Seeds that were
    interrupted after different epochs resume in groups of the same epoch. Raises ValueError where
    batching_blocker names a reason, CheckpointError and TrainingDiverged as train_seed.
    """
    if reason := batching_blocker(config):
        raise ValueError(reason)
    device = torch.device(device)
    checkpoints = {seed: finished(config, data, folder) for seed, folder in folders.items()}
    with own_random(device):
        groups: dict[int, list[Training]] = {}
        for seed in [seed for seed, checkpoint in checkpoints.items() if checkpoint is None]:
            training = Training(config, data, seed=seed, device=device, profile=profile)
            groups.setdefault(begin(training, folders[seed]).epoch, []).append(training)
        for group in groups.values():
            # Patience ends some seeds earlier; the rest are stacked again.
            while group:
                stack = SeedStack(group, at_once=at_once)
                while not any(training.done for training in group):
                    for training, record in zip(group, stack.train_epoch(), strict=True):
                        save_epoch(training, record, folders[training.seed])
                        if on_epoch is not None:
                            on_epoch(training.seed, record)
                for training in (training for training in group if training.done):
                    checkpoints[training.seed] = finish(training, folders[training.seed])
                group = [training for training in group if not training.done]
    return {seed: checkpoint for seed, checkpoint in checkpoints.items() if checkpoint is not None}
