"""What the head of one cell would do live: its online measures, and the file that keeps them.

seed_0/online.json      beside the other files of the cell, where the benchmark measures online
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from data_lists import Video, digest
from extract.runtime.atomic import write_text
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.text_files import read_json
from extract.runtime.text import counted
from extract.store import FeatureStore
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.online.online_measures import evaluate_online
from score.evaluation.operating_point import choose_operating_point, validation_videos
from score.metrics.online_alerts import AlertRaiser
from score.runs.checkpoint import Checkpoint
from score.scoring.scorer import Scorer

ONLINE = "online.json"


@dataclass(frozen=True)
class OnlineChoice:
    """How cells are measured online. Picklable if the raiser is.

    validation: its normal videos choose thresholds; empty for the normal videos that each training held out,
    or where it held none out, those that it was trained on.
    """

    raiser: AlertRaiser
    convention: str = NATIVE
    validation: tuple[Video, ...] = ()

    def record(self) -> dict[str, str]:
        """What measures depend on beside the cell; others are measured again."""
        return {
            "rule": self.raiser.words,
            "convention": self.convention,
            "validation": digest(self.validation) if self.validation else "",
        }


@dataclass(frozen=True)
class CellOnline:
    """The online measures of one seed.

    record: that of the OnlineChoice. look_ahead, window: as in OnlineResults. thresholds_from: the videos
    that chose thresholds, in words. values: measure -> its value, None where it has none. curve: threshold,
    false alarms per hour, missed share and delay on the test videos, for reading only.
    """

    record: dict[str, str]
    look_ahead: int | None
    window: int
    thresholds_from: str
    values: dict[str, float | None]
    notes: tuple[str, ...] = ()
    curve: tuple[tuple[float, float, float | None, float | None], ...] = ()


CELL_TYPE = TypeAdapter(CellOnline)


def measure_online(
    checkpoint: Checkpoint,
    stores: Sequence[FeatureStore],
    train: Sequence[Video],
    test: Sequence[Video],
    choice: OnlineChoice,
    *,
    device: str,
) -> CellOnline:
    """Score the test videos as if they were live. Raises what evaluate_online raises."""
    scorer = Scorer(checkpoint, device=device)
    chosen, words = _normal(checkpoint, train, choice)
    settings = RunOptions(
        convention=choice.convention, validation=chosen, online=choice.raiser, resamples=0, device=device
    )
    stores = checkpoint.match_stores(list(stores))
    point = choose_operating_point([scorer], stores, test, settings)
    results, summaries = evaluate_online(
        [scorer], stores, test, Truth.of(choice.convention, test), point, settings
    )
    return CellOnline(
        choice.record(),
        results.look_ahead,
        results.window,
        words,
        {name: summary.mean for name, summary in summaries.items()},
        results.notes,
        tuple((each.threshold, each.false_alarms, each.missed, each.delay) for each in results.curves[0]),
    )


def write_online(folder: Path, found: CellOnline) -> None:
    """Write what read_online_cell reads."""
    write_text(folder / ONLINE, json.dumps(asdict(found), indent=1, allow_nan=False) + "\n")


def read_online_cell(folder: Path, choice: OnlineChoice) -> CellOnline | None:
    """The online measures of a cell; None if there are none, if they are damaged, or of another choice."""
    path = folder / ONLINE
    if not path.exists():
        return None
    try:
        values: Any = read_json(path)
        with reading(path, "JSON"):
            found = CELL_TYPE.validate_python(values)
    except ForeignFileError:
        return None
    return found if found.record == choice.record() else None


def _normal(
    checkpoint: Checkpoint, train: Sequence[Video], choice: OnlineChoice
) -> tuple[tuple[Video, ...], str]:
    """(videos for RunOptions.validation, the normal ones among those that choose, in words)."""
    if choice.validation:
        normal = [video for video in choice.validation if not video.is_anomalous]
        return choice.validation, f"{len(normal)} of --val"
    held_out = [video for video in validation_videos(checkpoint.lists) if not video.is_anomalous]
    if held_out:
        return (), f"{len(held_out)} held out"
    trained = tuple(video for video in train if not video.is_anomalous)
    return trained, f"{counted(trained, 'normal video')} of training" if trained else "none"
