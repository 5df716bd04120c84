"""The lines of metrics.jsonl as TensorBoard events; needs the extra [tensorboard].

RUN/seed_0/tensorboard/    loss/<term>, validation/<measure>, lr and seconds, one value per epoch
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from score.runs.run_folders import METRICS
from score.runs.training_log import read_records

EVENTS = "tensorboard"
OURS = ".vad"  # ends the names of our files: others may lie there, too


def check_tensorboard() -> None:
    """Raise a one-line ValueError if the extra is not installed."""
    try:
        importlib.import_module("tensorboard")
    except ImportError:
        raise ValueError(
            "--tensorboard needs a package that is not installed: pip install 'vad-pipeline[tensorboard]'"
        ) from None


class EventFolder:
    """The events of one seed, copied from its metrics.jsonl.

    They are rewritten from the first epoch whenever a run starts or resumes, so that an epoch that was
    interrupted and repeated appears once, and a run may turn them on later.
    """

    def __init__(self, folder: Path):
        self.metrics, self.folder = folder / METRICS, folder / EVENTS
        self.writer = None

    def add(self, _record: object = None) -> None:
        """Write all of metrics.jsonl at the first call, its last line at each later one."""
        records = read_records(self.metrics.parent)
        if self.writer is None:
            from torch.utils.tensorboard import SummaryWriter

            for path in self.folder.glob(f"events.out.tfevents.*{OURS}"):
                path.unlink(missing_ok=True)
            self.writer = SummaryWriter(str(self.folder), filename_suffix=OURS)
        else:
            records = records[-1:]
        for record in records:
            _write(self.writer.add_scalar, record)
        self.writer.flush()

    def close(self) -> None:
        """Close the events, after writing those of a seed that was already finished."""
        if self.writer is None:
            self.add()
        if self.writer is not None:
            self.writer.close()


def _write(add_scalar: Callable, record: dict) -> None:
    epoch = record["epoch"]
    for group in ("loss", "validation"):
        for name, value in (record.get(group) or {}).items():
            if isinstance(value, (int, float)):
                add_scalar(f"{group}/{name}", value, epoch)
    for name in ("lr", "seconds"):
        if isinstance(record.get(name), (int, float)):
            add_scalar(name, record[name], epoch)
