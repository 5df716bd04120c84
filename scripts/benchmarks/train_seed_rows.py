"""The rows of bench_train.py about whole trainings: several seeds together, how time and memory grow with the
work."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from score.bags.bags import BagSpec
from score.bags.cache import BagCache
from score.bags.store_access import open_stores
from score.config.presets import PRESETS
from score.training.batched_seeds import train_seeds
from score.training.loop import train_seed
from score.training.training_data import TrainingData, prepare
from scripts.benchmarks.harness.rounds import Result, Sample, empty, row, take_rounds
from scripts.benchmarks.harness.sides import Side
from scripts.benchmarks.harness.slope import steeper

UCF_CRIME = (1610, 32, 1024)  # training videos, instances, features of a set as large as UCF-Crime's
GPU_SECONDS, GPU_STEPS, GPU_SEEDS = 60, 3000, 10
SIZES = (1, 4, 16)
FEWEST, STORE_DIM = 20, 256  # videos, a batch of them, at 1x; features


def cache_of(rows: Tensor, parts: int) -> BagCache:
    """A cache over rows [V * parts, C, D], the second half of the videos anomalous."""
    count = len(rows) // parts
    label = (torch.arange(count) >= count // 2).float()
    length = torch.full((count,), parts)
    names = tuple(map(str, range(count)))
    return BagCache({"rgb": rows}, length.cumsum(0) - length, length, label, label.long(), names)


class Seeds:
    """The default preset of mil on random pooled features; nothing is held out."""

    def __init__(self, videos: int, parts: int, dim: int, epochs: int, steps: int, device: str = "cpu"):
        if device == "cpu":
            torch.set_num_threads(1)  # as vad-score train has it for a light head
        preset, generator = PRESETS["mil"], torch.Generator().manual_seed(0)
        self.config = replace(preset, train=replace(preset.train, epochs=epochs, steps_per_epoch=steps))
        rows = torch.randn(videos * parts, 1, dim, generator=generator)
        self.data = TrainingData(
            cache_of(rows, parts), None, "benchmark", BagSpec({"rgb": dim}), (), None, {}
        ).to(torch.device(device))
        self.device = device

    def seconds(self, seeds: int, together: bool) -> float:
        """From first weights to checkpoints; on a CPU, where one thread works, of the processor."""
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        with tempfile.TemporaryDirectory() as folder:
            folders = {seed: Path(folder) / f"seed_{seed}" for seed in range(seeds)}
            begun = clock()
            if together:
                train_seeds(self.config, self.data, folders=folders, device=self.device)
            else:
                for seed, each in folders.items():
                    train_seed(self.config, self.data, folder=each, seed=seed, device=self.device)
            return clock() - begun


def five_seeds(rounds: int) -> list[Result]:
    """Five seeds of mil in one batched run against one after the other, on a CPU and on a GPU.

    On a CPU both are the same arithmetic: 1 is the most there can be, and 0.95 cannot be distinguished from
    1.
    """
    cases = [
        ("CPU", "cpu", (200, 32, 1024, 2, 15), 0.95, 1.0),
        ("GPU", "cuda", (*UCF_CRIME, 2, 100), 3.0, 5.0),
    ]
    results = []
    for name, device, arguments, threshold, aim in cases:
        title = f"five seeds of mil on a {name}, one after the other / together"
        if device == "cuda" and not torch.cuda.is_available():
            results.append(empty(title, "ratio", "no GPU", threshold=threshold, aim=aim))
            continue
        with Side(Seeds, *arguments, device) as side:
            works = {
                "apart": lambda: side.call("seconds", 5, False),
                "together": lambda: side.call("seconds", 5, True),
            }
            taken = take_rounds(works, rounds=rounds)
        steps = 5 * arguments[-1] * arguments[-2]
        results += [
            row(title, taken, lambda s: s["apart"] / s["together"], "ratio", threshold=threshold, aim=aim),
            row(
                f"mil, a step of one of five seeds together, {name}",
                taken,
                lambda s, steps=steps: 1000 * s["together"] / steps,
                "ms",
                smaller=True,
            ),
        ]
    return results


def ten_seeds(rounds: int) -> list[Result]:
    """Ten seeds of mil on a set of UCF-Crime's size, on a GPU."""
    videos, parts, dim = UCF_CRIME
    title = f"mil, {videos:,} x {parts} x {dim:,}, {GPU_SEEDS} seeds x {GPU_STEPS:,} steps together"
    if not torch.cuda.is_available():
        return [empty(title, "s", "no GPU", threshold=GPU_SECONDS)]
    with Side(Seeds, *UCF_CRIME, 3, GPU_STEPS // 3, "cuda") as side:
        taken = take_rounds(
            {"ten": lambda: side.call("seconds", GPU_SEEDS, True)}, rounds=rounds, most=rounds
        )
    return [row(title, taken, lambda s: s["ten"], "s", threshold=GPU_SECONDS, smaller=True)]


@dataclass(frozen=True)
class Grown:
    """seconds: of the processor, to read, pool and train. peak_mb: more than before. pooled_mb: of the rows
    kept."""

    seconds: float
    peak_mb: float
    pooled_mb: float


class Training:
    """From a store to a checkpoint in a fresh process."""

    def __init__(self, root: str, videos: int):
        torch.set_num_threads(1)
        self.root, self.videos = Path(root), made_videos(videos)
        preset = PRESETS["mil"]
        settings = replace(preset.train, epochs=20, batch=FEWEST, validation_share=0.0, select="last")
        self.config = replace(preset, train=settings)

    def train(self, videos: list[Video]) -> TrainingData:
        with tempfile.TemporaryDirectory() as folder:
            data = prepare(self.config, open_stores([self.root]), videos)
            train_seed(self.config, data, folder=Path(folder) / "seed_0", seed=0)
        return data

    def run(self) -> Grown:
        self.train(self.videos[:4])  # what is loaded and set up once is no cost of the work
        before, begun = peak_mb(), time.process_time()
        data = self.train(self.videos)
        seconds = time.process_time() - begun
        pooled = sum(rows.nbytes for rows in data.train.features.values()) / 2**20
        return Grown(seconds, peak_mb() - before, pooled)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def made_videos(count: int) -> list[Video]:
    return [Video(f"v{number:05}", "Fight" if number % 2 else "Normal") for number in range(count)]


def make_store(root: Path, videos: int, segments: int) -> None:
    """Random features."""
    spec = FeatureSpec(
        preset="synthetic",
        backbone="synthetic",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=16,
        feature_dim=STORE_DIM,
    )
    store = FeatureStore.create(root, spec)
    random, start = np.random.default_rng(0), np.arange(segments) * 16
    span = np.stack([start, start + 16], axis=1)
    for video in made_videos(videos):
        rows = random.standard_normal((segments, 1, STORE_DIM), dtype=np.float32)
        store.write(VideoFeatures(video.video_id, rows, span, span / 25, num_frames=16 * segments, fps=25.0))


def growth(rounds: int) -> list[Result]:
    """Processor seconds and memory at 1, 4 and 16 times the videos and the length, a round each."""
    del rounds
    results = []
    for kind in ("videos", "length"):
        grown = {}
        for times in SIZES:
            videos, segments = (FEWEST * times, 64) if kind == "videos" else (FEWEST, 64 * times)
            root = Path(tempfile.mkdtemp())
            try:
                make_store(root / "store", videos, segments)
                with Side(Training, str(root / "store"), videos) as side:
                    grown[times] = side.call("run")
            finally:
                shutil.rmtree(root)
        low, high = grown[SIZES[0]], grown[SIZES[-1]]
        line = high.seconds / low.seconds / SIZES[-1]  # 1 on a straight line through the origin
        more = max(0.0, (high.peak_mb - high.pooled_mb) - (low.peak_mb - low.pooled_mb))
        medians = ", ".join(
            f"{times}x {each.seconds:.1f} s {each.peak_mb:.0f} MB" for times, each in grown.items()
        )
        one = [{"line": Sample(line, 0.0), "mb": Sample(more, 0.0)}]
        title = f"train mil, {SIZES[-1]}x {kind}"
        results += [
            row(
                f"{title}: processor seconds over {SIZES[-1]} times those of 1x",
                one,
                lambda s: s["line"],
                "ratio",
                threshold=1.05,
                smaller=True,
                note=medians,
            ),
            steeper(title, [{f"{times}x": Sample(each.seconds, 0.0) for times, each in grown.items()}]),
            row(
                f"{title}: more memory than 1x, pooled rows left out",
                one,
                lambda s: s["mb"],
                "MB",
                smaller=True,
            ),
        ]
    return results
