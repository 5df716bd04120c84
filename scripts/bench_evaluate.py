"""Time and memory of every measure with its intervals, on as many frames and videos as UCF-Crime's test has.

    python scripts/bench_evaluate.py --rounds 5 --json evaluate.json

Each round is a process of its own, so that its peak is its own. Scores are random and better than chance. One
score a segment of 16 frames is what a run gives; one score a frame, all different, is the most that files of
scores can ask for.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from data_lists import frame_labels, load_split

RESAMPLES = 1000
SECONDS, MEGABYTES = 10.0, 1000.0  # wanted at most
KINDS = {"one score a segment": 16, "one score a frame": 1}


@dataclass(frozen=True)
class Result:
    """A measured number: the median of `rounds`, the lowest and the highest; smaller: less is better."""

    name: str
    value: float
    unit: str
    threshold: float | None
    low: float
    high: float
    rounds: int
    smaller: bool = True

    @classmethod
    def of(cls, name: str, values: Sequence[float], unit: str, threshold: float | None) -> Result:
        return cls(name, float(np.median(values)), unit, threshold, min(values), max(values), len(values))


def made_videos(frames_a_score: int) -> list:
    """The test videos of UCF-Crime with random scores of one seed, higher in anomalies."""
    from score.evaluation import ScoredVideo

    random = np.random.default_rng(0)
    videos = []
    for video in load_split("ucf_crime", "test"):
        label = frame_labels(video, video.num_frames)
        scores = np.repeat(random.random(-(-video.num_frames // frames_a_score)), frames_a_score)
        scores = (
            0.7 * scores[: video.num_frames]
            + 0.3 * np.repeat(label[::frames_a_score], frames_a_score)[: len(label)]
        )
        videos.append(ScoredVideo(video, label, scores[None], scores.max()[None]))
    return videos


def measure_once(frames_a_score: int) -> dict[str, float]:
    """Seconds on the clock and of the processor, and the peak of this process in megabytes."""
    from score.evaluation import judge

    videos = made_videos(frames_a_score)
    began, used = time.perf_counter(), time.process_time()
    judge(videos, title="made", resamples=RESAMPLES)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
@click.option("--once", hidden=True, type=click.IntRange(1), metavar="FRAMES", help="One round, as JSON.")
def main(rounds, json_path, once):
    """Median and range over the rounds; * marks what is over its threshold."""
    if once:
        print(json.dumps(measure_once(once)))
        return
    results = []
    for kind, frames_a_score in KINDS.items():
        command = [sys.executable, __file__, "--once", str(frames_a_score)]
        seen = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(rounds)
        ]
        for key, name, unit, threshold in (
            ("seconds", "all measures", "s", SECONDS),
            ("processor", "all measures, processor time", "s", None),
            ("megabytes", "peak memory", "MB", MEGABYTES),
        ):
            results.append(Result.of(f"{name}, {kind}", [each[key] for each in seen], unit, threshold))
    for each in results:
        goal = "" if each.threshold is None else f", wanted at most {each.threshold:g}"
        goal += " *" if each.threshold is not None and each.value > each.threshold else ""
        click.echo(f"{each.name:52} {each.value:7.2f} [{each.low:.2f}, {each.high:.2f}] {each.unit}{goal}")
    if json_path:
        machine = {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        rows = [asdict(each) for each in results]
        json_path.write_text(json.dumps({"machine": machine, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
