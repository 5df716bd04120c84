"""A class from a few examples: a head gets a row for it, and nothing else of the head is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from data_lists import ListError, Video
from data_lists.video import NORMAL
from extract.runtime.text import counted, listed
from extract.store.texts import ClassTexts
from score.bags.bags import BagSpec
from score.config.run_config import ConfigError, RunConfig, resolve
from score.runs.checkpoint import build_head
from score.runs.checkpoint_error import CheckpointError
from score.runs.without_values import without_values
from score.training.starting_point import Growth, StartingPoint, check_classes, settings_from

# What a training with shots sets unless somebody sets it.
SETTINGS = (
    "train.validation_share=0",
    "train.select=last",
    "train.average=0",
    "train.optimizer.name=adam",
    "train.optimizer.weight_decay=0",
    "train.optimizer.schedule=constant",
    "train.optimizer.lr=0.01",
    "train.epochs=10",
    "train.steps_per_epoch=10",
    "train.feedback_share=0.5",
    "data.exchange=0",
    "data.feature_dropout=0",
)


@dataclass(frozen=True)
class Shots:
    """Videos to train on: the examples drawn, by class, and beside them only videos of known classes.

    seed: by which they were drawn.
    """

    videos: list[Video]
    drawn: dict[str, tuple[str, ...]]
    seed: int

    @property
    def video_ids(self) -> set[str]:
        return {name for names in self.drawn.values() for name in names}


def draw_shots(
    start: StartingPoint,
    videos: Sequence[Video],
    count: int,
    *,
    seed: int,
    validation: Sequence[Video] = (),
) -> Shots:
    """Draw `count` videos of each class that a checkpoint does not predict.

    A draw follows from the ids of the class, the seed and the count alone. The examples that are not drawn
    are left out, so that they may test the result. Raises CheckpointError for lists without a new class, and
    for a new class that only validation videos have; ListError for a class with fewer videos.
    """
    known = start.checkpoint.bag_spec.event_classes
    found = sorted({video.event_class for video in videos} - {NORMAL})
    new = [name for name in found if name not in known]
    if not new:
        raise CheckpointError(
            f"--shots adds a class, but {start.source.path} already predicts {listed(known)}, and the "
            f"lists have only {listed(found) if found else NORMAL}: name the new class in the column "
            "event_class, or leave --shots out to fine-tune"
        )
    check_classes(start, sorted({video.event_class for video in validation} - set(new)))
    drawn = {}
    for name in new:
        ids = sorted(video.video_id for video in videos if video.event_class == name)
        if len(ids) < count:
            have = counted(ids, "video")
            raise ListError(
                [f"the class {name} has {have}, --shots asks for {count}: list more, or ask for fewer"]
            )
        order = np.random.default_rng([seed, crc32(name.encode())]).permutation(len(ids))
        drawn[name] = tuple(sorted(ids[place] for place in order[:count]))
    chosen = {name for names in drawn.values() for name in names}
    kept = [video for video in videos if video.event_class not in new or video.video_id in chosen]
    return Shots(kept, drawn, seed)


def shot_settings(
    start: StartingPoint,
    head: str | None,
    *,
    file: Path | str | None = None,
    overrides: Iterable[str] = (),
) -> RunConfig:
    """As settings_from, with those of few shots below what a file and --set give.

    Raises ConfigError also for settings that would train more than the new rows.
    """
    config = resolve(start.checkpoint.config, overrides=SETTINGS)
    below = replace(start, checkpoint=replace(start.checkpoint, config=config))
    config = settings_from(below, head, file=file, overrides=overrides)
    train = config.train
    problems = [
        f"{name} is {value!r}, but --shots trains the rows of new classes alone: leave it at {expected!r}"
        for name, value, expected in (
            ("train.optimizer.weight_decay", train.optimizer.weight_decay, 0.0),
            ("train.validation_share", train.validation_share, 0.0),
            ("train.average", train.average, 0.0),
            ("train.select", train.select, "last"),
        )
        if value != expected
    ]
    if not train.epochs:
        problems.append("train.epochs is 0, which trains no class: give at least 1")
    if problems:
        raise ConfigError(problems)
    return config


def grown(start: StartingPoint, new: Iterable[str], texts: ClassTexts | None = None) -> StartingPoint:
    """The checkpoint with rows for more classes, the last ones, drawn by its seed as in a new head.

    texts: of the old classes, as they were, and the new ones; for checkpoints that were trained with texts.
    Raises CheckpointError for heads without rows of classes, and for texts that do not go with it.
    """
    checkpoint, new = start.checkpoint, tuple(new)
    config, spec = checkpoint.config, checkpoint.bag_spec
    _check_texts(start, new, texts)
    wider = replace(
        spec,
        event_classes=(*spec.event_classes, *new),
        class_counts=(*spec.class_counts, *(0 for _ in new)),
        texts=spec.texts if texts is None or spec.texts is None else texts,
        added=spec.added + len(new),
    )
    names = class_rows(config, wider, len(new))
    if not names:
        why = "names no event classes" if spec.texts is None else "learns nothing about a class but its text"
        raise CheckpointError(
            f"{start.source.path} is a {config.name}, which {why}, so --shots has no row to add: leave "
            "--shots out to fine-tune it on the same lists"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(checkpoint.seed)
        fresh = build_head(config, wider).state_dict()
    known = len(spec.event_classes)
    weights = {
        name: torch.cat([rows, fresh[name][known:].to(rows)]) if name in names else rows
        for name, rows in checkpoint.weights.items()
    }
    return replace(
        start,
        checkpoint=replace(checkpoint, bag_spec=wider, weights=weights),
        growth=Growth(names, known),
    )


def class_rows(config: RunConfig, bag_spec: BagSpec, last: int) -> tuple[str, ...]:
    """Names of the trained parameters that have a row per event class. last: classes of bag_spec left out."""
    fewer = replace(
        bag_spec,
        event_classes=bag_spec.event_classes[:-last],
        class_counts=bag_spec.class_counts[:-last],
        added=bag_spec.added - last,
    )
    with without_values():
        before = dict(build_head(config, fewer).named_parameters())
        now = dict(build_head(config, bag_spec).named_parameters())
    return tuple(
        name for name, rows in now.items() if rows.requires_grad and rows.shape != before[name].shape
    )


def freeze(head: nn.Module, growth: Growth) -> None:
    """Let training reach the new rows alone. The old rows get gradients of 0, which move nothing."""

    def of_new(gradient: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(gradient[: growth.known]), gradient[growth.known :]])

    for name, rows in head.named_parameters():
        rows.requires_grad_(name in growth.names)
        if name in growth.names:
            rows.register_hook(of_new)


def _check_texts(start: StartingPoint, new: Sequence[str], texts: ClassTexts | None) -> None:
    spec, path = start.checkpoint.bag_spec, start.source.path
    if spec.texts is None:
        return
    try:
        (texts or spec.texts).rows(new)
    except ValueError as error:
        raise CheckpointError(
            f"{path} compares features with texts, and {error}; --texts FILE gives them, made by vad-extract "
            f"text with the names {listed((*spec.event_classes, *new), shown=100)}"
        ) from None
    if texts is None:
        return
    try:
        same = np.array_equal(texts.rows(spec.event_classes), spec.texts.rows(spec.event_classes))
    except ValueError as error:
        raise CheckpointError(f"--texts: {error}; {path} predicts that class too") from None
    if not same:
        raise CheckpointError(
            f"--texts has other vectors of the old classes than {path} was trained with, whose scores would "
            "change: make texts with the same weights and prompts"
        )
