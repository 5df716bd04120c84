"""A store of very many small videos: time and memory of resuming, inspecting and listing.

    python -m scripts.benchmarks.bench_store --videos 100000

Files are copies of a few that the store wrote itself. "resume" is what a run does before its first video.
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
import numpy as np

from extract.store import FeatureSpec, FeatureStore, VideoFeatures

TEMPLATES = 20
FOLDERS = 100
ACTIONS = ("resume", "inspect without an index", "inspect with an index", "ids")


@click.command()
@click.option("--videos", "count", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to make the store. [default: a temporary folder]"
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table.")
def main(count, rounds, folder, json_path):
    """Print median and range of each action, every one in its own process."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = Path(place) / "store"
        began = time.monotonic()
        make_store(root, count)
        click.echo(f"{count} videos written in {time.monotonic() - began:.0f} s")
        rows = []
        for action in ACTIONS:
            measured = [measure(action, root, count) for _ in range(1 if "without" in action else rounds)]
            seconds = [each["seconds"] for each in measured]
            memory = max(each["megabytes"] for each in measured)
            rows.append(
                {
                    "action": action,
                    "seconds": float(np.median(seconds)),
                    "low": min(seconds),
                    "high": max(seconds),
                    "megabytes": memory,
                }
            )
            spread = f"{min(seconds):.2f} - {max(seconds):.2f}"
            click.echo(f"{action}: {np.median(seconds):.2f} s ({spread}), peak {memory:.0f} MB")
    if json_path:
        json_path.write_text(json.dumps({"videos": count, "rounds": rounds, "results": rows}, indent=1))


def make_store(root: Path, count: int) -> None:
    """Write a few videos, and copy their files to all other names."""
    spec = FeatureSpec(
        preset="synthetic",
        backbone="synthetic",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=16,
        feature_dim=8,
    )
    store = FeatureStore.create(root, spec)
    for number in range(TEMPLATES):
        start = np.arange(number + 1) * 16
        span = np.stack([start, start + 16], axis=1)
        rows = np.zeros((number + 1, 1, 8), np.float32)
        store.write(
            VideoFeatures(f"t{number}", rows, span, span / 25.0, num_frames=16 * (number + 1), fps=25.0)
        )
    contents = [(root / f"t{number}.h5").read_bytes() for number in range(TEMPLATES)]
    for number in range(FOLDERS):
        (root / f"{number:02d}").mkdir()
    for number in range(count - TEMPLATES):
        (root / f"{number % FOLDERS:02d}" / f"v{number:07d}.h5").write_bytes(contents[number % TEMPLATES])


def measure(action: str, root: Path, count: int) -> dict[str, float]:
    """Run one action in a fresh interpreter."""
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks.bench_store",
        "--action",
        action,
        str(root),
        str(count),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def act(action: str, root: Path, count: int) -> None:
    """One action, timed from the opening of the store."""
    from data_lists import Video
    from extract.pipeline.extractor import missing
    from extract.store.index import INDEX_FILE, StoreIndex

    began = time.perf_counter()
    if "without" in action:
        (root / INDEX_FILE).unlink(missing_ok=True)
    store = FeatureStore(root)
    if action == "resume":
        videos = [Video(f"{number % FOLDERS:02d}/v{number:07d}") for number in range(count - TEMPLATES + 10)]
        began = time.perf_counter()
        store.remove_stale()
        todo, damaged = missing(store, videos)
        found = (len(todo), len(damaged)) == (10, 0)
    elif action == "ids":
        found = len(store.ids()) == count
    else:
        with StoreIndex(store) as index:
            found = index.totals()["videos"] == count
    if not found:
        raise SystemExit(f"{action}: the store was not read correctly")
    seconds = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--action"]:
        act(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
