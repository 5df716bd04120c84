"""A store of very many small videos: time and memory of resuming, inspecting and listing.

    python -m scripts.benchmarks.bench_store --videos 100000

Files are copies of a few that the store wrote itself, and count as written here unless the action says "of
others", who may have copied them in. "resume" is what a run does before its first video, the first time with
files that nobody has looked at since they were written; the sources of the videos are not there. Processor
seconds include imports and those of child processes that ended, but not the making of the list of videos.

Without others nothing reads more of a file than its first bytes, so the rest of each stays a hole, which
takes no space on the disk: a million files have 4 GB instead of 16 GB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from extract.runtime.foreign.ledger import LEDGER
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from extract.store.header_summary import remember_summary
from extract.store.local_files import state_of
from extract.store.probing import remember_own

TEMPLATES = 20
FOLDERS = 100
OTHERS = "inspect without an index, files of others"
FIRST = "resume, first time"
ACTIONS = (FIRST, "resume", OTHERS, "inspect without an index", "inspect with an index", "ids")
WRITTEN_BYTES = 4096  # of a file whose rest is a hole
SETTLED_SECONDS = 11.0  # after which a look at a file is remembered


@click.command()
@click.option("--videos", "count", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to make the store. [default: a temporary folder]"
)
@click.option("--others/--no-others", default=True, help="Also read headers of files of others, 1 ms each.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table.")
def main(count, rounds, folder, others, json_path):
    """Print median and range of each action, every one in its own process."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root, caches = Path(place) / "store", {each: Path(place) / each for each in ("own", "others")}
        os.environ["XDG_CACHE_HOME"] = str(caches["own"])  # in which the ledger lies
        began = time.monotonic()
        make_store(root, count, whole=others)
        click.echo(f"{count} videos written in {time.monotonic() - began:.0f} s")
        time.sleep(SETTLED_SECONDS)
        rows = []
        for action in ACTIONS:
            if action == OTHERS and not others:
                continue
            cache = caches["others" if action == OTHERS else "own"]
            times = 1 if "without" in action or action == FIRST else rounds
            measured = [measure(action, root, count, cache) for _ in range(times)]
            seconds = [each["seconds"] for each in measured]
            processor = float(np.median([each["processor"] for each in measured]))
            memory = max(each["megabytes"] for each in measured)
            rows.append(
                {
                    "action": action,
                    "seconds": float(np.median(seconds)),
                    "low": min(seconds),
                    "high": max(seconds),
                    "processor": processor,
                    "megabytes": memory,
                }
            )
            spread = f"{min(seconds):.2f} - {max(seconds):.2f}"
            click.echo(
                f"{action}: {np.median(seconds):.2f} s ({spread}), processor {processor:.2f} s, "
                f"peak {memory:.0f} MB"
            )
    if json_path:
        json_path.write_text(json.dumps({"videos": count, "rounds": rounds, "results": rows}, indent=1))


def make_store(root: Path, count: int, *, whole: bool) -> None:
    """Write a few videos, and copy their files to all other names. whole: with all their bytes."""
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
    headers = [store.header(f"t{number}") for number in range(TEMPLATES)]
    for number in range(FOLDERS):
        (root / f"{number:02d}").mkdir()
    for number in range(count - TEMPLATES):
        path = root / f"{number % FOLDERS:02d}" / f"v{number:07d}.h5"
        content = contents[number % TEMPLATES]
        with path.open("wb") as file:
            file.write(content if whole else content[:WRITTEN_BYTES])
            file.truncate(len(content))
        # What FeatureStore.write notes of each file.
        state = state_of(os.stat(path))
        remember_own(state)
        remember_summary(state, headers[number % TEMPLATES])
    LEDGER.flush()


def measure(action: str, root: Path, count: int, cache: Path) -> dict[str, float]:
    """Run one action in a fresh interpreter. cache: the folder of its ledger."""
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks.bench_store",
        "--action",
        action,
        str(root),
        str(count),
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    return json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    )


def act(action: str, root: Path, count: int) -> None:
    """One action, timed from the opening of the store."""
    from data_lists import Video
    from extract.pipeline.changed_sources import changed_sources
    from extract.pipeline.extractor import missing
    from extract.store.index import INDEX_FILE, StoreIndex

    began, unmeasured = time.perf_counter(), 0.0
    if "without" in action:
        (root / INDEX_FILE).unlink(missing_ok=True)
    store = FeatureStore(root)
    if action.startswith("resume"):
        used = processor_seconds()
        videos = [Video(f"{number % FOLDERS:02d}/v{number:07d}") for number in range(count - TEMPLATES + 10)]
        began, unmeasured = time.perf_counter(), processor_seconds() - used
        store.remove_stale(among=[video.video_id for video in videos])
        todo, damaged = missing(store, videos)
        changed = changed_sources(store, videos, root.parent / "none")
        found = (len(todo), len(damaged), len(changed)) == (10, 0, 0)
    elif action == "ids":
        found = len(store.ids()) == count
    else:
        with StoreIndex(store) as index:
            found = index.totals()["videos"] == count and not index.ids("problem != ''")
            found = found and not any(index.remarks().values())
    if not found:
        raise SystemExit(f"{action}: the store was not read correctly")
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    processor = processor_seconds() - unmeasured
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": memory}))


def processor_seconds() -> float:
    """Of this process and of its children that ended."""
    spent = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--action"]:
        act(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
