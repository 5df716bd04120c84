"""One loop for every head: epochs that depend on the seed and their number only, each of them on the disk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from extract.runtime.atomic import remove_stale, write_text
from extract.runtime.profile import OFF, Profile
from score.bags.sampler import stream_seed
from score.config.run import RunConfig
from score.runs.checkpoint import (
    CHECKPOINT,
    CONFIG,
    METRICS,
    RESUME,
    Checkpoint,
    load_checkpoint,
    load_file,
    save_checkpoint,
    save_resume,
)
from score.runs.identity import check_same, identity_of
from score.training.data import TrainingData
from score.training.state import EpochRecord, Training, TrainingDiverged
from score.training.step import check_precision

__all__ = ["EpochRecord", "TrainingDiverged", "train_seed"]


def train_seed(
    config: RunConfig,
    data: TrainingData,
    *,
    folder: Path,
    seed: int,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    profile: Profile = OFF,
) -> Checkpoint:
    """Train one seed into its folder, going on from its resume.pt; a seed that is done is returned as it is.

    The result follows from config, data and seed alone, interrupted or not (bit for bit on one kind
    of CPU with one number of threads).
    Raises CheckpointError where the folder was made with other settings, TrainingDiverged for a loss of NaN.
    """
    if (done := finished(config, data, folder)) is not None:
        return done
    device = torch.device(device)
    with own_random(device):
        training = begin(config, data, folder=folder, seed=seed, device=device, profile=profile)
        while not training.done:
            record = training.run_epoch()
            keep_epoch(training, record, folder)
            on_epoch(record)
    return finish(training, folder)


def finished(config: RunConfig, data: TrainingData, folder: Path) -> Checkpoint | None:
    """The checkpoint of a seed that is done. Raises CheckpointError for other settings."""
    if not (folder / CHECKPOINT).is_file():
        return None
    done = load_checkpoint(folder / CHECKPOINT)
    wanted = identity_of(config, data.lists, data.specs)
    check_same(wanted, identity_of(done.config, done.lists, done.specs), folder)
    return done


def begun_threads(folders: Iterable[Path]) -> int | None:
    """With how many threads of the CPU a seed was trained that is not done; None where none is half done. Another
    number may change its last bits."""
    for folder in folders:
        if (folder / RESUME).is_file():
            threads = load_file(folder / RESUME, "resume").get("threads")
            return threads if isinstance(threads, int) and threads > 0 else None
    return None


def own_random(device: torch.device) -> AbstractContextManager:
    """Inside, random numbers are drawn that leave the caller's random state as it was."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def begin(
    config: RunConfig,
    data: TrainingData,
    *,
    folder: Path,
    seed: int,
    device: torch.device,
    profile: Profile = OFF,
) -> Training:
    """A seed before its next epoch, as its folder has it. Raises CheckpointError for other settings."""
    check_precision(config.train.precision, device)
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale(folder)
    state = load_file(folder / RESUME, "resume") if (folder / RESUME).is_file() else None
    if state is not None:
        check_same(identity_of(config, data.lists, data.specs), state.get("identity"), folder)
    write_text(folder / CONFIG, config.to_yaml())
    torch.manual_seed(stream_seed(seed, 0))
    training = Training(config, data, seed=seed, device=device, profile=profile)
    if state is not None:
        training.load_state(state)
    _keep_lines(folder / METRICS, training.epoch)
    return training


def keep_epoch(training: Training, record: EpochRecord, folder: Path) -> None:
    """Log an epoch, and keep the state from which the next one begins."""
    data = training.data
    with training.profile.span("write"):
        with open(folder / METRICS, "a") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")
        identity = identity_of(training.config, data.lists, data.specs)
        threads = torch.get_num_threads()
        save_resume({"identity": identity, "threads": threads, **training.state()}, folder / RESUME)


def finish(training: Training, folder: Path) -> Checkpoint:
    """Write what is kept of a seed that is done."""
    data = training.data
    checkpoint = Checkpoint(
        config=training.config,
        bag_spec=data.bag_spec,
        specs=data.specs,
        standardisation=data.standardisation,
        fingerprints=data.fingerprints,
        lists=data.lists,
        seed=training.seed,
        **training.result(),
    )
    with training.profile.span("write"):
        save_checkpoint(checkpoint, folder / CHECKPOINT)
        (folder / RESUME).unlink(missing_ok=True)
    return checkpoint


def _keep_lines(path: Path, count: int) -> None:
    """Drop what an interrupted epoch may have written after the last whole one."""
    lines = path.read_text().splitlines(keepends=True)[:count] if path.is_file() else []
    write_text(path, "".join(lines))
