"""What a few examples of a class do: named by a row that is added, or by a head trained from nothing.

    python -m scripts.experiments.few_shots_effect --head multitask --store c3d --list train.tsv
    --test-list test.tsv --new Robbery --out few_shots

A head is trained on the list without the new class. Then each draw of examples adds the class to it, and
trains a second head from random weights on the same videos. The test list is only measured.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from data_lists import Video, resolve_lists
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import RunConfig, resolve
from score.metrics.classes import video_class_probability
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import Scorer
from score.training.few_shots import draw_shots, grown, shot_settings
from score.training.loop import train_seed
from score.training.starting_point import starting_points
from score.training.training_data import prepare
from scripts.experiments.defined_auc import defined_auc

MEASURES = ("AUC of the new class", "found", "taken for it", "accuracy of the old", "video AUC")


@click.command()
@click.option("--head", default="multitask", metavar="NAME[:PRESET]")
@click.option("--store", required=True, type=click.Path(path_type=Path))
@click.option("--list", "train_list", required=True)
@click.option("--test-list", required=True)
@click.option("--new", "new_class", required=True)
@click.option("--shots", default=5, type=click.IntRange(1))
@click.option("--draws", default=5, type=click.IntRange(1))
@click.option("--set", "changes", multiple=True, help="Settings of heads that are trained from nothing.")
@click.option("--set-shots", "shot_changes", multiple=True, help="Settings of the added row.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(head, store, train_list, test_list, new_class, shots, draws, changes, shot_changes, out):
    """Print the measures of the test list for each draw, then their means and deviations."""
    stores, videos, test = [FeatureStore(store)], resolve_lists([train_list]), resolve_lists([test_list])
    settings = resolve(
        preset_of(*head.split(":")), overrides=["train.validation_share=0", "train.select=last", *changes]
    )
    first = out / "base"
    _train(settings, first, stores, [each for each in videos if each.event_class != new_class])
    before = _probabilities(first, stores, test)
    print(f"base: {_line(_measures(before, test, new_class))}")
    found: dict[str, list[list[float]]] = {"added": [], "from nothing": []}
    for draw in range(draws):
        (start,) = starting_points(first)
        drawn = draw_shots(start, videos, shots, seed=draw)
        start = grown(start, drawn.drawn)
        added, nothing = out / f"added_{draw}", out / f"nothing_{draw}"
        config = shot_settings(start, None, overrides=shot_changes)
        _train(config, added, stores, drawn.videos, starts=[start], shots=drawn)
        _train(settings, nothing, stores, drawn.videos)
        after = _probabilities(added, stores, test)
        same = all(np.array_equal(before[name][1], after[name][1]) for name in before)
        print(f"draw {draw}: scores {'equal bit for bit' if same else 'DIFFER'}")
        for words, scores in (("added", after), ("from nothing", _probabilities(nothing, stores, test))):
            found[words].append(_measures(scores, test, new_class))
            print(f"draw {draw}, {words}: {_line(found[words][-1])}", flush=True)
    for words, rows in found.items():
        mean, deviation = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=min(1, draws - 1))
        shown = (f"{a:.3f} ± {b:.3f}" for a, b in zip(mean, deviation, strict=True))
        print(f"{words}: " + ", ".join(f"{n} {s}" for n, s in zip(MEASURES, shown, strict=True)))


def _train(config: RunConfig, run: Path, stores: list[FeatureStore], videos: list[Video], **options) -> None:
    if not (run / "seed_0" / "checkpoint.pt").exists():
        train_seed(config, prepare(config, stores, videos, **options), folder=run / "seed_0", seed=0)


def _probabilities(run: Path, stores: list[FeatureStore], test: list[Video]) -> dict:
    """Video -> (probability by class name, scores of its segments)."""
    checkpoint = load_checkpoint(run / "seed_0")
    scorer, found = Scorer(checkpoint), {}
    for video in test:
        scores = scorer.score(*scorer.read(scorer.match_stores(stores), video.video_id))
        assert scores.class_probability is not None
        rows = video_class_probability(scores.class_probability)
        named = dict(zip(checkpoint.bag_spec.event_classes, rows.tolist(), strict=True))
        found[video.video_id] = named, scores.segment_score
    return found


def _measures(scores: dict, test: list[Video], new: str) -> list[float]:
    named = {name: max(probability, key=probability.__getitem__) for name, (probability, _) in scores.items()}
    is_new = np.array([video.event_class == new for video in test])
    of_new = np.array([scores[video.video_id][0].get(new, 0.0) for video in test])
    old = [video for video in test if video.event_class != new]
    labels = np.array([video.is_anomalous for video in old])
    highest = np.array([scores[video.video_id][1].max() for video in old])
    return [
        defined_auc(is_new, of_new),
        float(np.mean([named[video.video_id] == new for video in test if video.event_class == new])),
        float(np.mean([named[video.video_id] == new for video in old])),
        float(np.mean([named[video.video_id] == video.event_class for video in old])),
        defined_auc(labels, highest),
    ]


def _line(values: list[float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in zip(MEASURES, values, strict=True))


if __name__ == "__main__":
    main()
