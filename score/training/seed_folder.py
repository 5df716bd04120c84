"""The folder of a seed while it is trained: begin or resume, save every epoch, finish."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch

from extract.runtime.atomic import remove_stale, write_text
from extract.runtime.foreign.text_files import read_yaml
from extract.runtime.line_files import append_line
from score.config.run_config import RunConfig
from score.runs.checkpoint import Checkpoint, build_head, load_checkpoint, save_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.identity import check_same, identity_of
from score.runs.run_folders import CHECKPOINT, CONFIG, METRICS, RESUME, seed_folders
from score.runs.torch_file import load_file, save_file
from score.runs.training_log import read_records
from score.runs.validation_record import ValidationRecord, shortened
from score.training.resume_state import MOST_THREADS
from score.training.starting_point import start_of
from score.training.state import EpochRecord, Training
from score.training.training_data import TrainingData
from score.training.validation import segment_scores


def finished(config: RunConfig, data: TrainingData, folder: Path) -> Checkpoint | None:
    """The checkpoint of a finished seed, else None. Raises CheckpointError if its settings differ."""
    if not (folder / CHECKPOINT).is_file():
        return None
    checkpoint = load_checkpoint(folder / CHECKPOINT)
    source = None if checkpoint.source is None else checkpoint.source.sha256
    texts = checkpoint.bag_spec.texts
    found = identity_of(checkpoint.config, checkpoint.lists, checkpoint.specs, source, texts)
    start = start_of(data.starts, checkpoint.seed)
    now = None if start is None else start.source.sha256
    check_same(identity_of(config, data.lists, data.specs, now, data.bag_spec.texts), found, folder)
    return checkpoint


def check_other_seeds(
    config: RunConfig, data: TrainingData, run: Path, *, except_for: Collection[Path]
) -> None:
    """Raise CheckpointError if a finished seed of the run has other settings than those about to train."""
    for folder in seed_folders(run):
        if folder not in except_for:
            finished(config, data, folder)


def begin(training: Training, folder: Path) -> Training:
    """Prepare the folder, and resume the training from there if it holds its state.

    Raises CheckpointError if the folder was made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    refuse_foreign(folder)
    remove_stale(folder)
    if (folder / RESUME).is_file():
        state = load_file(folder / RESUME, "resume")
        check_same(_identity(training), state.get("identity", {}), folder)
        training.load_state(state)
    else:
        training.keep_start()
    write_text(folder / CONFIG, _first_line(training) + training.config.to_yaml())
    # An epoch that was interrupted may have written its line, or a part of it, but not its state.
    records = {each["epoch"]: each for each in read_records(folder) if each["epoch"] <= training.epoch}
    lines = [json.dumps(records[epoch]) + "\n" for epoch in sorted(records)]
    write_text(folder / METRICS, "".join(lines))
    return training


def refuse_foreign(folder: Path) -> None:
    """Raise CheckpointError for files of other origin under our names, which would be replaced."""
    config, log = folder / CONFIG, folder / METRICS
    if config.is_file():
        try:
            found = read_yaml(config)
        except ValueError:
            found = None
        # Not more than this: the fields of another version may differ.
        if not isinstance(found, dict) or not {"data", "train"} <= found.keys():
            raise CheckpointError(
                f"{config} is no configuration of a training and would be replaced; choose another --out"
            )
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    # A killed process leaves lines that are cut off or damaged, between others.
    if lines[:-1] and not any(map(_is_record, lines[:-1])):
        raise CheckpointError(f"{log} is no log of a training and would be replaced; choose another --out")


def _is_record(line: str) -> bool:
    try:
        return "epoch" in json.loads(line)
    except (ValueError, TypeError):
        return False


def save_epoch(training: Training, record: EpochRecord, folder: Path) -> None:
    """Log an epoch, and save the state from which the next one resumes."""
    with training.profile.span("write"):
        append_line(folder / METRICS, json.dumps(dataclasses.asdict(record)))
        state = {"identity": _identity(training), "threads": torch.get_num_threads(), **training.state()}
        # Waiting for the disk would take longer than a short epoch.
        save_file(state, folder / RESUME, "resume", durable=False)


def finish(training: Training, folder: Path) -> Checkpoint:
    """Write the checkpoint of the kept epoch, and remove the state."""
    data, start = training.data, training.start
    kept: dict = training.kept
    record = validation_record(training)
    if start is not None and training.growth is not None and record is None:
        # The scores are those of the checkpoint before, and so is what validation videos said of them.
        record, kept = start.checkpoint.validation_record, kept | {"validation": start.checkpoint.validation}
    checkpoint = Checkpoint(
        config=training.config,
        bag_spec=data.bag_spec,
        specs=data.specs,
        standardisation=data.standardisation,
        fingerprints=data.fingerprints,
        lists=data.lists,
        seed=training.seed,
        source=None if start is None else start.source,
        validation_record=record,
        **kept,
    )
    with training.profile.span("write"):
        save_checkpoint(checkpoint, folder / CHECKPOINT)
        (folder / RESUME).unlink(missing_ok=True)
    return checkpoint


def validation_record(training: Training) -> ValidationRecord | None:
    """The scores of the kept head on the validation videos; None without any."""
    cache = training.data.validation
    if cache is None or not training.kept["weights"]:
        return None
    with own_random(training.device):  # other seeds may still be training
        head = build_head(training.config, training.data.bag_spec).to(training.device)
    head.load_state_dict(training.kept["weights"])
    scores, segments = segment_scores(head.eval(), cache, device=training.device)
    return ValidationRecord(
        tuple(cache.video_ids),
        cache.label.numpy() > 0.5,
        scores,
        tuple(shortened(rows.astype(np.float64)) for rows in segments),
    )


def threads_of_resume(folders: Iterable[Path]) -> int | None:
    """CPU threads of the first unfinished seed, else None. Another number may change its last bits."""
    for folder in folders:
        if (folder / RESUME).is_file():
            threads = load_file(folder / RESUME, "resume").get("threads")
            return threads if isinstance(threads, int) and 0 < threads <= MOST_THREADS else None
    return None


def own_random(device: torch.device) -> AbstractContextManager:
    """A context whose random numbers leave the caller's random state as it was."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _identity(training: Training) -> dict:
    source = None if training.start is None else training.start.source.sha256
    data = training.data
    return identity_of(training.config, data.lists, data.specs, source, data.bag_spec.texts)


def _first_line(training: Training) -> str:
    return "" if training.start is None else f"# starts from {training.start.source.words}\n"
