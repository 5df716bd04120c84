"""Runs of different heads whose scores are averaged: on which scale, and with which weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_lists.video import NORMAL
from extract.runtime.foreign.printable import printable
from extract.runtime.text import counted
from extract.store import FeatureStore
from score.metrics.thresholds import Thresholds, ValidationScores, default_rule
from score.runs.checkpoint import Checkpoint, load_run
from score.runs.checkpoint_error import CheckpointError
from score.runs.validation_record import ValidationRecord
from score.scoring.run_pairing import check_classes, check_different, common_videos, paired
from score.scoring.run_weights import AUTO, MOST_RUNS, choose_weights, parse_weights
from score.scoring.score_scale import ScoreScale, blend, only_one


@dataclass(frozen=True)
class SeedScales:
    """Of one seed of every run: the scales of segment scores and of video scores."""

    segment: tuple[ScoreScale, ...]
    video: tuple[ScoreScale, ...]


@dataclass(frozen=True)
class Ensemble:
    """M runs of S seeds each. names: of the runs, as they were given. weights: add up to 1.

    weights_from: who chose them, in words. video_ids: the validation videos of every run, on which scales,
    weights and thresholds rest. scales: of each seed.
    """

    names: tuple[str, ...]
    runs: tuple[tuple[Checkpoint, ...], ...]
    weights: tuple[float, ...]
    weights_from: str
    video_ids: tuple[str, ...]
    scales: tuple[SeedScales, ...]

    @property
    def num_seeds(self) -> int:
        return len(self.runs[0])

    @property
    def seed_checkpoints(self) -> list[tuple[Checkpoint, ...]]:
        """Of every seed, the checkpoints of all runs: [S][M]."""
        return list(zip(*self.runs, strict=True))

    @property
    def title(self) -> str:
        """For example 0.60 mil on motion + 0.40 ur-dmu on i3d-rgb, 5 seeds."""
        parts = [
            f"{weight:.2f} {run_title(run[0])}" for weight, run in zip(self.weights, self.runs, strict=True)
        ]
        return f"{' + '.join(parts)}, {counted(range(self.num_seeds), 'seed')}"

    def describe(self) -> list[dict]:
        """What JSON and pages say about each run: run, head, presets, weight."""
        return [
            {
                "run": printable(name),
                "head": run[0].config.name,
                "presets": [spec.preset for spec in run[0].specs],
                "weight": weight,
            }
            for name, run, weight in zip(self.names, self.runs, self.weights, strict=True)
        ]

    def match_stores(self, stores: Sequence[FeatureStore]) -> list[FeatureStore]:
        """The stores of every run one after another; runs may share one. Raises CheckpointError."""
        found = []
        for name, run in zip(self.names, self.runs, strict=True):
            for spec in run[0].specs:
                closest = min(stores, key=lambda store: len(store.spec.differences(spec)))
                if differences := closest.spec.differences(spec):
                    raise CheckpointError(
                        f"no store has the features of {name} ({spec.preset}, {spec.modality}): "
                        f"{closest.root} differs in {'; '.join(differences)}"
                    )
                found.append(closest)
        if spare := [str(store.root) for store in stores if store not in found]:
            raise CheckpointError(f"no run was trained on the features of {', '.join(spare)}; leave it out")
        return found

    def of_runs(self, each: Sequence) -> Iterator[Sequence]:
        """What belongs to each run, of one thing per store and run."""
        begin = 0
        for run in self.runs:
            stop = begin + len(run[0].specs)
            yield each[begin:stop]
            begin = stop

    def stand_in(self, seed: int) -> Checkpoint:
        """The first run's checkpoint of a seed, with what the ensemble held out in place of its own lists."""
        first = self.runs[0][seed]
        record = _record(first).of(self.video_ids)
        # Weak labels are all that a threshold needs, so a normal and another class are enough.
        classes = [("Anomaly" if flag else NORMAL) for flag in record.anomalous]
        seen = sorted(set().union(*(run[seed].seen for run in self.runs)))
        train = {"video_ids": seen, "held_out": {"video_ids": list(self.video_ids), "event_classes": classes}}
        return replace(first, lists={"train": train}, validation={}, source=None)

    def thresholds(self) -> Thresholds:
        """Chosen on the recorded scores of validation videos, one per seed.

        A weight of 1 gives what training recorded for that run, if it recorded one.
        """
        alone = only_one(self.weights)
        if alone is not None:
            known = [each.validation.get("frame_threshold") for each in self.runs[alone]]
            chosen = tuple(each for each in known if each is not None)
            if len(chosen) == len(known):
                return Thresholds(chosen, chosen, "best-f1", "chosen on validation")
        seeds = [
            validation_scores(
                [_record(each).of(self.video_ids) for each in checkpoints], scales, self.weights
            )
            for checkpoints, scales in zip(self.seed_checkpoints, self.scales, strict=True)
        ]
        anomalous = seeds[0].anomalous
        if anomalous.all():
            return Thresholds((0.5,), (0.5,), "fixed:0.5", "the default: all validation videos are anomalous")
        rule = default_rule(anomalous.tolist(), one_class=not anomalous.any())
        return rule.choose(seeds).because(f"chosen on {len(anomalous)} validation videos")


