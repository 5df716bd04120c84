"""Train heads on synthetic features with a planted anomaly and print how well they find it.

    python -m scripts.experiments.planted --head mil --head claws --seeds 3
    python -m scripts.experiments.planted --mechanism all

The second trains each head with and without one of its mechanisms, on a scene in which that should matter.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch

from data_lists import Video, frame_labels
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import RunConfig, resolve
from score.heads import FEATURE_HEADS
from score.metrics import frame_measures, video_measures
from score.runs.checkpoint import Checkpoint
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from scripts.experiments.planted_mechanisms import MECHANISMS
from scripts.experiments.planted_videos import Scene, shifted, unmarked, write_planted

SIZES = {False: (160, 60), True: (1610, 290)}  # train and test videos; the larger is UCF-Crime's
MEASURES = ("frame_auc", "frame_ap", "frame_auc_abnormal", "video_auc")


@dataclass(frozen=True)
class Row:
    """One head on one scene: measure -> value per seed, seconds of training per seed, parameters."""

    name: str
    values: dict[str, list[float]]
    seconds: float
    parameters: int

    def cell(self, measure: str) -> str:
        values = self.values[measure]
        return (
            f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else f"{values[0]:.3f}"
        )


def measure(checkpoint: Checkpoint, store: FeatureStore, videos: Sequence[Video]) -> dict[str, float]:
    """Frame and video measures of one trained head on test videos."""
    labels, scores, video_scores = [], [], []
    scorer = Scorer(checkpoint)
    for video, (features, found) in zip(
        videos, scorer.score_store([store], [video.video_id for video in videos]), strict=True
    ):
        frames = spread(
            found.segment_score, features.frame_span, num_frames=features.num_frames, video_id=video.video_id
        )
        labels.append(frame_labels(video, features.num_frames))
        scores.append(frames.score)
        video_scores.append(found.video_score)
    anomalous = np.array([video.is_anomalous for video in videos])
    measures = frame_measures(labels, scores, anomalous=anomalous) | video_measures(
        anomalous, np.array(video_scores)
    )
    # Both classes are there, so that every measure is defined.
    return {name: value for name in MEASURES if (value := measures[name].value) is not None}


def bench(name: str, config: RunConfig, scene: Scene, *, seeds: range, sizes: tuple[int, int]) -> Row:
    """Train these seeds, each on its own random videos, and measure them."""
    values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    seconds, parameters = 0.0, 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            store, train, test = write_planted(
                Path(folder) / "store", scene, train=sizes[0], test=sizes[1], seed=seed
            )
            began = time.perf_counter()
            data = prepare(config, [store], train)
            checkpoint = train_seed(config, data, folder=Path(folder) / "run", seed=seed)
            seconds += (time.perf_counter() - began) / len(seeds)
            parameters = sum(parameter.numel() for parameter in checkpoint.build_head().parameters())
            for measure_name, value in measure(checkpoint, store, test).items():
                values[measure_name].append(value)
    return Row(name, values, seconds, parameters)


def table(rows: Sequence[Row], *, title: str) -> str:
    """Markdown."""
    header = ["", *MEASURES, "seconds", "parameters"]
    lines = [title, "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        cells = [row.name, *map(row.cell, MEASURES), f"{row.seconds:.0f}", f"{row.parameters:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=click.Choice(list(FEATURE_HEADS)),
    help="Default: every head, on one scene.",
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    default=["default", "cameras"],
    show_default=True,
    help="Preset of these heads; may be repeated.",
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="As in vad-score train.")
@click.option(
    "--seeds",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="How many, each with its own random videos.",
)
@click.option(
    "--first-seed",
    default=100,
    show_default=True,
    type=click.IntRange(0),
    help="Presets were chosen on seeds below 100.",
)
@click.option(
    "--mechanism",
    "mechanisms",
    multiple=True,
    type=click.Choice(["all", *MECHANISMS]),
    help="Compare a head with and without it.",
)
@click.option(
    "--chance",
    is_flag=True,
    help="Videos of six cameras whose features say nothing about the label: the spread of chance.",
)
@click.option("--scale", is_flag=True, help="1,610 training and 290 test videos instead of 160 and 60.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the numbers here.",
)
def main(heads, presets, overrides, seeds, first_seed, mechanisms, chance, scale, threads, json_file):
    """Print a table of planted anomalies: mean and deviation over seeds."""
    torch.set_num_threads(threads)
    chosen = MECHANISMS if "all" in mechanisms else mechanisms
    runs = []
    for preset in presets:
        for name in heads or (() if mechanisms else FEATURE_HEADS):
            runs.append((f"{name}, {preset}", name, preset, (), unmarked if chance else shifted))
        for name in chosen:
            each = MECHANISMS[name]
            runs.append((f"{each.head}, {preset}: {name}", each.head, preset, each.on, each.scene))
            runs.append(
                (f"{each.head}, {preset}: without", each.head, preset, each.on + each.off, each.scene)
            )
    rows, done, seed_range = [], {}, range(first_seed, first_seed + seeds)
    for title, head, preset, settings, scene in runs:
        config = resolve(preset_of(head, preset), overrides=[*settings, *overrides])
        key = config.to_yaml(), scene
        # Several mechanisms of a head are compared with the same complete head.
        if key not in done:
            done[key] = bench(title, config, scene, seeds=seed_range, sizes=SIZES[scale])
        rows.append(replace(done[key], name=title))
        click.echo(f"{title}: frame AUC {rows[-1].cell('frame_auc')}, {rows[-1].seconds:.0f} s", err=True)
    train, test = SIZES[scale]
    click.echo(table(rows, title=f"{train} training and {test} test videos, {seeds} seeds from {first_seed}"))
    if json_file is not None:
        json_file.write_text(json.dumps([vars(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
