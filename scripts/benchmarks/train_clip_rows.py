"""The rows of bench_train.py about the head reclass: a step of both players on clips of pixels, time and
memory."""

from __future__ import annotations

import resource
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from score.bags.bags import Bags, BagSpec
from score.bags.clip_cache import ClipCache
from score.config.presets import PRESETS
from score.training.loop import train_epoch
from score.training.state import Training
from score.training.training_data import TrainingData
from scripts.benchmarks.harness.rounds import CORES, Result, empty, row, take_rounds
from scripts.benchmarks.harness.sides import Side

PERSONS, NODE_DIM = 8, 60
SMALL = (4, 16, 128, 224)  # clips of a batch, frames, height, width
FULL = (8, 32, 256, 448)  # the authors' size, for a GPU
SECONDS, GIGABYTES = 3.0, 3.0


class OneBatch:
    """Stands in for a cache of clips: every batch is this one, which stays in memory."""

    def __init__(self, bags: Bags):
        self.batch, self.label = bags, bags.label

    def bags(self, _videos: Tensor, **_options: object) -> Bags:
        return self.batch


class ClipSteps:
    """A preset of reclass on random clips with people, in memory. frames: how many of each clip it uses."""

    def __init__(
        self, preset: str, shape: tuple[int, int, int, int], frames: int | None, device: str = "cpu"
    ):
        torch.set_num_threads(CORES)
        config = PRESETS[preset]
        if frames is not None:
            config = replace(config, head=replace(config.head, frames=frames))
        # An epoch is a step, and none is the last one, which would calibrate the head.
        config = replace(config, train=replace(config.train, epochs=1_000_000, steps_per_epoch=1))
        self.device = device
        bags = clip_bags(shape).to(torch.device(device))
        shapes = {name: tuple(rows.shape[2:]) for name, rows in bags.arrays.items()}
        spec = BagSpec({}, ("Normal",), (shape[0],), shapes)
        data = TrainingData(cast(ClipCache, OneBatch(bags)), None, "made for a benchmark", spec, (), None, {})
        self.training = Training(config, data, seed=0, device=torch.device(device))

    def seconds(self) -> float:
        """Seconds of one step of both players."""
        return train_epoch(self.training).seconds

    def gigabytes(self) -> float:
        """Peak memory of the process, or of the GPU."""
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated() / 1e9
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def clip_bags(shape: tuple[int, int, int, int]) -> Bags:
    """One clip per bag, with the arrays of extract.scene."""
    batch, length, height, width = shape
    one, generator = (batch, 1, length), torch.Generator().manual_seed(0)
    scene = torch.randint(0, 250, (batch, 1, 1, height, width, 3), dtype=torch.uint8, generator=generator)
    near = torch.rand(*one, 3, PERSONS, PERSONS, generator=generator)
    arrays = {
        # of one scene: the head leaves out frames between which a new one starts
        "rgb": scene + torch.randint(0, 5, (*one, height, width, 3), dtype=torch.uint8, generator=generator),
        "flow": torch.randint(-30, 30, (*one, height, width, 2), dtype=torch.int8, generator=generator),
        "nodes": torch.rand(*one, PERSONS, NODE_DIM, generator=generator),
        "node_mask": torch.ones(*one, PERSONS, dtype=torch.bool),
        "adjacency": (near + near.transpose(-1, -2)) / 2,
        "frame_mask": torch.ones(one, dtype=torch.bool),
        "clip_frame": torch.arange(length).expand(one),
    }
    labels = torch.zeros(batch)
    return Bags(
        {}, torch.ones(batch, 1, dtype=torch.bool), labels, labels.long(), torch.arange(batch), arrays
    )


def clip_rows(rounds: int) -> list[Result]:
    """On all cores: the preset, which looks at 4 frames per clip, and all frames; on a GPU the authors'
    size."""
    found = []
    for frames in (PRESETS["reclass"].head.frames, SMALL[1] - 1):
        title = f"reclass step, {' x '.join(map(str, SMALL))}, {frames} frames looked at"
        found += step_rows(title, rounds, ("reclass", SMALL, frames), seconds=SECONDS, gigabytes=GIGABYTES)
    title = f"reclass-paper step, {' x '.join(map(str, FULL))}, bfloat16, recomputed"
    if not torch.cuda.is_available():
        return [*found, empty(title, "s", "no GPU")]
    return found + step_rows(title, rounds, ("reclass-paper", FULL, None, "cuda"))


def step_rows(
    title: str,
    rounds: int,
    case: tuple,
    *,
    seconds: float | None = None,
    gigabytes: float | None = None,
) -> list[Result]:
    """case: arguments of ClipSteps. seconds, gigabytes: thresholds."""
    with Side(ClipSteps, *case) as side:
        taken = take_rounds({"step": lambda: side.call("seconds")}, rounds=rounds)
        most = side.call("gigabytes")
    return [
        row(title, taken, lambda s: s["step"], "s", threshold=seconds, smaller=True),
        row("  peak memory of its process", taken, lambda _: most, "GB", threshold=gigabytes, smaller=True),
    ]
