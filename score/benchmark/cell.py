"""One cell of a benchmark: trains a seed and scores its test videos, both in the folder of the seed.

seed_0/checkpoint.pt ...    as vad-score train writes them
seed_0/scores.npz           of the test videos: video scores, and segment scores with their spans
seed_0/test_selected/*/     the same after choices on the test videos, if asked for
seed_0/online.json          what the head would do live, if asked for
seed_0/result.json          written last: the cell is finished
seed_0/failure.txt          traceback of a failed cell, removed once it is finished
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import TypeAdapter

from data_lists import Video
from extract.runtime.atomic import write_text
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.text_files import read_json
from extract.store.texts import ClassTexts
from score.bags.store_access import open_stores
from score.benchmark.best_on_test import BestOnTest
from score.benchmark.cell_online import OnlineChoice, measure_online, read_online_cell, write_online
from score.benchmark.cell_scores import read_scores, score_videos, write_scores
from score.config.run_config import RunConfig
from score.runs.checkpoint import Checkpoint, build_head, load_checkpoint
from score.runs.checkpoint_error import DamagedFile
from score.runs.run_folders import CHECKPOINT, METRICS, RESUME
from score.runs.torch_file import load_file
from score.runs.training_log import read_records
from score.runs.without_values import without_values
from score.training.batched_seeds import batching_blocker, train_seeds
from score.training.loop import train_seed
from score.training.training_data import TrainingData, prepare

# CellResult field -> its key in result.json, which older benchmarks wrote.
JSON_KEYS = {"best_on_test": "test_selected"}
RESULT, FAILURE = "result.json", "failure.txt"


class DamagedCell(ValueError):
    """Files of a finished cell that cannot be read; it has to be computed again."""


@dataclass(frozen=True)
class Work:
    """The task of one process: seeds of one head on one store and part. Picklable."""

    title: str
    run: Path
    config: RunConfig
    roots: tuple[Path | str, ...]
    """Places of the stores."""
    train: tuple[Video, ...]
    test: tuple[Video, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"
    best_on_test: bool = False
    """Also measure the test videos after every epoch, and choose on them."""
    measure: str = "frame_auc"
    """Which measure chooses then; video_auc without frame labels."""
    together: bool = False
    """Train the seeds in one batched run if the head allows it."""
    texts: ClassTexts | None = None
    """Vectors of the classes, for a head that takes them."""
    readers: int | None = None
    """Processes that read the stores; None uses all cores if there is enough to read."""
    online: OnlineChoice | None = None
    """Also measure what the heads would do live."""


@dataclass(frozen=True)
class CellResult:
    """A finished cell, or why it failed."""

    seed: int
    epoch: int = 0
    """The epoch that was kept."""
    parameters: int = 0
    """Trainable ones."""
    train_seconds: float = 0.0
    """For all epochs."""
    score_seconds: float = 0.0
    """For all test videos, including reading."""
    validation: dict[str, float | None] = field(default_factory=dict)
    best_on_test: dict[str, float] = field(default_factory=dict)
    """Measure -> its best value on the test videos over all epochs; empty unless requested."""
    failure: str = ""
    """One line; empty for a finished cell."""

    def to_json(self) -> dict:
        """Plain values, as result.json keeps them."""
        return {JSON_KEYS.get(name, name): value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CellResult:
        """The inverse of to_json."""
        names: dict[str, str] = {key: name for name, key in JSON_KEYS.items()}
        return cls(**{names.get(key, key): value for key, value in values.items()})


RESULT_TYPE = TypeAdapter(CellResult)


def read_result(folder: Path) -> CellResult | None:
    """The result of a cell, None if it is not finished. Raises DamagedCell for files that cannot be used."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        values = read_json(path)
        with reading(path, "JSON"):
            result = CellResult.from_json(values)
            RESULT_TYPE.validate_json(json.dumps(dataclasses.asdict(result)), strict=True)
        read_scores(folder)
    except ForeignFileError as error:
        raise DamagedCell(str(error)) from None
    return result


def finished_result(folder: Path) -> CellResult | None:
    """The result of a cell, None if it is not finished or damaged, and thus to be made again."""
    try:
        return read_result(folder)
    except DamagedCell:
        return None


def remove_damaged(folder: Path) -> list[str]:
    """Remove what cannot be read of an unfinished cell, so that it is made again; says what was wrong."""
    said = []
    for name, kind in ((CHECKPOINT, "checkpoint"), (RESUME, "resume")):
        if (folder / name).is_file():
            try:
                load_file(folder / name, kind)
            except DamagedFile as error:
                (folder / name).unlink()
                (folder / METRICS).unlink(missing_ok=True)  # the epochs that are lost with it
                said.append(str(error).rpartition("; ")[0])
    return said


