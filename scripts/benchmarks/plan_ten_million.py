"""Ten million videos on a hundred GPUs, on paper: writes scripts/benchmarks/plan_ten_million.md.

    python -m scripts.benchmarks.plan_ten_million --videos DIR

Measures decoding, the network and the bookkeeping here, on the videos below DIR; takes the lengths of
UCF-Crime from its lists; and multiplies. What cannot be measured without a GPU is in the table ASSUMED, and
the page marks every number that depends on it. The words of the page are in plan_ten_million.md.jinja.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
from jinja2 import Environment, StrictUndefined

from data_lists import Video, resolve_lists
from extract.engines.dispatch import Dispatch
from extract.engines.job_plan import Plan, Speeds, plans
from extract.engines.sharding import shards
from scripts.benchmarks.harness.rounds import machine
from scripts.benchmarks.harness.rounds import sample as watched
from scripts.tools.soak import every_video

OUT = Path(__file__).with_suffix(".md")
TEMPLATE = OUT.with_suffix(".md.jinja")
VIDEOS = 10_000_000
DEVICES = (1, 8, 100)
CORES = (8, 16, 32)
PRESETS = ("motion", "i3d-rgb-16")
GIGAFLOPS_PER_CLIP, FRAMES_PER_CLIP = 55.6, 16
# precision -> (peak in TFLOP/s, assumed share of it that is reached)
ASSUMED = {"fp32": (19.5, 0.5), "tf32": (156.0, 0.3), "bf16": (312.0, 0.3)}
FAILURE_DAYS = 30.0  # between two failures of one device or node
BOOKKEEPING = 1_000_000  # videos with which the bookkeeping is measured


@dataclass(frozen=True)
class Measured:
    """speeds: of each preset. mean_frames: of a UCF-Crime video. video_bytes: per frame of the sample.

    bookkeeping: what measure_bookkeeping prints. others: share of the machine that other processes took.
    """

    speeds: dict[str, Speeds]
    mean_frames: float
    video_bytes: float
    bookkeeping: dict[str, float]
    others: float

    @property
    def frames(self) -> float:
        """The number of frames of all videos together."""
        return VIDEOS * self.mean_frames


@click.command()
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="A sample, measured here.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=OUT, show_default=True)
def main(videos: Path, out: Path) -> None:
    """Measure, multiply, write the page."""
    speeds: dict[str, Speeds] = {}

    def measure(preset: str) -> float:
        speeds[preset] = speeds_of(preset, videos, listing, count)
        return speeds[preset].decode

    with tempfile.TemporaryDirectory() as folder:
        listing = every_video(videos, Path(folder) / "list.tsv")
        count = len(resolve_lists([str(listing)]))
        others = max(watched(partial(measure, preset)).others for preset in PRESETS)
    lengths = [video.num_frames or 0 for video in resolve_lists(["ucf_crime/train", "ucf_crime/test"])]
    sample_bytes = sum(path.stat().st_size for path in videos.rglob("*") if path.is_file())
    command = [sys.executable, "-m", "scripts.benchmarks.plan_ten_million", "--bookkeeping"]
    measured = Measured(
        speeds=speeds,
        mean_frames=sum(lengths) / len(lengths),
        video_bytes=sample_bytes / speeds["motion"].frames,
        bookkeeping=json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout),
        others=others,
    )
    out.write_text(page(measured))
    click.echo(f"written: {out}")


def speeds_of(preset: str, videos: Path, listing: Path, count: int) -> Speeds:
    """What vad-extract plan measures."""
    command = [sys.executable, "-m", "extract.cli", "plan", str(listing), "--preset", preset]
    command += [
        "--videos",
        str(videos),
        "--weights",
        "none",
        "--sample",
        str(count),
        "--device",
        "cpu",
        "--json",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Speeds(**json.loads(done.stdout)["speeds"])


def measure_bookkeeping() -> None:
    """Hand a million videos out, take them back, and print what that cost; runs in its own process."""
    from extract.pipeline.run_settings import RunReport

    before, began = peak_memory(), time.perf_counter()
    videos = [
        Video(f"part{number % 1000:04d}/video{number:08d}", "Normal", num_frames=1000 + number % 7000)
        for number in range(BOOKKEEPING)
    ]
    listed = peak_memory() - before
    dispatch = Dispatch(
        shards(videos, sizes=[float(video.num_frames or 0) for video in videos], workers=100),
        frames=lambda _name: None,
    )
    divided, handed = time.perf_counter(), 0
    while not dispatch.done:
        shard = dispatch.next("worker")
        assert shard is not None, "no shard although some are left"
        report = RunReport(extracted={video.video_id: video.num_frames or 0 for video in shard.videos})
        dispatch.finished("worker", report)
        handed += 1
    cost = {
        "make_seconds": divided - began,
        "hand_out_seconds": time.perf_counter() - divided,
        "shards": handed,
        "list_bytes": listed / BOOKKEEPING,
        "bytes": (peak_memory() - before) / BOOKKEEPING,
    }
    print(json.dumps(cost))


def peak_memory() -> int:
    """Bytes, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def page(measured: Measured) -> str:
    """The page as Markdown."""
    clip = measured.speeds["i3d-rgb-16"]
    gpu_clip = replace(clip, device=gpu_speed("tf32"), on_cpu=False)
    best = plans(gpu_clip, frames=measured.frames, devices=[100], cores=16)[0]
    seconds = best.hours * 3600
    per_shard = BOOKKEEPING / measured.bookkeeping["shards"]
    environment = Environment(undefined=StrictUndefined, trim_blocks=False, keep_trailing_newline=True)
    environment.filters |= {"duration": duration, "size": size}
    return environment.from_string(TEMPLATE.read_text()).render(
        measured=measured,
        clip=clip,
        motion=measured.speeds["motion"],
        here=machine(),
        books=measured.bookkeeping,
        total=VIDEOS,
        listed=BOOKKEEPING,
        scale=VIDEOS / BOOKKEEPING,
        devices=DEVICES,
        assumed=ASSUMED,
        gpu_speed=gpu_speed,
        gigaflops_per_clip=GIGAFLOPS_PER_CLIP,
        frames_per_clip=FRAMES_PER_CLIP,
        failure_days=FAILURE_DAYS,
        gpu_rows=gpu_rows(measured),
        cpu_rows=cpu_rows(measured),
        best=best,
        seconds=seconds,
        video_bytes=measured.frames * measured.video_bytes,
        per_shard=per_shard,
        failures=100 * seconds / 86400 / FAILURE_DAYS,
        shard_seconds=per_shard * seconds * 100 / VIDEOS,
    )


