"""One cell of a benchmark: train a seed, score its test videos, leave both in its folder.

seed_0/checkpoint.pt ...    as train writes them
seed_0/scores.npz           of the test videos: video scores, and segment scores with their spans
seed_0/result.json          written last: with it the cell is done
seed_0/failure.txt          where in the program a cell failed; gone when it is done
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import yaml

from data_lists import Video
from extract.runtime.atomic import write_text, writing
from extract.store import FeatureStore, VideoFeatures
from score.bags.store_access import open_stores
from score.benchmark.best_on_test import TestWatch
from score.config.run import RunConfig
from score.runs.checkpoint import METRICS, Checkpoint, build_head
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer, VideoScores
from score.training.batched_seeds import batching_blocker, train_seeds
from score.training.data import TrainingData, prepare
from score.training.loop import train_seed

RESULT, SCORES, FAILURE = "result.json", "scores.npz", "failure.txt"


@dataclass(frozen=True)
class Work:
    """What a process does in one go: seeds of one head, on one store and part. Plain values, to be sent."""

    title: str
    run: Path
    config: RunConfig
    roots: tuple[Path, ...]  # of the stores
    train: tuple[Video, ...]
    test: tuple[Video, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"
    test_selected: bool = False
    together: bool = False  # the seeds in one batched run, where the head can
    readers: int | None = (
        None  # processes that read the stores, None = all cores where there is enough to read
    )


@dataclass(frozen=True)
class CellResult:
    """A finished cell, or why it failed.

    epoch: the one kept. train_seconds: of all epochs. score_seconds: of all test videos, reading included.
    test_selected: measure -> the best of all epochs on the test videos; empty unless it was asked for.
    """

    seed: int
    epoch: int = 0
    parameters: int = 0
    train_seconds: float = 0.0
    score_seconds: float = 0.0
    validation: dict[str, float | None] = field(default_factory=dict)
    test_selected: dict[str, float] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class CellScores:
    """Scores of V test videos: video_score float64 [V]; of each, segment_score [N], frame_span [N, 2]."""

    video_ids: tuple[str, ...]
    video_score: np.ndarray
    segment_score: tuple[np.ndarray, ...]
    frame_span: tuple[np.ndarray, ...]
    num_frames: np.ndarray
    fps: np.ndarray

    def frame_scores(self) -> list[np.ndarray]:
        """Float64 [F] of every video."""
        return [
            spread(score, span, num_frames=int(frames), video_id=video_id).score
            for video_id, score, span, frames in zip(
                self.video_ids, self.segment_score, self.frame_span, self.num_frames, strict=True
            )
        ]


def read_result(folder: Path) -> CellResult | None:
    """The result of a cell, None where it is not done."""
    path = folder / RESULT
    return CellResult(**json.loads(path.read_text())) if path.is_file() else None


def run_work(work: Work) -> list[CellResult]:
    """Train, score and record every seed. A seed that fails is a result with its reason; the others go on."""
    results = []
    _train_together(work)
    for seed in work.seeds:
        try:
            results.append(_run_seed(work, seed))
        except Exception as error:  # of whatever kind: one head's mistake must not end a night's comparison
            (work.run / f"seed_{seed}").mkdir(parents=True, exist_ok=True)
            write_text(work.run / f"seed_{seed}" / FAILURE, traceback.format_exc())
            reason = " ".join(str(error).split()) or "no reason given"
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            results.append(CellResult(seed, failure=kind + reason))
    return results


def _train_together(work: Work) -> None:
    """Train the seeds that are not done in one go. A failure is told by the seed, which goes on alone."""
    folders = {seed: work.run / f"seed_{seed}" for seed in work.seeds}
    folders = {seed: folder for seed, folder in folders.items() if read_result(folder) is None}
    if not work.together or len(folders) < 2 or work.test_selected or batching_blocker(work.config):
        return
    with contextlib.suppress(Exception):
        data = _prepared(work.config.to_yaml(), work.roots, work.train, work.readers).to(
            torch.device(work.device)
        )
        refuse_leak(data, work.test)
        train_seeds(work.config, data, folders=folders, device=work.device)


def _run_seed(work: Work, seed: int) -> CellResult:
    folder = work.run / f"seed_{seed}"
    done = read_result(folder)
    if done is not None:
        return done
    device = torch.device(work.device)
    stores = open_stores(work.roots)
    data = _prepared(work.config.to_yaml(), work.roots, work.train, work.readers).to(device)
    refuse_leak(data, work.test)
    watch = TestWatch(folder, data, stores, work.test) if work.test_selected else None
    if watch is not None:
        watch.catch_up(work.config, seed)
    checkpoint = train_seed(
        work.config,
        data,
        folder=folder,
        seed=seed,
        device=device,
        on_epoch=(lambda record: None) if watch is None else lambda record: watch.judge(work.config, seed),
    )
    began = time.perf_counter()
    scores = score_videos(checkpoint, stores, work.test, device=device)
    seconds = time.perf_counter() - began
    _write_scores(folder / SCORES, scores)
    result = CellResult(
        seed,
        epoch=checkpoint.epoch,
        parameters=count_parameters(checkpoint),
        train_seconds=_seconds(folder),
        score_seconds=round(seconds, 4),
        validation=checkpoint.validation,
        test_selected={} if watch is None else watch.best(),
    )
    (folder / FAILURE).unlink(missing_ok=True)
    write_text(folder / RESULT, json.dumps(dataclasses.asdict(result), indent=1) + "\n")
    return result


@lru_cache(maxsize=1)
def _prepared(
    settings: str, roots: tuple[Path, ...], train: tuple[Video, ...], readers: int | None
) -> TrainingData:
    """The seeds of a head come one after another and share what is read and pooled."""
    return prepare(RunConfig.from_dict(yaml.safe_load(settings)), open_stores(roots), train, workers=readers)


def refuse_leak(data: TrainingData, test: Iterable[Video]) -> None:
    """Raise ValueError where a test video is among those to train or to select on."""
    used = set(data.train.video_ids) | set(() if data.validation is None else data.validation.video_ids)
    if leaked := [video.video_id for video in test if video.video_id in used]:
        raise ValueError(f"{len(leaked)} test videos would be trained on, {leaked[0]} first")


def score_videos(
    checkpoint: Checkpoint,
    stores: Sequence[FeatureStore],
    test: Sequence[Video],
    *,
    device: torch.device | str,
) -> CellScores:
    """The scores of all test videos, in their order."""
    scorer = Scorer(checkpoint, device=device)
    ids = [video.video_id for video in test]
    return collect(scorer.score_store(stores, ids), ids)


def collect(pairs: Iterable[tuple[VideoFeatures, VideoScores]], order: Sequence[str]) -> CellScores:
    """Scores of videos, each with what a store holds of it."""
    place = {video_id: number for number, video_id in enumerate(order)}
    rows = [
        (part.video_id, scores.video_score, scores.segment_score, part.frame_span, part.num_frames, part.fps)
        for part, scores in pairs
    ]
    rows.sort(key=lambda row: place[row[0]])
    ids, video, segments, spans, frames, fps = zip(*rows, strict=True)
    return CellScores(
        ids, np.array(video, dtype=np.float64), segments, spans, np.array(frames), np.array(fps)
    )


def count_parameters(checkpoint: Checkpoint) -> int:
    """Trainable ones."""
    with torch.device("meta"):
        head = build_head(checkpoint.config, checkpoint.bag_spec)
    return sum(parameter.numel() for parameter in head.parameters() if parameter.requires_grad)


def read_scores(folder: Path) -> CellScores:
    """The scores that a finished cell left."""
    with np.load(folder / SCORES, allow_pickle=False) as stored:
        ends = np.cumsum(stored["num_segments"])[:-1]
        return CellScores(
            tuple(map(str, stored["video_ids"])),
            stored["video_score"],
            tuple(np.split(stored["segment_score"], ends)),
            tuple(np.split(stored["frame_span"], ends)),
            stored["num_frames"],
            stored["fps"],
        )


def _write_scores(path: Path, scores: CellScores) -> None:
    with writing(path) as partial, open(partial, "wb") as file:
        np.savez(
            file,
            video_ids=np.array(scores.video_ids),
            video_score=scores.video_score,
            segment_score=np.concatenate(scores.segment_score),
            frame_span=np.concatenate(scores.frame_span),
            num_segments=np.array([len(rows) for rows in scores.segment_score]),
            num_frames=scores.num_frames,
            fps=scores.fps,
        )


def _seconds(folder: Path) -> float:
    """Of all epochs, those before an interruption included."""
    lines = (folder / METRICS).read_text().splitlines()
    return round(sum(json.loads(line)["seconds"] for line in lines), 4)
