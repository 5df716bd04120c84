"""Time and memory of every measure with its intervals, on as many frames and videos as UCF-Crime's test split
has.

    python -m scripts.benchmarks.bench_evaluate --rounds 5 --json evaluate.json --plot evaluate.png

Each round runs in its own process, so that its peak memory is its own. Scores are random and better than
chance. A run gives one score per segment of 16 frames; one score per frame, all different, is the most that
score files can ask for. The same process measures its bounds, one sort of all scores and one pass over labels
and scores, and what other evaluators do: scikit-learn's AUC and AP of the frames, without intervals. For
intervals they would draw videos and rank all frames again, which is measured for one draw and multiplied.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from data_lists import frame_labels, load_split
from scripts.benchmarks.harness.rounds import Result, draw, row, show, take_rounds, write_json
from scripts.benchmarks.harness.sides import seconds

RESAMPLES = 1000
SECONDS, MEGABYTES = 10.0, 1000.0  # targets: at most
OVER_AUC, PLAIN_OVER_AUC = 2.0, 1.0  # targets for scores per segment, with and without intervals
KINDS = {"one score per segment": 16, "one score per frame": 1}
REPEATS = 3  # repetitions of what is quick; the minimum counts


def synthetic_videos(frames_per_score: int) -> list:
    """The test videos of UCF-Crime with random scores of one seed, higher in anomalies."""
    from score.evaluation.evaluation import ScoredVideo

    random = np.random.default_rng(0)
    videos = []
    for video in load_split("ucf_crime", "test"):
        assert video.num_frames is not None
        label = frame_labels(video, video.num_frames)
        scores = np.repeat(random.random(-(-video.num_frames // frames_per_score)), frames_per_score)
        scores = (
            0.7 * scores[: video.num_frames]
            + 0.3 * np.repeat(label[::frames_per_score], frames_per_score)[: len(label)]
        )
        videos.append(ScoredVideo(video, label, scores[None], scores.max()[None]))
    return videos


def measure_once(frames_per_score: int) -> dict[str, float]:
    """Wall and processor seconds, peak memory in MB, and the seconds of bounds and of other evaluators."""
    from score.evaluation.evaluate_videos import evaluate_videos
    from score.evaluation.evaluation import Provenance

    videos = synthetic_videos(frames_per_score)
    began, used = time.perf_counter(), time.process_time()
    evaluation = evaluate_videos(videos, Provenance("synthetic"), resamples=RESAMPLES)

    def again(resamples: int) -> None:
        evaluate_videos(videos, Provenance("synthetic"), resamples=resamples)

    found = {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # before others take theirs
        "without intervals": seconds(lambda: again(0)),
        "processor again": processor_seconds(lambda: again(RESAMPLES)),
        "processor without intervals": processor_seconds(lambda: again(0)),
    }
    frame_auc = evaluation.summaries["frame_auc"].mean
    assert frame_auc is not None
    return found | bounds(videos) | as_others_do(videos, frames_per_score, frame_auc)


def bounds(videos: list) -> dict[str, float]:
    """Seconds of one sort of all scores, and of reading all labels and scores once."""
    label, scores = frames_of(videos)
    return {
        "sort": min(seconds(lambda: np.argsort(scores)) for _ in range(REPEATS)),
        "pass": min(seconds(lambda: (scores.max(), label.max())) for _ in range(REPEATS)),
    }


def processor_seconds(work: Callable[[], object]) -> float:
    """The least of REPEATS repetitions, so that neither side pays for its first allocations."""
    return min(seconds(work, time.process_time) for _ in range(REPEATS))


def as_others_do(videos: list, frames_per_score: int, frame_auc: float) -> dict[str, float]:
    """Seconds of AUC and AP once, processor seconds of AUC alone, and seconds of AUC of one draw of videos.

    frame_auc: ours, for comparison.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    segments = [video.frame_score[0, ::frames_per_score] for video in videos]

    def frames() -> tuple[np.ndarray, np.ndarray]:
        scores = [
            np.repeat(each, frames_per_score)[: video.num_frames]
            for each, video in zip(segments, videos, strict=True)
        ]
        return np.concatenate([video.label for video in videos]), np.concatenate(scores)

    def once():
        label, scores = frames()
        if abs(roc_auc_score(label, scores) - frame_auc) > 1e-9:
            raise RuntimeError("scikit-learn's AUC differs from ours")
        average_precision_score(label, scores)

    picks = np.random.default_rng(0).integers(0, len(videos), len(videos))
    return {
        "others": seconds(once),
        "others, AUC": processor_seconds(lambda: roc_auc_score(*frames())),
        "draw": seconds(lambda: roc_auc_score(*frames_of([videos[pick] for pick in picks]))),
    }


