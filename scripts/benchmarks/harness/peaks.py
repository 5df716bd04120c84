"""Peak memory of a run and of its decode workers, and how time and memory grow with the work."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scripts.benchmarks.harness.rounds import tree_ids

LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Peak:
    """Seconds of one run of vad-extract, and the peak resident memory of its processes in MB."""

    seconds: float
    main_mb: float
    worker_mb: float


def run_peak(preset: str, root: Path, ids: list[str]) -> Peak:
    """Run vad-extract run in its own process and watch it. Linux only."""
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "list.tsv"
        lines = [f"{video_id}\tNormal\t\t\n" for video_id in ids]
        listing.write_text("video_id\tevent_class\tnum_frames\tanomaly_spans\n" + "".join(lines))
        command = [sys.executable, "-m", "extract.cli", "run", "--preset", preset, "--weights", "none"]
        command += ["--videos", str(root), "--list", str(listing), "--store", str(Path(folder) / "store")]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        peaks: dict[int, float] = {}
        while process.poll() is None:
            for each in tree_ids(process.pid):
                peaks[each] = max(peaks.get(each, 0.0), high_water(each))
            time.sleep(LOOK_SECONDS)
        elapsed = time.perf_counter() - begun
        if process.returncode:
            assert process.stderr is not None
            raise RuntimeError(
                f"vad-extract ended with {process.returncode}: {process.stderr.read().decode()}"
            )
    main = peaks.pop(process.pid)
    return Peak(elapsed, main, max(peaks.values(), default=0.0))


def high_water(pid: int) -> float:
    """Peak resident memory of a process so far, in MB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it has just ended
    return 0.0


def beginning(path: Path, out: Path, frames: int) -> None:
    """Write the first frames of a video, encoded again."""
    import av

    from scripts.demo.scene.h264 import write_h264

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        shown = islice(container.decode(stream), frames)
        planes = (each.to_ndarray(format="yuv420p") for each in shown)
        write_h264(out, planes, int(round(stream.average_rate)), preset="veryfast")


def make_video(path: Path, minutes: float) -> None:
    """A synthetic video of 320x240 at 25 frames per second."""
    command = [
        sys.executable,
        "-m",
        "scripts.demo.make_long_video",
        str(path),
        "--minutes",
        str(minutes),
        "--size",
        "320",
        "240",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
