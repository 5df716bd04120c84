"""The hold-out split: the part of the training videos that selects the epoch and the alarm threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_lists import Video

ATTEMPTS = 20  # random orders of the groups; without groups the first one already fits exactly


@dataclass(frozen=True)
class HoldOut:
    """Both parts, in the order of the list.

    reason: why validation is empty, in words; "" if it is not.
    """

    train: tuple[Video, ...]
    validation: tuple[Video, ...]
    reason: str = ""


def hold_out(videos: Sequence[Video], share: float, *, seed: int = 0) -> HoldOut:
    """Hold out about `share` of the normal and of the anomalous videos; a group is never split.

    A video without a group is a group of its own. Both parts hold both classes; if that is impossible,
    nothing is held out.
    """
    videos = tuple(videos)
    if share == 0:
        return HoldOut(videos, (), "none was requested")
    names = [
        ("group", video.group) if video.group is not None else ("video", video.video_id) for video in videos
    ]
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    member = np.array([place[name] for name in names])
    anomalous = np.array([video.is_anomalous for video in videos])
    counts = [np.bincount(member[anomalous == label], minlength=len(place)) for label in (0, 1)]
    size = np.stack(counts, axis=1)  # [G, 2], normal and anomalous videos of each group
    total = size.sum(axis=0)
    if (total < 2).any():
        reason = f"there are {total[1]} anomalous and {total[0]} normal videos, and both parts need both"
        return HoldOut(videos, (), reason)
    target = np.maximum(1, np.round(total * share))
    random = np.random.default_rng([seed, len(videos)])
    best, best_distance = None, np.inf
    for _ in range(ATTEMPTS):
        chosen = _choose(size, target, random.permutation(len(place)))
        held = size[chosen].sum(axis=0)
        distance = np.abs(held - target).sum()
        if (held > 0).all() and distance < best_distance:
            best, best_distance = chosen, distance
        if best_distance == 0:
            break
    if best is None:
        reason = f"its {len(place)} groups cannot be divided so that both parts hold both classes"
        return HoldOut(videos, (), reason)
    held_out = np.isin(member, best)
    return HoldOut(
        tuple(video for video, held in zip(videos, held_out, strict=True) if not held),
        tuple(video for video, held in zip(videos, held_out, strict=True) if held),
    )


def _choose(size: np.ndarray, target: np.ndarray, order: np.ndarray) -> list[int]:
    """Take groups in this order while each brings the counts nearer to the target, up to half of a class."""
    total = size.sum(axis=0)
    limit = np.maximum(target, total // 2)
    held, chosen = np.zeros(2), []
    for group in order:
        after = held + size[group]
        nearer = np.abs(after - target).sum() < np.abs(held - target).sum()
        if nearer and (after <= limit).all() and (after < total).all():
            held, chosen = after, [*chosen, group]
    return chosen