def run_work(work: Work) -> list[CellResult]:
    """Train, score and record every seed; a failed one gives a result with its reason."""
    results = []
    _train_together(work)
    for seed in work.seeds:
        try:
            results.append(_run_seed(work, seed))
        except Exception as error:
            # Whatever it is, one head's failure must not end a night's comparison.
            (work.run / f"seed_{seed}").mkdir(parents=True, exist_ok=True)
            write_text(work.run / f"seed_{seed}" / FAILURE, traceback.format_exc())
            reason = " ".join(str(error).split()) or "no reason given"
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            results.append(CellResult(seed, failure=kind + reason))
    return results


def _train_together(work: Work) -> None:
    """Train all unfinished seeds in one batch; if that fails, each is resumed alone."""
    folders = {seed: work.run / f"seed_{seed}" for seed in work.seeds}
    folders = {seed: folder for seed, folder in folders.items() if finished_result(folder) is None}
    if not work.together or len(folders) < 2 or work.best_on_test or batching_blocker(work.config):
        return
    # Every failure shows again when the seed trains alone, with its reason.
    with contextlib.suppress(Exception):
        data = _prepared_for(work)
        refuse_leak(data, work.test)
        train_seeds(work.config, data, folders=folders, device=work.device)


def _run_seed(work: Work, seed: int) -> CellResult:
    folder = work.run / f"seed_{seed}"
    done = finished_result(folder)
    if done is not None:
        if work.online is not None and read_online_cell(folder, work.online) is None:
            # Measuring again is cheap beside training again.
            _measure_online(work, folder, load_checkpoint(folder))
        return done
    remove_damaged(folder)
    device = torch.device(work.device)
    stores = open_stores(work.roots)
    data = _prepared_for(work)
    refuse_leak(data, work.test)
    best_on_test = None
    if work.best_on_test:
        segments = work.config.data.segments
        best_on_test = BestOnTest(folder, data, stores, work.test, segments, measure=work.measure)
    if best_on_test is not None:
        best_on_test.catch_up(work.config, seed)

    def on_epoch(_record) -> None:
        if best_on_test is not None:
            best_on_test.measure_epoch(work.config, seed)

    checkpoint = train_seed(
        work.config,
        data,
        folder=folder,
        seed=seed,
        device=device,
        on_epoch=on_epoch,
    )
    if best_on_test is not None:
        best_on_test.finish(checkpoint)
    # Reading the stores counts: a user who scores videos pays for it, too.
    began = time.perf_counter()
    scores = score_videos(checkpoint, stores, work.test, device=device)
    seconds = time.perf_counter() - began
    write_scores(folder, scores)
    result = CellResult(
        seed,
        epoch=checkpoint.epoch,
        parameters=count_parameters(checkpoint),
        train_seconds=_seconds(folder),
        score_seconds=round(seconds, 4),
        validation=checkpoint.validation,
        best_on_test={} if best_on_test is None else best_on_test.best(),
    )
    _measure_online(work, folder, checkpoint)
    # The result is written last: it is what marks the cell as finished.
    (folder / FAILURE).unlink(missing_ok=True)
    write_text(folder / RESULT, json.dumps(result.to_json(), indent=1) + "\n")
    return result


def _measure_online(work: Work, folder: Path, checkpoint: Checkpoint) -> None:
    if work.online is not None:
        stores = open_stores(work.roots)
        write_online(
            folder,
            measure_online(checkpoint, stores, work.train, work.test, work.online, device=work.device),
        )


def _prepared_for(work: Work) -> TrainingData:
    data = _prepared(work.config.to_yaml(), work.roots, work.train, work.readers, work.texts)
    return data.to(torch.device(work.device))


@lru_cache(maxsize=1)
def _prepared(
    settings: str,
    roots: tuple[Path | str, ...],
    train: tuple[Video, ...],
    readers: int | None,
    texts: ClassTexts | None,
) -> TrainingData:
    """The training data. Cached, because the seeds of a head follow each other and share it."""
    config = RunConfig.from_dict(yaml.safe_load(settings))
    return prepare(config, open_stores(roots), train, workers=readers, texts=texts)


def refuse_leak(data: TrainingData, test: Iterable[Video]) -> None:
    """Raise ValueError if a test video is among the training or validation videos."""
    used = set(data.train.video_ids) | set(() if data.validation is None else data.validation.video_ids)
    if leaked := [video.video_id for video in test if video.video_id in used]:
        raise ValueError(f"{len(leaked)} test videos would be trained on, {leaked[0]} first")


def count_parameters(checkpoint: Checkpoint) -> int:
    """The number of trainable parameters."""
    with without_values():
        head = build_head(checkpoint.config, checkpoint.bag_spec)
    return sum(parameter.numel() for parameter in head.parameters() if parameter.requires_grad)


def _seconds(folder: Path) -> float:
    """Training time of all epochs, including those before an interruption."""
    seconds = [record.get("seconds") for record in read_records(folder)]
    return round(sum(each for each in seconds if isinstance(each, (int, float))), 4)