def frames_of(videos: list) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of all frames."""
    labels = np.concatenate([video.label for video in videos])
    return labels, np.concatenate([video.frame_score[0] for video in videos])


def rows(kind: str, frames_per_score: int, rounds: int) -> list[Result]:
    command = [sys.executable, "-m", "scripts.benchmarks.bench_evaluate", "--once", str(frames_per_score)]

    def once() -> dict[str, float]:
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    taken = take_rounds({"once": once}, rounds=rounds, warm_up=False)

    def cost(name: str, value, unit: str, **more) -> Result:
        return row(f"{name}, {kind}", taken, lambda s: value(s["once"]), unit, **more)

    draws = f"extrapolated from one draw to {RESAMPLES}, AUC only"
    return [
        cost("all measures", lambda s: s["seconds"], "s", threshold=SECONDS, smaller=True),
        cost("all measures, processor time", lambda s: s["processor"], "s", smaller=True),
        cost("peak memory", lambda s: s["megabytes"], "MB", threshold=MEGABYTES, smaller=True),
        cost("all measures without intervals", lambda s: s["without intervals"], "s", smaller=True),
        cost("one sort of all scores", lambda s: 1000 * s["sort"], "ms", smaller=True),
        cost("one pass over labels and scores", lambda s: 1000 * s["pass"], "ms", smaller=True),
        cost("all measures over one sort", lambda s: s["seconds"] / s["sort"], "ratio", smaller=True),
        cost(
            "without intervals over one sort",
            lambda s: s["without intervals"] / s["sort"],
            "ratio",
            smaller=True,
        ),
        cost("scikit-learn, AUC and AP, no intervals", lambda s: s["others"], "s", smaller=True),
        cost(
            "np.repeat and scikit-learn's AUC, processor time", lambda s: s["others, AUC"], "s", smaller=True
        ),
        cost(
            "all measures over that AUC",
            lambda s: s["processor again"] / s["others, AUC"],
            "ratio",
            threshold=OVER_AUC if frames_per_score > 1 else None,
            smaller=True,
        ),
        cost(
            "without intervals over that AUC",
            lambda s: s["processor without intervals"] / s["others, AUC"],
            "ratio",
            threshold=PLAIN_OVER_AUC if frames_per_score > 1 else None,
            smaller=True,
        ),
        cost("naive bootstrap", lambda s: RESAMPLES * s["draw"], "s", smaller=True, note=draws),
        cost("naive bootstrap / ours", lambda s: RESAMPLES * s["draw"] / s["seconds"], "ratio", note=draws),
    ]


def limit(results: list[Result]) -> str:
    """What takes the time per kind of scores, and how many sorts and passes over memory that equals."""
    values = {each.name: each.value for each in results if each.value == each.value}
    lines = []
    for kind in KINDS:
        if (total := values.get(f"all measures, {kind}")) is not None:
            plain = values[f"all measures without intervals, {kind}"]
            sort = values[f"one sort of all scores, {kind}"]
            once = values[f"one pass over labels and scores, {kind}"]
            lines.append(
                f"with {kind} the {RESAMPLES} draws take {100 * (1 - plain / total):.0f} % of the time; the "
                f"rest is {1000 * plain / sort:.1f} sorts of all scores or {1000 * plain / once:.0f} passes "
                "over memory"
            )
    return "What limits: " + ("; ".join(lines) or "not measured in this selection")


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write here.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the rows with a threshold."
)
@click.option("--once", hidden=True, type=click.IntRange(1), metavar="FRAMES", help="One round, as JSON.")
def main(rounds, json_path, plot, once):
    """Print median and range over the undisturbed rounds; * marks a missed threshold."""
    if once:
        print(json.dumps(measure_once(once)))
        return
    results = []
    for kind, frames_per_score in KINDS.items():
        found = rows(kind, frames_per_score, rounds)
        show(found)
        results += found
    click.echo(limit(results))
    if json_path:
        write_json(json_path, results)
    if plot:
        draw(plot, results, "Evaluation against its thresholds")


if __name__ == "__main__":
    main()
