"""K folds over videos: every video is tested once, no group is split, classes are spread evenly.

Not scikit-learn's StratifiedGroupKFold: it deals groups in another order, so that a benchmark folder begun
with these folds could not be continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_lists import ListError, Video

GROUPINGS = ("group", "video")


@dataclass(frozen=True)
class Fold:
    """Videos to train on and videos to test on; both in the order of the list."""

    train: tuple[Video, ...]
    test: tuple[Video, ...]


def make_folds(videos: Sequence[Video], number: int, *, group_by: str = "group", seed: int = 0) -> list[Fold]:
    """Split videos into folds.

    group_by: "group" keeps the videos of a group together, and a video without a group is a group of its own;
    "video" ignores groups. Raises ListError for too few groups, and where a fold would train on one class
    only.
    """
    if number < 2:
        raise ValueError(f"{number} folds requested, expected at least 2")
    if group_by not in GROUPINGS:
        raise ValueError(f"group_by is {group_by!r}, expected one of {', '.join(GROUPINGS)}")
    names = [_name(video, group_by) for video in videos]
    groups = list(dict.fromkeys(names))
    if len(groups) < number:
        raise ListError(
            [f"{len(groups)} groups cannot make {number} folds; use fewer folds, or --group-by video"]
        )
    member = np.array([groups.index(name) for name in names])
    anomalous = np.array([video.is_anomalous for video in videos])
    size = np.stack(
        [np.bincount(member[anomalous == label], minlength=len(groups)) for label in (0, 1)], axis=1
    )
    place = _deal(size, number, seed=seed)[member]  # [V], the fold that tests each video
    folds = [
        Fold(
            train=tuple(video for video, fold in zip(videos, place, strict=True) if fold != each),
            test=tuple(video for video, fold in zip(videos, place, strict=True) if fold == each),
        )
        for each in range(number)
    ]
    _check_classes(folds)
    return folds


def _name(video: Video, group_by: str) -> tuple[str, str]:
    if group_by == "group" and video.group is not None:
        return ("group", video.group)
    return ("video", video.video_id)


def _deal(size: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """The fold of every group, int64 [G]: large groups first, each to where the classes stay most even.

    size: [G, 2], normal and anomalous videos of each group.
    """
    # The number of videos counts as a third class, so that folds get even in size too.
    size = np.concatenate([size, size.sum(axis=1, keepdims=True)], axis=1)
    order = np.random.default_rng([seed, len(size)]).permutation(len(size))
    order = order[np.argsort(-size[order, 2], kind="stable")]
    target = np.maximum(size.sum(axis=0) / number, 1e-9)  # per fold
    held = np.zeros((number, 3))
    fold_of = np.zeros(len(size), dtype=np.int64)
    for rank, group in enumerate(order):
        # How much the unevenness of all folds grows if this fold takes the group, for each fold.
        cost = (((held + size[group]) / target) ** 2 - (held / target) ** 2).sum(axis=1)
        left = len(order) - rank
        empty = held[:, 2] == 0
        # No fold may stay without a video.
        if empty.sum() >= left:
            cost[~empty] = np.inf
        fold_of[group] = int(np.argmin(cost))
        held[fold_of[group]] += size[group]
    return fold_of


def _check_classes(folds: Sequence[Fold]) -> None:
    for number, fold in enumerate(folds):
        anomalous = sum(video.is_anomalous for video in fold.train)
        if anomalous in (0, len(fold.train)):
            lacking = "normal" if anomalous else "anomalous"
            raise ListError(
                [
                    f"fold {number} would train on no {lacking} video: its groups hold all of them; use "
                    "fewer folds, or --group-by video"
                ]
            )