def gpu_rows(measured: Measured) -> Iterator[tuple[str, int, list[Plan]]]:
    """(precision, cores per GPU, a plan for each number of devices)."""
    for precision in ASSUMED:
        gpu = replace(measured.speeds["i3d-rgb-16"], device=gpu_speed(precision), on_cpu=False)
        for cores in CORES:
            yield precision, cores, plans(gpu, frames=measured.frames, devices=DEVICES, cores=cores)


def cpu_rows(measured: Measured) -> Iterator[tuple[str, int, list[Plan]]]:
    """(preset, cores per machine, a plan for each number of machines)."""
    for preset, speeds in measured.speeds.items():
        for cores in CORES:
            scaled = speeds
            if speeds.device is not None:
                scaled = replace(speeds, device=speeds.device * cores / machine()["cores"])
            yield preset, cores, plans(scaled, frames=measured.frames, devices=DEVICES, cores=cores)


def gpu_speed(precision: str) -> float:
    """Frames per second, assumed."""
    peak, share = ASSUMED[precision]
    return peak * 1000 * share / GIGAFLOPS_PER_CLIP * FRAMES_PER_CLIP


def duration(plan: Plan) -> str:
    days = plan.hours / 24
    if days < 2:
        return f"{plan.hours:.1f} hours"
    return f"{days:.1f} days" if days < 730 else f"{days / 365:.1f} years"


def size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} PB"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bookkeeping"]:
        measure_bookkeeping()
    else:
        main()