def validation_scores(
    records: Sequence[ValidationRecord], scales: SeedScales, weights: Sequence[float]
) -> ValidationScores:
    """The scores of one seed of an ensemble on its validation videos, a "frame" being a recorded segment.

    Runs whose features have other segments are compared at equal shares of a video's length.
    """
    video = blend([each.video_score for each in records], scales.video, weights)
    frames = []
    for rows in zip(*(each.segment_score for each in records), strict=True):
        longest = max(map(len, rows))
        even = [row[np.arange(longest) * len(row) // longest] for row in rows]
        frames.append(blend(even, scales.segment, weights))
    return ValidationScores(records[0].anomalous, video, tuple(frames))


def load_ensemble(
    paths: Sequence[Path | str], *, weights: str = AUTO, join: str | None = None, all_seeds: bool = True
) -> Ensemble:
    """Load runs, seeds' folders or checkpoint files whose scores are averaged. weights: as --run-weights.

    Seeds are paired in their order; a run of one seed goes with every seed of the others. all_seeds: False
    keeps the best seed of each run by validation. Raises CheckpointError for runs that do not go together,
    ValueError for weights.
    """
    names = [str(path) for path in paths]
    if len(names) > MOST_RUNS:
        raise ValueError(f"{len(names)} runs are given, expected at most {MOST_RUNS}")
    check_different(names)
    loaded = [[each.joining(join) for each in load_run(path)] for path in paths]
    if not all_seeds:
        loaded = [[best_seed(run)] for run in loaded]
    runs = paired(names, loaded)
    check_classes(names, runs)
    video_ids = common_videos(names, runs)
    scales = tuple(
        SeedScales(
            tuple(ScoreScale.of(np.concatenate(record.segment_score)) for record in records),
            tuple(ScoreScale.of(record.video_score) for record in records),
        )
        for records in ([_record(each).of(video_ids) for each in group] for group in zip(*runs, strict=True))
    )
    given = parse_weights(weights, len(runs))
    source = "equal" if weights == "equal" else "--run-weights"
    if given is None:
        flags = _record(runs[0][0]).of(video_ids).anomalous
        ranks = [
            np.stack(
                [
                    scale.video[number].ranks(_record(each).of(video_ids).video_score)
                    for each, scale in zip(run, scales, strict=True)
                ]
            )
            for number, run in enumerate(runs)
        ]
        given = choose_weights(ranks, flags)
        source = f"chosen by the AUC on {len(video_ids)} videos that validated every run"
    return Ensemble(tuple(names), tuple(runs), given, source, video_ids, scales)


def best_seed(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The seed with the best validation video AUC, or the first if none was validated."""
    # A seed without validation counts as 0, and max keeps the first of several equal ones.
    return max(checkpoints, key=lambda each: each.validation.get("video_auc") or 0.0)


def run_title(checkpoint: Checkpoint) -> str:
    """Its head and presets."""
    return f"{checkpoint.config.name} on {' + '.join(spec.preset for spec in checkpoint.specs)}"


def _record(checkpoint: Checkpoint) -> ValidationRecord:
    assert checkpoint.validation_record is not None  # common_videos has refused others
    return checkpoint.validation_record
