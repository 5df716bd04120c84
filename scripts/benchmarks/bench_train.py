"""Time training: steps on pooled features against the usual approach, batched seeds, and cost against work.

    python -m scripts.benchmarks.bench_train --rounds 5 --json train.json --plot train.png
    python -m scripts.benchmarks.bench_train --only seeds --rounds 3
    python -m scripts.benchmarks.bench_train --only clips --rounds 3

Both sides take the same step of the same head: 30 + 30 videos, ten crops, 32 instances. The other side reads
and pools each video's file whenever it is drawn. Files are read once before, so that the disk is not
measured.
"""

from __future__ import annotations

import tempfile
import time
from functools import reduce
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from extract.runtime.allocator import keep_large_blocks
from score.bags.bags import Bags, BagSpec
from score.bags.sampler import BalancedSampler
from score.config.presets import PRESETS
from score.config.run_config import RunConfig
from score.pooling.rules import SegmentsConfig, pool
from score.runs.checkpoint import build_head
from score.threads import choose_threads
from score.training.optimizers import make_optimizer
from scripts.benchmarks.harness.bounds import FmaPeak
from scripts.benchmarks.harness.flow_bounds import MAIN, MemoryPeak
from scripts.benchmarks.harness.rounds import Result, draw, empty, row, show, take_rounds, write_json
from scripts.benchmarks.harness.sides import Side
from scripts.benchmarks.train_clip_rows import clip_rows
from scripts.benchmarks.train_seed_rows import cache_of, five_seeds, growth, ten_seeds

SEGMENTS, CROPS, DIM, PARTS = 500, 10, 2048, 32  # a video of RTFM's features, and its instances
VIDEOS, BATCH = 64, 60
ARITHMETIC, MEMORY = "mil step, its arithmetic alone over it", "mil step, its memory traffic alone over it"
STEP = "mil step, one npy per item / pooled features"


class Steps:
    """A head in training: one step on given bags."""

    def __init__(self, config: RunConfig, dim: int, device: str = "cpu"):
        torch.manual_seed(0)
        self.head = build_head(config, BagSpec({"rgb": dim})).to(device).train()
        self.optimizer = make_optimizer(config.train.optimizer, self.head.parameters(), "head")

    def step(self, bags: Bags) -> Tensor:
        """The loss, still on its device."""
        total = reduce(torch.add, self.head.losses(self.head(bags), bags).values())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        return total.detach()


class Pooled(Steps):
    """Our side: every video pooled once, batches picked from memory."""

    def __init__(self, folder: str):
        keep_large_blocks()  # as vad-score train does
        super().__init__(PRESETS["mil-cvpr18"], DIM)
        instances = BATCH * CROPS * PARTS
        torch.set_num_threads(choose_threads(instances, sum(each.numel() for each in self.head.parameters())))
        segments = SegmentsConfig(mode="mean", n=PARTS)
        rows = [torch.from_numpy(pool(np.load(path), segments)) for path in files(folder)]
        self.cache = cache_of(torch.cat(rows), PARTS)
        self.batches = endless(self.cache)

    def work(self) -> tuple[int, float, float]:
        """(threads, 10^9 multiplications and additions, GB moved) of one step.

        The rows of a batch are picked from the cache (read, written), read forward and read for the gradient
        of the first layer; everything else is small in comparison.
        """
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.step(self.cache.bags(next(self.batches)))
        moved = 4 * 4 * BATCH * CROPS * PARTS * DIM / 1e9
        return torch.get_num_threads(), counter.get_total_flops() / 1e9, moved

    def seconds(self) -> float:
        """Seconds of one step, including its batch."""
        begun = time.perf_counter()
        self.step(self.cache.bags(next(self.batches))).item()
        return time.perf_counter() - begun


