"""Read and pool the training videos of a UCF-Crime-sized store with ten crops, in one process and in several.

    python -m scripts.benchmarks.bench_pool --share 0.05
    # all 1,610 videos: 65 GB are read, 13 GB of them lie on the disk
    python -m scripts.benchmarks.bench_pool

The store has the true lengths of the training videos (the four longest exactly, the others in groups of equal
rank), ten crops of 2048 random features. Videos of a group share one file under many names, so that the disk
need not hold all of them; each is read and pooled. Memory is the proportional set size of the process
tree, watched while it works. A checksum over everything that training keeps shows whether the number of
workers changes any bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import h5py
import numpy as np

from data_lists import Video, resolve_lists
from extract.store import FeatureStore, VideoFeatures
from extract.store.spec import FeatureSpec
from scripts.benchmarks.bench_memory import tree_memory
from scripts.benchmarks.harness.rounds import machine, sample

CROPS, DIM, STRIDE = 10, 2048, 16
EXACT, GROUPS = 4, 24
BLOCK = 512  # segments to generate at a time
LOOK_SECONDS = 0.1


@click.command()
@click.option(
    "--share",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the videos to read.",
)
@click.option(
    "--workers",
    "counts",
    multiple=True,
    type=click.IntRange(1),
    help="Number of processes; may be repeated. [default: 1 and all cores]",
)
@click.option("--rounds", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--standardise", is_flag=True, help="Also compute mean and deviation of every feature over all segments."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where to write the store. [default: a temporary folder]",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table.")
def main(share, counts, rounds, standardise, folder, json_path):
    """Print seconds and peak memory per number of processes."""
    counts = counts or (1, len(os.sched_getaffinity(0)))
    lengths = sorted(
        (-(-(video.num_frames or 0) // STRIDE) for video in resolve_lists(["ucf_crime/train"])), reverse=True
    )
    chosen = lengths[:: max(1, round(1 / share))]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = Path(place) / "store"
        began = time.monotonic()
        grouped = make_store(root, chosen)
        read, on_disk = (4 * CROPS * DIM * sum(each) for each in (grouped, set(grouped)))
        click.echo(
            f"{len(grouped)} videos, {read / 1e9:.1f} GB ({on_disk / 1e9:.1f} GB on disk, written in "
            f"{time.monotonic() - began:.0f} s), the longest {4e-9 * CROPS * DIM * max(grouped):.2f} GB"
        )
        rows = []
        for number in range(rounds):
            for workers in counts:
                rows.append({"round": number, "workers": workers, **measure(root, workers, standardise)})
                last = rows[-1]
                click.echo(
                    f"{workers} processes: {last['seconds']:.1f} s, "
                    f"{read / last['seconds'] / 1e6:.0f} MB per second, peak {last['peak_mb']:.0f} MB, "
                    f"of which {last['kept_mb']:.0f} MB are kept; others took {last['others']:.0%} of "
                    f"the machine; {last['digest'][:12]}"
                )
    if len({row["digest"] for row in rows}) > 1:
        raise click.ClickException("the bits depend on the number of processes")
    if json_path:
        about = {
            "videos": len(grouped),
            "bytes": read,
            "longest": 4 * CROPS * DIM * max(grouped),
            "standardise": standardise,
        }
        json_path.write_text(json.dumps({**about, "machine": machine(), "results": rows}, indent=1))


def make_store(root: Path, lengths: list[int]) -> list[int]:
    """One file per group, under the names of all its videos; returns the length of every video."""
    spec = FeatureSpec(
        preset="synthetic",
        backbone="synthetic",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=STRIDE,
        feature_dim=DIM,
        num_crops=CROPS,
        crops="ten",
    )
    store = FeatureStore.create(root, spec)
    groups = [[length] for length in lengths[:EXACT]]
    groups += [part.tolist() for part in np.array_split(lengths[EXACT:], GROUPS) if len(part)]
    random, written = np.random.default_rng(0), []
    for number, group in enumerate(groups):
        length = round(sum(group) / len(group))
        first = f"g{number}/v0"
        write_video(store, first, length, random)
        for name in range(1, len(group)):
            os.link(store.path(first), store.path(f"g{number}/v{name}"))
        written += [length] * len(group)
    return written


def write_video(store: FeatureStore, video_id: str, length: int, random: np.random.Generator) -> None:
    """A video of one segment as the store writes it, whose data sets then grow; some exceed the memory."""
    one = np.array([[0, STRIDE]])
    store.write(
        VideoFeatures(
            video_id, np.zeros((1, CROPS, DIM), np.float32), one, one / 30.0, num_frames=STRIDE, fps=30.0
        )
    )
    start = np.arange(length) * STRIDE
    span = np.stack([start, start + STRIDE], axis=1)
    noise = random.normal(1.0, 1.0, size=(BLOCK, CROPS, DIM)).astype(np.float32)
    with h5py.File(store.path(video_id), "r+") as file:
        for name, rows in (("frame_span", span), ("time_span", span / 30.0)):
            del file[name]
            file.create_dataset(name, data=rows, chunks=(min(length, 64), 2), fletcher32=True)
        del file["features"]
        features = file.create_dataset(
            "features",
            (length, CROPS, DIM),
            np.float32,
            chunks=(min(length, 64), CROPS, DIM),
            fletcher32=True,
        )
        for begin in range(0, length, BLOCK):
            count = min(BLOCK, length - begin)
            features[begin : begin + count] = noise[:count] * np.float32(random.uniform(0.5, 2.0))
        file.attrs["num_frames"] = int(length * STRIDE)


def measure(root: Path, workers: int, standardise: bool) -> dict:
    """Read and pool everything in a fresh interpreter, and watch its memory."""
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks.bench_pool",
        "--act",
        str(root),
        str(workers),
        str(int(standardise)),
    ]
    peak = 0

    def run() -> dict:
        nonlocal peak
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            raise click.ClickException(f"reading ended with {process.returncode}")
        assert process.stdout is not None
        return json.loads(process.stdout.read())

    measured = sample(run)
    return {**measured.value, "peak_mb": peak / 1e6, "others": measured.others}


def act(root: Path, workers: int, standardise: bool) -> None:
    """What training does before its first epoch, timed from the opening of the store."""
    from score.bags.cache import read_cache
    from score.leakage.fingerprints import Collector
    from score.pooling.rules import SegmentsConfig

    began = time.perf_counter()
    store, collector = FeatureStore(root), Collector()
    videos = [Video(name) for name in store.ids()]
    cache, moments = read_cache(
        [store],
        videos,
        segments=SegmentsConfig(),
        event_classes=("Normal",),
        moments=standardise,
        on_video=collector.add,
        workers=workers,
    )
    known = collector.finish()
    seconds = time.perf_counter() - began
    digest = hashlib.sha256()
    sums = [array for each in moments.values() for array in (each.mean, each.squares)]
    for array in (cache.features["rgb"].numpy(), known.mean, known.deviation, *sums):
        digest.update(np.ascontiguousarray(array).tobytes())
    kept = cache.features["rgb"].nbytes
    print(json.dumps({"seconds": seconds, "kept_mb": kept / 1e6, "digest": digest.hexdigest()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--act"]:
        act(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1")
    else:
        main()
