"""The files that a training run leaves.

RUN/seed_0/checkpoint.pt    weights, config, specs of the stores, lists; written when a seed is finished
RUN/seed_0/config.yaml      the settings, ready for --config
RUN/seed_0/metrics.jsonl    one line per epoch
RUN/seed_0/resume.pt        the state after the last complete epoch; removed when the seed is finished
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import check_regular
from score.runs.checkpoint_error import CheckpointError

CHECKPOINT, RESUME, CONFIG, METRICS = "checkpoint.pt", "resume.pt", "config.yaml", "metrics.jsonl"
SEED_FOLDER = re.compile(r"seed_(\d+)")


def checkpoint_paths(run: Path | str) -> list[Path]:
    """The checkpoints of a run in the order of their seeds; `run` may also be a seed's folder or a file.

    Raises CheckpointError if there is none, or if a seed of the run is unfinished.
    """
    run = Path(run)
    if run.is_file():
        return [run]
    if (run / CHECKPOINT).is_file():
        return [run / CHECKPOINT]
    folders = seed_folders(run)
    if not folders and os.path.lexists(run) and not run.is_dir():  # a pipe, a device, a link to nothing
        try:
            check_regular(run, expected="a run")
        except ForeignFileError as error:
            raise CheckpointError(str(error)) from None
    if not folders:
        raise CheckpointError(f"{run} holds no run of vad-score train (no seed_* folder in it)")
    unfinished = [folder.name for folder in folders if not (folder / CHECKPOINT).is_file()]
    if unfinished:
        raise CheckpointError(
            f"{run}: {', '.join(unfinished)} not finished; "
            f"resume with vad-score train ... --out {run} --resume"
        )
    return [folder / CHECKPOINT for folder in folders]


def seed_folders(run: Path) -> list[Path]:
    """The folders of a run's seeds, in rising order."""
    if not run.is_dir():
        return []
    matches = [(SEED_FOLDER.fullmatch(path.name), path) for path in run.iterdir() if path.is_dir()]
    return [path for _, path in sorted((int(match[1]), path) for match, path in matches if match)]
