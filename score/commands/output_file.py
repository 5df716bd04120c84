"""The type of options that name a file to write: it never replaces what a command reads."""

from __future__ import annotations

import os
from pathlib import Path

import click

from data_lists.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from score.runs.run_folders import CHECKPOINT, CONFIG, METRICS, RESUME


class OutputFile(click.Path):
    """A file that is new, or an earlier result: not a video, an image, or a part of a run or a store.

    It is easy to type a wrong path, and what it would replace may be the only copy.
    """

    def __init__(self):
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value, param, ctx) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.is_file() and (what := precious(path.resolve())):
            self.fail(f"{value} is {what}, which this would replace; name another file", param, ctx)
        return path


def precious(path: Path) -> str | None:
    """What an existing file is that no result may replace; None for any other. path: resolved."""
    # Imported late, because it loads h5py, which --help does not need.
    from extract.store.feature_store import STORE_FILE

    of_a_run = path.name in (CHECKPOINT, RESUME, CONFIG, METRICS)
    if of_a_run and any((path.parent / name).exists() for name in (CHECKPOINT, RESUME)):
        return "a part of a trained run"
    for folder in path.parents:
        if (folder / STORE_FILE).is_file():
            return f"a part of the feature store {folder}"
    if path.suffix.lower() in (".h5", ".hdf5"):
        return "an HDF5 file"
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return "a video"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "an image"
    return None
