"""Peak memory of extraction against the length of the video: the process tree, sampled while it runs.

    python -m scripts.benchmarks.bench_memory --minutes 2 --minutes 120

Counts proportional set size, so that memory shared between processes (frames on their way) counts once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click


@click.command()
@click.option(
    "--minutes", "lengths", multiple=True, type=click.IntRange(1), default=(2, 120), show_default=True
)
@click.option("--preset", default="motion", show_default=True)
@click.option("--set", "assignments", multiple=True, help="As for vad-extract run.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table.")
def main(lengths, preset, assignments, json_path):
    """Extract one synthetic video of each length and print the peak memory of each run."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in lengths:
            rows.append(measure(Path(folder) / str(minutes), minutes, preset, assignments))
            last = rows[-1]
            click.echo(
                f"{minutes} minutes: {last['frames']} frames, peak {last['peak_mb']:.0f} MB, "
                f"{last['seconds']:.0f} s"
            )
    if len(rows) > 1:
        click.echo(f"difference: {rows[-1]['peak_mb'] - rows[0]['peak_mb']:.0f} MB")
    if json_path:
        json_path.write_text(json.dumps(rows, indent=1))


def measure(folder: Path, minutes: int, preset: str, assignments: tuple[str, ...]) -> dict:
    """Write a video, extract it, and return time and peak memory."""
    (folder / "videos").mkdir(parents=True)
    make = [
        sys.executable,
        "-m",
        "scripts.demo.make_long_video",
        str(folder / "videos" / "long.mp4"),
        "--minutes",
        str(minutes),
    ]
    subprocess.run(make, check=True)
    (folder / "list.tsv").write_text("video_id\tevent_class\tnum_frames\tanomaly_spans\nlong\tNormal\t\t\n")
    command = [
        sys.executable,
        "-m",
        "extract.cli",
        "run",
        "--preset",
        preset,
        "--weights",
        "none",
        "--videos",
        str(folder / "videos"),
    ]
    command += ["--list", str(folder / "list.tsv"), "--store", str(folder / "store")]
    for assignment in assignments:
        command += ["--set", assignment]
    began = time.monotonic()
    process = subprocess.Popen(command)
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_memory(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise click.ClickException(f"vad-extract ended with {process.returncode}")
    from extract.store import FeatureStore

    frames = FeatureStore(folder / "store").header("long").num_frames
    return {"minutes": minutes, "frames": frames, "peak_mb": peak / 1e6, "seconds": time.monotonic() - began}


def tree_memory(root: int, kinds: tuple[str, ...] = ("Pss:",)) -> int:
    """Bytes of proportional set size of a process and all that descend from it. kinds: lines of
    smaps_rollup."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    tree = {root}
    for _ in parents:
        more = {pid for pid, parent in parents.items() if parent in tree} - tree
        if not more:
            break
        tree |= more
    return sum(proportional(pid, kinds) for pid in tree)


def proportional(pid: int, kinds: tuple[str, ...]) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has just ended
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(kinds))


if __name__ == "__main__":
    if not os.path.isdir("/proc"):
        sys.exit("this benchmark reads /proc, which only Linux has")
    main()
