"""Whether runs go together in an ensemble: different ones, of paired seeds, classes and validation videos."""

from __future__ import annotations

import os
from collections.abc import Sequence

from extract.runtime.foreign.printable import printable
from extract.runtime.text import counted, listed
from score.runs.checkpoint import Checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_folders import checkpoint_paths
from score.runs.validation_record import ValidationRecord


def check_different(names: Sequence[str]) -> None:
    found: dict[str, str] = {}
    for name in names:
        for path in checkpoint_paths(name):
            place = os.path.realpath(path)
            if place in found:
                raise CheckpointError(
                    f"{found[place]} and {name} are the same run: {printable(place)} would count twice; name "
                    "each run once, and give weights with --run-weights"
                )
        for path in checkpoint_paths(name):
            found[os.path.realpath(path)] = name


def paired(names: Sequence[str], runs: Sequence[Sequence[Checkpoint]]) -> list[tuple[Checkpoint, ...]]:
    """Runs with equally many seeds."""
    count = max(map(len, runs))
    for name, run in zip(names, runs, strict=True):
        if len(run) not in (1, count):
            longest = names[[len(each) for each in runs].index(count)]
            raise CheckpointError(
                f"{longest} has {count} seeds and {name} has {len(run)}, which cannot be paired; name one "
                "seed's folder of each, or train equally many"
            )
    return [tuple(run) if len(run) == count else tuple(run) * count for run in runs]


def check_classes(names: Sequence[str], runs: Sequence[Sequence[Checkpoint]]) -> None:
    first = runs[0][0].bag_spec.event_classes
    for name, run in zip(names[1:], runs[1:], strict=True):
        if (other := run[0].bag_spec.event_classes) != first:
            raise CheckpointError(
                f"{names[0]} knows the event classes {listed(first)} and {name} knows {listed(other)}: their "
                "scores are about different things; train both with the same list"
            )


def common_videos(names: Sequence[str], runs: Sequence[Sequence[Checkpoint]]) -> tuple[str, ...]:
    """The videos that validated every seed of every run, in the order of the first."""
    found: list[ValidationRecord] = []
    for name, run in zip(names, runs, strict=True):
        for each in run:
            if each.validation_record is None:
                old = not each.validation or bool(each.lists.get("train", {}).get("held_out"))
                reason = "was trained by an earlier version or" if old else "was trained"
                raise CheckpointError(
                    f"{name}: seed {each.seed} {reason} without validation videos, so it has no "
                    "recorded scores to bring runs to one scale; train it with --val, or with "
                    "train.validation_share=0.2"
                )
            found.append(each.validation_record)
    common = set(found[0].video_ids).intersection(*(each.video_ids for each in found[1:]))
    if not common:
        sizes = ", ".join(
            f"{name} {counted(run[0].validation_record.video_ids, 'video')}"
            for name, run in zip(names, runs, strict=True)
            if run[0].validation_record is not None
        )
        raise CheckpointError(
            f"no video validated every run ({sizes}), so there is nothing to weigh them on; train them with "
            "the same list and the same train.validation_seed, or the same --val"
        )
    video_ids = tuple(name for name in found[0].video_ids if name in common)
    labels = [each.of(video_ids).anomalous for each in found]
    for each in labels[1:]:
        if differing := [
            name for name, one, two in zip(video_ids, labels[0], each, strict=True) if one != two
        ]:
            raise CheckpointError(
                f"the runs disagree about which videos are anomalous ({listed(differing)}): their lists "
                "differ; train them with the same list"
            )
    return video_ids
