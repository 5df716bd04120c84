"""Does `vad-score review` choose better moments than chance? Held-out AUC over the number of labels.

    python -m scripts.experiments.review_effect --store fights --list FIGHTS/train.tsv --out review_effect

Cameras are divided into five folds. A head is trained on three of them, the fourth is a pool of new cameras
whose labels nobody knows, the fifth measures. A person, played by the spans of the list, labels moments of
the pool: those that `review` proposes, in its order, or as many drawn at random. Then the head is trained on
with its old list and these moments, as the guide says. Nothing is measured on test videos. A line per
training in OUT/results.jsonl; the same command continues.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from data_lists import Video, resolve_lists
from extract.runtime.line_files import append_line
from extract.store import FeatureStore
from score.bags.folds import make_folds
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.feedback.choosing import choose_moments
from score.feedback.feedback_list import FEATURES, Feedback, FeedbackList
from score.feedback.review_moments import Moment, find_moments, keep_moment
from score.feedback.review_threshold import review_threshold
from score.runs.checkpoint import load_run
from score.scoring.scorer import Scorer
from score.training.starting_point import settings_from, starting_points
from scripts.experiments.feedback_effect import train_seeds_of

FOLDS = 5
SEEN_FRAMES = 12  # of an anomaly that a person must see to call a moment anomalous
REVIEW, RANDOM, BEFORE, NOTHING = "review", "random", "before", "trained on without labels"
RESULTS = "results.jsonl"


class Pool(NamedTuple):
    """One way to deal out the folds. first: the run that was trained on `old`."""

    number: int
    old: tuple[Video, ...]
    new: tuple[Video, ...]
    held_out: tuple[Video, ...]
    first: Path


@click.command()
@click.option("--store", required=True, type=click.Path(path_type=Path))
@click.option("--list", "train_list", required=True, help="Annotated training videos with groups.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--head", default="mil")
@click.option("--pools", default=3, type=click.IntRange(1, FOLDS))
@click.option("--seeds", default=3, help="Of each run; draws of random moments, too.")
@click.option("--seconds", default=4.0, help="Length of a moment, about.")
@click.option("--labels", "counts", multiple=True, type=int, default=(5, 10, 20, 40), show_default=True)
@click.option(
    "--set",
    "changes",
    multiple=True,
    default=("train.epochs=10", "train.optimizer.lr=0.001"),
    show_default=True,
)
def main(store, train_list, out, head, pools, seeds, seconds, counts, changes):
    """Print the table: held-out frame AUC by choice and number of labels."""
    opened = FeatureStore(store)
    out.mkdir(parents=True, exist_ok=True)
    for pool in _pools(resolve_lists([train_list]), out, pools):
        train_seeds_of(resolve(preset_of(head)), pool.first, [opened], pool.old, seeds=seeds)
        scorers = [Scorer(each) for each in load_run(pool.first)]
        _note(out, pool, BEFORE, 0, 0, lambda run=pool.first, p=pool: _auc(run, opened, p))
        groups = {video.video_id: video.group for video in pool.new}
        moments = find_moments(scorers, [opened], groups, groups=groups, seconds=seconds)
        threshold, _ = review_threshold(scorers)
        for choice, draw, chosen in _orders(moments, threshold, max(counts), seeds):
            for count in (0,) if choice == NOTHING else counts:
                name = f"pool_{pool.number}_{choice.partition(' ')[0]}_{draw}_{count}"
                labelled = chosen[:count]
                _note(
                    out,
                    pool,
                    choice,
                    count,
                    draw,
                    lambda p=pool, own=labelled, n=name, t=threshold: _trained_on(
                        p, opened, own, out / n, threshold=t, seeds=seeds, changes=changes
                    ),
                )
    _print(out)


def _pools(videos: Sequence[Video], out: Path, count: int) -> Iterator[Pool]:
    folds = [fold.test for fold in make_folds(videos, FOLDS)]
    for number in range(count):
        after = (number + 1) % FOLDS
        old = [video for k, fold in enumerate(folds) if k not in (number, after) for video in fold]
        yield Pool(number, tuple(old), folds[number], folds[after], out / f"pool_{number}")


def _orders(
    moments: Sequence[Moment], threshold: float, most: int, draws: int
) -> Iterator[tuple[str, int, list[Moment]]]:
    """(choice, draw, moments in the order in which they are labelled)."""
    yield NOTHING, 0, []
    # What review proposes first does not depend on how many moments it is asked for.
    yield REVIEW, 0, [each.moment for each in choose_moments(moments, threshold, most)]
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(moments))[:most]
        yield RANDOM, draw, [moments[place] for place in order]


def _trained_on(
    pool: Pool,
    store: FeatureStore,
    chosen: Sequence[Moment],
    folder: Path,
    *,
    threshold: float,
    seeds: int,
    changes: Sequence[str],
) -> dict[str, Any]:
    videos_of_pool = {video.video_id: video for video in pool.new}
    feedback = FeedbackList(folder / "labels")
    for moment in chosen:
        keep_moment(feedback.folder, [store], moment)
        feedback.add(_said(moment, videos_of_pool[moment.video_id], threshold))
    rows = feedback.rows()
    stores = [store, FeatureStore(feedback.folder / FEATURES / store.spec.preset)] if rows else [store]
    starts = starting_points(pool.first)
    settings = settings_from(starts[0], None, overrides=["train.select=last", *changes])
    labelled = {each.video_id for each in rows}
    videos = [*pool.old, *(each.video for each in rows)]
    train_seeds_of(settings, folder / "run", stores, videos, seeds=seeds, starts=starts, feedback=labelled)
    anomalous = sum(each.label != "false alarm" for each in rows)
    return {"anomalous": anomalous, **_auc(folder / "run", store, pool)}


def _said(moment: Moment, video: Video, threshold: float) -> Feedback:
    start, stop = moment.frames
    seen = sum(max(0, min(stop, end) - max(start, begin)) for begin, end in video.anomaly_spans)
    if seen < SEEN_FRAMES:
        return Feedback(moment.clip_id, "false alarm", camera=moment.camera)
    label = "missed" if moment.score < threshold else "confirmed"
    return Feedback(moment.clip_id, label, video.event_class, camera=moment.camera)


def _auc(run: Path, store: FeatureStore, pool: Pool) -> dict[str, Any]:
    found = evaluate_run(run, [store], pool.held_out, RunOptions(resamples=0)).summaries["frame_auc"]
    return {"frame_auc": list(found.per_seed)}


def _note(out: Path, pool: Pool, choice: str, labels: int, draw: int, measure) -> None:
    """Measure what OUT does not have yet, and add its line."""
    key = {"pool": pool.number, "choice": choice, "labels": labels, "draw": draw}
    if not any(key.items() <= row.items() for row in _rows(out)):
        append_line(out / RESULTS, json.dumps(key | measure()))


def _rows(out: Path) -> list[dict[str, Any]]:
    path = out / RESULTS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _print(out: Path) -> None:
    """Means over pools, seeds and draws; the deviation is that of pools, each the mean of its own."""
    rows = _rows(out)
    for choice, labels in dict.fromkeys((row["choice"], row["labels"]) for row in rows):
        own = [row for row in rows if (row["choice"], row["labels"]) == (choice, labels)]
        pools = sorted({row["pool"] for row in own})
        means = [np.mean([row["frame_auc"] for row in own if row["pool"] == pool]) for pool in pools]
        share = np.mean([row.get("anomalous", 0) for row in own])
        print(
            f"{choice:26} {labels:3d} labels ({share:.1f} anomalous): {np.mean(means):.4f} "
            f"± {np.std(means, ddof=1) if len(means) > 1 else 0:.4f} over pools "
            f"({' '.join(f'{mean:.4f}' for mean in means)})"
        )


if __name__ == "__main__":
    main()
