"""What a few labels of an operator do: the false alarms of new cameras, before and after training with them.

    python -m scripts.experiments.feedback_effect --store fights --list FIGHTS/train.tsv --test-list
    FIGHTS/test.tsv
        --out feedback_effect

A fifth of the training cameras stands for new ones: the head is trained on the others, then watches the new
ones. The normal moments with its highest scores are labelled as false alarms, the anomalous videos with its
lowest as missed, and the head is trained on with its old list and these. The test list is only measured,
before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from data_lists import Video, resolve_lists
from extract.store import FeatureStore
from score.bags.folds import make_folds
from score.config.presets import preset_of
from score.config.run_config import RunConfig, resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation_settings import RunOptions
from score.feedback.feedback_list import FEATURES, Feedback, FeedbackList
from score.feedback.review_moments import Moment, find_moments, keep_moment
from score.runs.checkpoint import load_run
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.starting_point import settings_from, start_of, starting_points
from score.training.training_data import prepare


@dataclass(frozen=True)
class Watched:
    """What a run says of the new cameras: moments of normal videos, and of anomalous ones the highest."""

    normal: list[Moment]
    anomalous: list[Moment]


@click.command()
@click.option("--store", required=True, type=click.Path(path_type=Path))
@click.option("--list", "train_list", required=True)
@click.option("--test-list", required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--head", default="mil")
@click.option("--labels", default=3, help="False alarms that are labelled.")
@click.option("--missed", "num_missed", default=3, help="Missed videos that are labelled.")
@click.option("--seeds", default=3)
@click.option("--fold", default=0, type=click.IntRange(0, 4))
@click.option("--set", "changes", multiple=True, help="Settings of the second training.")
def main(store, train_list, test_list, out, head, labels, num_missed, seeds, fold, changes):
    """Print scores and frame AUC before and after, as means over seeds with their deviation."""
    opened = FeatureStore(store)
    split = make_folds(resolve_lists([train_list]), 5)[fold]
    test = resolve_lists([test_list])
    first = out / f"{head}_{fold}"
    train_seeds_of(resolve(preset_of(head)), first, [opened], split.train, seeds=seeds)
    before = _watched(first, opened, split.test)
    said = sorted(before.normal, key=lambda each: -each.score)[:labels]
    missed = sorted(before.anomalous, key=lambda each: each.score)[:num_missed]
    feedback = FeedbackList(out / f"feedback_{head}_{fold}_{labels}_{num_missed}")
    for moment in said:
        keep_moment(feedback.folder, [opened], moment)
        feedback.add(Feedback(moment.clip_id, "false alarm", camera=moment.camera))
    for moment in missed:
        keep_moment(feedback.folder, [opened], moment)
        feedback.add(Feedback(moment.clip_id, "missed", "Fighting", camera=moment.camera))
    ids = {each.clip_id for each in said}, {each.clip_id for each in missed}
    clips = FeatureStore(feedback.folder / FEATURES / opened.spec.preset)
    starts = starting_points(first)
    settings = settings_from(starts[0], None, overrides=["train.select=last", *changes])
    second = out / f"{head}_{fold}_{labels}_{num_missed}_{'_'.join(changes) or 'default'}"
    videos = [*split.train, *(each.video for each in feedback.rows())]
    labelled = ids[0] | ids[1]
    train_seeds_of(settings, second, [opened, clips], videos, seeds=seeds, starts=starts, feedback=labelled)
    after = _watched(second, opened, split.test)
    for words, old, new, own in (
        ("false alarms", before.normal, after.normal, ids[0]),
        ("missed videos", before.anomalous, after.anomalous, ids[1]),
    ):
        for which, others in (("labelled", False), ("other", True)):
            pair = [_of(moments, own, others=others) for moments in (old, new)]
            if not len(pair[0]):
                continue
            print(f"{which} {words} ({len(pair[0])}): {pair[0].mean():.3f} -> {pair[1].mean():.3f}")
    for name, run in (("before", first), ("after", second)):
        auc = evaluate_run(run, [opened], test, RunOptions(resamples=0)).summaries["frame_auc"]
        print(f"test frame AUC {name}: {auc.mean:.4f} ± {auc.std:.4f}")


def train_seeds_of(
    config: RunConfig, run: Path, stores, videos, *, seeds: int, starts=(), feedback=()
) -> None:
    """Train the seeds of a run that are not there yet. starts, feedback: as prepare takes them."""
    data = prepare(config, stores, videos, starts=starts, feedback=feedback)
    for seed in range(seeds):
        if not (run / f"seed_{seed}" / "checkpoint.pt").exists():
            start_of(starts, seed)
            train_seed(config, data, folder=run / f"seed_{seed}", seed=seed)


def _watched(run: Path, store: FeatureStore, videos: tuple[Video, ...]) -> Watched:
    scorers = [Scorer(each) for each in load_run(run)]
    groups = {video.video_id: video.group for video in videos}
    moments = find_moments(scorers, [store], groups, groups=groups)
    anomalous = {video.video_id for video in videos if video.is_anomalous}
    highest: dict[str, Moment] = {}
    for moment in moments:
        best = highest.get(moment.video_id)
        if moment.video_id in anomalous and (best is None or moment.score > best.score):
            highest[moment.video_id] = moment
    return Watched([each for each in moments if each.video_id not in anomalous], list(highest.values()))


def _of(moments: list[Moment], ids: set[str], *, others: bool = False) -> np.ndarray:
    return np.array([each.score for each in moments if (each.clip_id in ids) != others])


if __name__ == "__main__":
    main()
