"""Ten million videos on a hundred GPUs, on paper: writes scripts/benchmarks/plan_ten_million.md.

    python -m scripts.benchmarks.plan_ten_million --videos DIR

Measures decoding, the network and the bookkeeping here, on the videos below DIR; takes the lengths of UCF-Crime from the
package; and multiplies. What cannot be measured without a GPU stands in the table ASSUMED with its source, and the page
says so beside every number that hangs on it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from data_lists import Video, resolve_lists
from extract.engines.dispatch import Dispatch, shards
from extract.engines.job_plan import Plan, Speeds, plans
from scripts.benchmarks.harness.rounds import machine
from scripts.benchmarks.harness.rounds import sample as watched
from scripts.tools.soak import every_video

OUT = Path(__file__).with_suffix(".md")
VIDEOS = 10_000_000
DEVICES = (1, 8, 100)
CORES = (8, 16, 32)
PRESETS = ("motion", "i3d-rgb-16")
GIGAFLOPS_A_CLIP, FRAMES_A_CLIP = 55.6, 16
# name -> (peak in TFLOP/s, share of it that is assumed to be reached)
ASSUMED = {"fp32": (19.5, 0.5), "tf32": (156.0, 0.3), "bf16": (312.0, 0.3)}
FAILURE_DAYS = 30.0  # between two failures of one device or node
BOOKKEEPING = 1_000_000  # videos that the bookkeeping is measured with


@click.command()
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="A sample, measured here.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=OUT, show_default=True)
def main(videos, out):
    """Measure, multiply, write the page."""
    lengths = [
        video.num_frames for video in resolve_lists(["ucf_crime/train"]) + resolve_lists(["ucf_crime/test"])
    ]
    with tempfile.TemporaryDirectory() as folder:
        listing = every_video(videos, Path(folder) / "list.tsv")
        sample = len(resolve_lists([str(listing)]))
        taken = {name: watched(lambda: measure(name, videos, listing, sample)) for name in PRESETS}
    measured, others = (
        {name: each.value for name, each in taken.items()},
        max(each.others for each in taken.values()),
    )
    bookkeeping = json.loads(
        subprocess.run(
            [sys.executable, "-m", "scripts.benchmarks.plan_ten_million", "--bookkeeping"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    frames = VIDEOS * sum(lengths) / len(lengths)
    files = [path for path in videos.rglob("*") if path.is_file()]
    bytes_a_frame = sum(path.stat().st_size for path in files) / measured["motion"].frames
    out.write_text(
        page(
            measured,
            frames,
            mean=sum(lengths) / len(lengths),
            bytes_a_frame=bytes_a_frame,
            bookkeeping=bookkeeping,
            others=others,
        )
    )
    click.echo(f"written: {out}")


def measure(preset: str, videos: Path, listing: Path, sample: int) -> Speeds:
    """What vad-extract plan measures."""
    command = [
        sys.executable,
        "-m",
        "extract.cli",
        "plan",
        str(listing),
        "--preset",
        preset,
        "--videos",
        str(videos),
    ]
    command += ["--weights", "none", "--sample", str(sample), "--device", "cpu", "--json"]
    return Speeds(
        **json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["speeds"]
    )


def keep_books() -> None:
    """Hand a million videos out and take them back, and say what that cost; in a process of its own."""
    before, began = memory(), time.perf_counter()
    videos = [
        Video(f"part{number % 1000:04d}/video{number:08d}", "Normal", num_frames=1000 + number % 7000)
        for number in range(BOOKKEEPING)
    ]
    listed = memory() - before
    dispatch = Dispatch(
        shards(videos, sizes=[float(video.num_frames) for video in videos], workers=100),
        frames=lambda name: None,
    )
    made, began = time.perf_counter() - began, time.perf_counter()
    from extract.pipeline.settings import RunReport

    handed = 0
    while not dispatch.done:
        shard = dispatch.next("worker")
        dispatch.finished(
            "worker", RunReport(extracted={video.video_id: video.num_frames for video in shard.videos})
        )
        handed += 1
    print(
        json.dumps(
            {
                "make_seconds": made,
                "hand_out_seconds": time.perf_counter() - began,
                "shards": handed,
                "list_bytes": listed / BOOKKEEPING,
                "bytes": (memory() - before) / BOOKKEEPING,
            }
        )
    )


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def page(
    measured: dict[str, Speeds],
    frames: float,
    *,
    mean: float,
    bytes_a_frame: float,
    bookkeeping: dict,
    others: float,
) -> str:
    here, clip, motion = machine(), measured["i3d-rgb-16"], measured["motion"]
    scale = VIDEOS / BOOKKEEPING
    lines = [
        "# Ten million videos on a hundred GPUs",
        "",
        "Written by `python -m scripts.benchmarks.plan_ten_million --videos DIR`; nothing here is edited by hand. A straight line through "
        "what was measured on one small machine: no time is lost between devices, and storage is fast enough.",
        "",
        "## What is measured, and what is assumed",
        "",
        "| quantity | value | where from |",
        "|---|---|---|",
        f"| videos | {VIDEOS:,} | the question |",
        f"| frames of a video | {mean:,.0f} | mean of the 1,900 videos of UCF-Crime (their lists) |",
        f"| frames in all | {frames:.3g} | product |",
        f"| decoding, a core | {clip.decode:,.0f} frames/s | measured: {clip.videos} videos, {clip.frames:,} frames, one worker, {here['processor']} |",
        f"| decoding and `motion`, a core | {motion.decode:,.0f} frames/s | measured, the same videos |",
        f"| I3D on this processor, {here['cores']} cores | {clip.device:,.0f} frames/s | measured, fp32, random weights |",
        f"| bytes of video, a frame | {bytes_a_frame:,.0f} | measured, the same files (320x240 H.264 in UCF-Crime) |",
        f"| bytes of features, a frame | {clip.bytes_a_frame:,.0f} (`i3d-rgb-16`), {motion.bytes_a_frame:,.0f} (`motion`) | measured; spans, attributes and checksums included |",
    ]
    for name, (peak, share) in ASSUMED.items():
        lines.append(
            f"| **assumed:** I3D on a GPU, {name} | {gpu_speed(name):,.0f} frames/s | {peak:g} TFLOP/s (NVIDIA's data sheet of the A100) x {share:.0%} "
            f"(a guess; no GPU was at hand) / {GIGAFLOPS_A_CLIP} GFLOP a clip of {FRAMES_A_CLIP} frames (counted for the network at 224x224) |"
        )
    lines += [
        f"| **assumed:** failures | one in {FAILURE_DAYS:.0f} days, of each device or its node | a guess |",
        "| **assumed:** storage | reads as fast as decoding asks, see below | a guess |",
        "",
        "## How long",
        "",
        "`i3d-rgb-16`: RGB, one crop, clips of 16 frames side by side. The devices' part is assumed as above, decoding is measured.",
        "",
        "| precision | cores beside each GPU | "
        + " | ".join(f"{count} GPU{'s' * (count > 1)}" for count in DEVICES)
        + " | limited by | cores that would keep a GPU busy |",
        "|---|---|" + "---|" * len(DEVICES) + "---|---|",
    ]
    for name in ASSUMED:
        for cores in CORES:
            gpu = Speeds(**{**vars(clip), "device": gpu_speed(name), "on_cpu": False})
            rows = plans(gpu, frames=frames, devices=DEVICES, cores=cores)
            lines.append(
                f"| {name} | {cores} | "
                + " | ".join(duration(row) for row in rows)
                + f" | {rows[0].limit} | {rows[0].cores_needed:.1f} |"
            )
    lines += [
        "",
        "Without GPUs, on machines like this one but with so many cores (measured, no assumption but the straight line):",
        "",
        "| preset | cores a machine | "
        + " | ".join(f"{count} machine{'s' * (count > 1)}" for count in DEVICES)
        + " | limited by |",
        "|---|---|" + "---|" * len(DEVICES) + "---|",
    ]
    for name, speeds in measured.items():
        for cores in CORES:
            more = (
                speeds
                if speeds.device is None
                else Speeds(**{**vars(speeds), "device": speeds.device * cores / here["cores"]})
            )
            rows = plans(more, frames=frames, devices=DEVICES, cores=cores)
            lines.append(
                f"| {name} | {cores} | " + " | ".join(duration(row) for row in rows) + f" | {rows[0].limit} |"
            )
    best = plans(
        Speeds(**{**vars(clip), "device": gpu_speed("tf32"), "on_cpu": False}),
        frames=frames,
        devices=[100],
        cores=16,
    )[0]
    seconds = best.hours * 3600
    in_shard = bookkeeping["shards"] and BOOKKEEPING / bookkeeping["shards"]
    failures = 100 * seconds / 86400 / FAILURE_DAYS
    shard_seconds = in_shard * seconds * 100 / VIDEOS
    lines += [
        "",
        "## What it weighs, and what else it asks for",
        "",
        f"* Features: {size(frames * clip.bytes_a_frame)} for one crop of `i3d-rgb-16`, ten times that for ten crops; {size(frames * motion.bytes_a_frame)} for `motion`.",
        f"* Videos: {size(frames * bytes_a_frame)}. With 100 GPUs, tf32 and 16 cores each ({duration(best)}) they are read at {size(frames * bytes_a_frame / seconds)} a second "
        f"in all, {size(frames * bytes_a_frame / seconds / 100)} a second by each, and {VIDEOS / seconds:.0f} files a second are written. Measure your storage against that first.",
        f"* One list in one process: measured with {BOOKKEEPING:,} videos, {bookkeeping['list_bytes']:.0f} bytes a video for the list and {bookkeeping['bytes']:.0f} with shards and summary "
        f"({size(scale * BOOKKEEPING * bookkeeping['bytes'])} for all), {scale * bookkeeping['make_seconds']:.0f} s to divide all into shards and "
        f"{scale * bookkeeping['hand_out_seconds']:.0f} s of the driver's time to hand all of them out ({in_shard:.0f} videos a shard). Give `num_frames` in the list: without it every "
        "file is asked for its size before the start.",
        f"* Failures: {failures:.1f} expected at the assumed rate in {duration(best)}. Each costs at most the shard in hand, {shard_seconds:.0f} s of one device "
        f"on average, so {failures * shard_seconds:.0f} device seconds of {best.hours * 100:,.0f} device hours. A run that is stopped "
        "lists the store once to go on (`scripts/benchmarks/bench_store.py`; a straight line again).",
        "* A folder of ten million files is slow on many file systems: `part/video` ids spread them, and ten stores of a million each, `pack`ed when they are done, are easier to move.",
        "",
        "## Checks",
        "",
        "What the table says of your own cluster: `vad-extract plan LIST --preset i3d-rgb-16 --videos DIR --count 10000000 --devices 1,8,100 --cores 16` on one of its nodes, "
        "where the device is measured instead of assumed (`--device-fps` puts another number in its place).",
        "",
        f"Measured on: {here['processor']}, {here['cores']} cores, {here['memory_gb']:.0f} GB, torch {here['torch']}, no GPU; other processes took up to {others:.0%} of "
        "the machine meanwhile, which makes every measured speed here too low by about as much.",
        "",
    ]
    return "\n".join(lines)


def gpu_speed(precision: str) -> float:
    """Frames a second, assumed."""
    peak, share = ASSUMED[precision]
    return peak * 1000 * share / GIGAFLOPS_A_CLIP * FRAMES_A_CLIP


def duration(plan: Plan) -> str:
    days = plan.hours / 24
    return (
        f"{plan.hours:.1f} hours"
        if days < 2
        else f"{days:.1f} days"
        if days < 730
        else f"{days / 365:.1f} years"
    )


def size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} PB"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bookkeeping"]:
        keep_books()
    else:
        main()
