"""Fine-tuning: the checkpoints that a training starts from, and what has to stay as it is in them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.text import listed
from score.bags.bags import BagSpec
from score.bags.standardise import has_unit_rows
from score.config.run_config import ConfigError, RunConfig, resolve
from score.runs.checkpoint import Checkpoint, build_head, load_run
from score.runs.checkpoint_error import CheckpointError
from score.runs.checkpoint_source import Source
from score.runs.run_folders import checkpoint_paths
from score.runs.without_values import without_values

BLOCK_BYTES = 1 << 20
# Settings of the section data that change how batches are drawn, but not what scores mean.
FREE = ("crops", "exchange", "feature_dropout", "segments.join", "segments.cut_at_most")
# The same of the section fusion.
FREE_FUSION = ("dropout", "weights")


@dataclass(frozen=True)
class Growth:
    """Rows that a trained head was given for new classes; see score.training.few_shots.

    names: of the parameters that have a row per event class, the new ones last. known: rows before.
    """

    names: tuple[str, ...]
    known: int


@dataclass(frozen=True)
class StartingPoint:
    """Trained weights that a training starts from. source: what the new checkpoint records about them.

    growth: where only rows of new classes are trained; None where everything is.
    """

    checkpoint: Checkpoint
    source: Source
    growth: Growth | None = None


def starting_points(path: Path | str) -> list[StartingPoint]:
    """Those of a run, one per seed, or that of a seed's folder or a checkpoint file.

    Raises CheckpointError for anything else, and for seeds that are no one run.
    """
    found = []
    for file, checkpoint in zip(checkpoint_paths(path), load_run(path), strict=True):
        source = Source(
            path=printable(str(file)),
            sha256=_sha256(file),
            seed=checkpoint.seed,
            epoch=checkpoint.epoch,
            lists=checkpoint.lists,
            fingerprints=checkpoint.fingerprints,
            source=checkpoint.source,
        )
        found.append(StartingPoint(checkpoint, source))
    first = found[0].checkpoint
    if any(_other_scale(first, each.checkpoint) for each in found):
        raise CheckpointError(
            f"{path}: its seeds standardise features differently; start from one seed's folder"
        )
    return found


def start_of(starts: Sequence[StartingPoint], seed: int) -> StartingPoint | None:
    """Where a seed starts: from the same seed of a run, or from the only checkpoint; None without any.

    Raises CheckpointError for a run without this seed.
    """
    if len(starts) < 2:
        return starts[0] if starts else None
    for start in starts:
        if start.checkpoint.seed == seed:
            return start
    seeds = ", ".join(str(start.checkpoint.seed) for start in starts)
    raise CheckpointError(
        f"seed {seed} has no weights to start from: the run of --from has the seeds {seeds}; train those, or "
        "start all from one seed's folder"
    )


def settings_from(
    start: StartingPoint,
    head: str | None,
    *,
    file: Path | str | None = None,
    overrides: Iterable[str] = (),
) -> RunConfig:
    """The settings of a checkpoint, with those of a file and of --set.

    head: as it was asked for, None for that of the checkpoint. Raises ConfigError for another head, and with
    every setting that does not go with the weights.
    """
    checkpoint = start.checkpoint
    old = checkpoint.config
    if head not in (None, old.name):
        raise ConfigError([f"--head is {head}, but {start.source.path} is a checkpoint of {old.name}"])
    new = resolve(old, file=file, overrides=overrides)
    problems = [
        f"data.{name} is {now!r}, but {start.source.path} was trained with {before!r}: scores would mean "
        "something else; leave it out, or train a new head"
        for name, before, now in _differing(dataclasses.asdict(old.data), dataclasses.asdict(new.data))
        if name not in FREE and not (name == "normalise" and _same_rows(before, now, checkpoint.bag_spec))
    ]
    problems += [
        f"fusion.{name} is {now!r}, but {start.source.path} was trained with {before!r}: scores would mean "
        "something else; leave it out, or train a new head"
        for name, before, now in _differing(dataclasses.asdict(old.fusion), dataclasses.asdict(new.fusion))
        if name not in FREE_FUSION
    ]
    if _shapes(new, checkpoint.bag_spec) != _shapes(old, checkpoint.bag_spec):
        problems += [
            f"head.{name} is {now!r}, but {start.source.path} was trained with {before!r}: its weights would "
            "not fit; leave it out, or train a new head"
            for name, before, now in _differing(dataclasses.asdict(old.head), dataclasses.asdict(new.head))
        ]
    if problems:
        raise ConfigError(problems)
    return new


def predicts_classes(config: RunConfig, bag_spec: BagSpec) -> bool:
    """Whether the weights of a head depend on the event classes."""
    bag_spec = replace(bag_spec, texts=None)  # with texts their number may not show in any shape
    more = replace(
        bag_spec,
        event_classes=(*bag_spec.event_classes, "?"),
        class_counts=(*bag_spec.class_counts, 1),
    )
    return _shapes(config, more) != _shapes(config, bag_spec)


def check_classes(start: StartingPoint, event_classes: Sequence[str]) -> None:
    """Raise CheckpointError for event classes that a head cannot predict, because its weights know others."""
    known = start.checkpoint.bag_spec.event_classes
    if strange := [name for name in event_classes if name not in known]:
        raise CheckpointError(
            f"{start.source.path} predicts the event classes {listed(known)}; the lists also have "
            f"{listed(strange)}: rename them, or train a new head"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _shapes(config: RunConfig, bag_spec: BagSpec) -> dict[str, torch.Size]:
    with without_values():
        return {name: rows.shape for name, rows in build_head(config, bag_spec).state_dict().items()}


def _same_rows(before: object, now: object, bag_spec: BagSpec) -> bool:
    """Whether two values of data.normalise give the same rows, as wide and none do up to 128 features."""
    widths = bag_spec.feature_dims.values()
    return all(has_unit_rows(str(before), width) == has_unit_rows(str(now), width) for width in widths)


def _differing(old: dict, new: dict, prefix: str = "") -> list[tuple[str, object, object]]:
    """(dotted name, old value, new value) of the values that differ."""
    found = []
    for name, before in old.items():
        now, dotted = new[name], f"{prefix}{name}"
        if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
            found += _differing(before, now, f"{dotted}.")
        elif before != now:
            found.append((dotted, before, now))
    return found


def _other_scale(one: Checkpoint, other: Checkpoint) -> bool:
    first, second = one.standardisation, other.standardisation
    if first is None or second is None:
        return first is not second
    return any(
        not torch.equal(rows, second_part[name])
        for first_part, second_part in ((first.mean, second.mean), (first.deviation, second.deviation))
        for name, rows in first_part.items()
    )