class OneFilePerItem(Steps):
    """The other side: a data set that loads and pools one file per item; two loaders of 30 items each."""

    def __init__(self, folder: str):
        super().__init__(PRESETS["mil-cvpr18"], DIM)
        paths = files(folder)
        half = len(paths) // 2
        self.loaders = [
            DataLoader(VideoFiles(part), batch_size=BATCH // 2, shuffle=True, drop_last=True)
            for part in (paths[:half], paths[half:])
        ]

    def seconds(self) -> float:
        """Seconds of one step, including reading and pooling."""
        begun = time.perf_counter()
        halves = [next(iter(loader)) for loader in self.loaders]  # each [30, 10, 32, 2048]
        rows = torch.cat(halves).flatten(0, 1)
        label = torch.tensor([1.0, 0.0]).repeat_interleave(BATCH // 2 * CROPS)
        video = torch.arange(BATCH).repeat_interleave(CROPS)
        mask = torch.ones(rows.shape[:2], dtype=torch.bool)
        self.step(Bags({"rgb": rows}, mask, label, label.long(), video)).item()
        return time.perf_counter() - begun


class VideoFiles(Dataset):
    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Tensor:
        """[crops, 32, D]: the mean of each part, crop by crop, as widely used code does it."""
        crops = np.load(self.paths[number]).transpose(1, 0, 2)
        edges = np.linspace(0, crops.shape[1], PARTS + 1, dtype=int)
        pooled = np.zeros((len(crops), PARTS, crops.shape[2]), np.float32)
        for crop, rows in enumerate(crops):
            for part, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
                pooled[crop, part] = rows[start:stop].mean(axis=0) if stop > start else rows[start]
        return torch.from_numpy(pooled)


def files(folder: str) -> list[str]:
    return sorted(map(str, Path(folder).glob("*.npy")))


def write_files(folder: Path) -> None:
    """2.6 GB of features."""
    rows = np.random.default_rng(0).standard_normal((SEGMENTS, CROPS, DIM), dtype=np.float32)
    for number in range(VIDEOS):
        np.save(folder / f"{number:03}.npy", np.roll(rows, 7 * number, axis=0))


def endless(cache, batch: int = BATCH, seed: int = 0):
    sampler, epoch = BalancedSampler(cache.label, batch=batch, seed=seed), 0
    while True:
        epoch += 1
        yield from sampler.epoch(epoch)


def cpu_rows(rounds: int) -> list[Result]:
    """The step against one npy per item."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        with (
            Side(OneFilePerItem, folder) as theirs,
            Side(Pooled, folder) as ours,
            Side(FmaPeak) as peak,
            Side(MemoryPeak, MAIN) as stream,
        ):
            threads, gflop, gbytes = ours.call("work")
            works = {
                "files": lambda: theirs.call("seconds"),
                "pooled": lambda: ours.call("seconds"),
                "peak": lambda: peak.call("gflops", threads),
                "stream": lambda: stream.call("gbytes"),
            }
            taken = take_rounds(works, rounds=rounds)
    return [
        row(STEP, taken, lambda s: s["files"] / s["pooled"], "ratio", threshold=2.5, aim=2.9),
        row("mil step, one npy per item", taken, lambda s: 1000 * s["files"], "ms", smaller=True),
        row("mil step, pooled features", taken, lambda s: 1000 * s["pooled"], "ms", smaller=True),
        row(
            ARITHMETIC,
            taken,
            lambda s: 100 * gflop / s["peak"] / s["pooled"],
            "%",
            note=f"{gflop:.0f} GF at the multiply-adds that {threads} cores reach in registers",
        ),
        row(
            MEMORY,
            taken,
            lambda s: 100 * gbytes / s["stream"] / s["pooled"],
            "%",
            note=f"{gbytes:.2f} GB at what one core streams",
        ),
    ]


def rtfm_row(rounds: int) -> list[Result]:
    """A step of RTFM's head, on a GPU."""
    title = "RTFM head step, 64 bags x 10 crops"
    if not torch.cuda.is_available():
        return [empty(title, "ms", "no GPU", threshold=15)]
    taken = take_rounds({"step": RTFMStep().milliseconds}, rounds=rounds, most=rounds)
    return [row(title, taken, lambda s: s["step"], "ms", threshold=15, smaller=True)]


class RTFMStep:
    """RTFM's head on bags that are on the GPU already."""

    def __init__(self):
        self.steps = Steps(PRESETS["rtfm-iccv21"], DIM, "cuda")
        self.cache = cache_of(torch.randn(64 * PARTS, CROPS, DIM), PARTS).to("cuda")
        self.bags = self.cache.bags(torch.arange(64)).to("cuda")

    def milliseconds(self, count: int = 20) -> float:
        self.steps.step(self.bags).item()
        begun = time.perf_counter()
        for _ in range(count):
            loss = self.steps.step(self.bags)
        loss.item()
        return 1000 * (time.perf_counter() - begun) / count


def limit(results: list[Result]) -> str:
    values = {each.name: each.value for each in results}
    ours, theirs = values.get("mil step, pooled features"), values.get("mil step, one npy per item")
    if ours is None or theirs is None:
        return "What limits: not measured in this selection"
    return (
        f"What limits: of a step of {ours:.0f} ms the head's arithmetic would take "
        f"{values[ARITHMETIC]:.0f} % and its memory traffic {values[MEMORY]:.0f} % alone; of a step over "
        f"files {100 * (1 - ours / theirs):.0f} % is reading and pooling"
    )


ROWS = {
    "step": cpu_rows,
    "seeds": five_seeds,
    "ten-seeds": ten_seeds,
    "rtfm": rtfm_row,
    "growth": growth,
    "clips": clip_rows,
}


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="May be repeated. [default: all]")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the rows with a threshold."
)
def main(rounds, only, json_path, plot):
    """Print median and range over the undisturbed rounds; * marks a missed threshold."""
    results = []
    for name in only or ROWS:
        begun = time.perf_counter()
        found = ROWS[name](rounds)
        show(found)
        click.echo(f"  ({name}: {time.perf_counter() - begun:.0f} s)", err=True)
        results += found
    click.echo(limit(results))
    if json_path:
        write_json(json_path, results)
    if plot and any(each.threshold and each.value == each.value for each in results):
        draw(plot, results, "Training against its thresholds")


if __name__ == "__main__":
    main()
