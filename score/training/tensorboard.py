"""The lines of metrics.jsonl as TensorBoard events; needs the extra [tensorboard].

RUN/seed_0/tensorboard/    loss/<term>, validation/<measure>, lr and seconds, one value an epoch
"""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from score.runs.checkpoint import METRICS

EVENTS = "tensorboard"


def check_tensorboard() -> None:
    """Raise ValueError, one line, where the extra is not installed."""
    try:
        importlib.import_module("tensorboard")
    except ImportError:
        raise ValueError(
            "--tensorboard needs a package that is not installed: pip install 'vad-pipeline[tensorboard]'"
        ) from None


class EventFolder:
    """The events of one seed, always those of its metrics.jsonl.

    They are written anew from its beginning whenever a run starts or goes on, so that an epoch that was cut
    off and done again is in them once, and a run may turn them on later.
    """

    def __init__(self, folder: Path):
        self.metrics, self.folder = folder / METRICS, folder / EVENTS
        self.writer = None

    def add(self, record: object = None) -> None:
        """Write what metrics.jsonl holds by now, the first time; then its last line."""
        lines = self.metrics.read_text().splitlines()
        if self.writer is None:
            from torch.utils.tensorboard import SummaryWriter

            shutil.rmtree(self.folder, ignore_errors=True)
            self.writer = SummaryWriter(str(self.folder))
        else:
            lines = lines[-1:]
        for line in lines:
            _write(self.writer.add_scalar, json.loads(line))
        self.writer.flush()

    def close(self) -> None:
        """Write them for a seed that was done before as well."""
        if self.writer is None:
            self.add()
        self.writer.close()


def _write(add_scalar: Callable, record: dict) -> None:
    epoch = record["epoch"]
    for group in ("loss", "validation"):
        for name, value in record[group].items():
            if value is not None:
                add_scalar(f"{group}/{name}", value, epoch)
    for name in ("lr", "seconds"):
        add_scalar(name, record[name], epoch)
