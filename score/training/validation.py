"""The part of the training videos that selects: carved by video and by group, and how a head does on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from data_lists import Video
from score.bags.cache import BagCache
from score.heads.base import Head
from score.heads.losses import video_cross_entropy
from score.metrics import Curve
from score.metrics.thresholds import above_percentile

USUAL = 99.0  # percentile of normal training videos that is no alarm where nothing else chose a threshold
ATTEMPTS = 20  # random orders of the groups; without groups the first one already fits exactly


@dataclass(frozen=True)
class Division:
    """train and validation videos; reason says why validation is empty."""

    train: tuple[Video, ...]
    validation: tuple[Video, ...]
    reason: str = ""


def carve(videos: Sequence[Video], share: float, *, seed: int = 0) -> Division:
    """Hold out about `share` of the normal and of the anomalous videos. A group is never split.

    Videos without a group stand alone. Both parts hold both classes; where that cannot be, none is held out.
    """
    videos = tuple(videos)
    if share == 0:
        return Division(videos, (), "none is asked for")
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
        return Division(videos, (), reason)
    wanted = np.maximum(1, np.round(total * share))
    random = np.random.default_rng([seed, len(videos)])
    best, best_distance = None, np.inf
    for _ in range(ATTEMPTS):
        chosen = _choose(size, wanted, random.permutation(len(place)))
        held = size[chosen].sum(axis=0)
        distance = np.abs(held - wanted).sum()
        if (held > 0).all() and distance < best_distance:
            best, best_distance = chosen, distance
        if best_distance == 0:
            break
    if best is None:
        reason = f"its {len(place)} groups cannot be divided so that both parts hold both classes"
        return Division(videos, (), reason)
    out = np.isin(member, best)
    return Division(
        tuple(video for video, held in zip(videos, out, strict=True) if not held),
        tuple(video for video, held in zip(videos, out, strict=True) if held),
    )


def _choose(size: np.ndarray, wanted: np.ndarray, order: np.ndarray) -> list[int]:
    """Take groups in this order while each brings the counts nearer, up to half of a class."""
    total = size.sum(axis=0)
    limit = np.maximum(wanted, total // 2)
    held, chosen = np.zeros(2), []
    for group in order:
        after = held + size[group]
        nearer = np.abs(after - wanted).sum() < np.abs(held - wanted).sum()
        if nearer and (after <= limit).all() and (after < total).all():
            held, chosen = after, [*chosen, group]
    return chosen


@torch.no_grad()
def cache_scores(
    head: Head, cache: BagCache, *, device: torch.device | str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """The video score and the highest segment score of every video of a cache, crops averaged: float64 [V] each.

    The head is in eval mode.
    """
    scores, peaks = np.empty(len(cache)), np.empty(len(cache))
    order = cache.length.argsort(stable=True)  # neighbours of like length need little padding
    begin = 0
    while begin < len(order):
        rows = cache.length[order[begin:]] * torch.arange(1, len(order) - begin + 1) * cache.num_crops
        videos = order[begin : begin + max(1, int((rows <= cache.rows_at_once).sum()))]
        output = head(cache.bags(videos).to(device))
        instance = (
            output.segment_score.unflatten(0, (len(videos), -1)).double().mean(dim=1)
        )  # [B, T], padding 0
        scores[videos.numpy()] = output.video_score.reshape(len(videos), -1).double().mean(dim=1).cpu()
        for video, rows in zip(videos.tolist(), instance.cpu().numpy(), strict=True):
            peaks[video] = cache.highest(video, rows)
        begin += len(videos)
    return scores, peaks


def judge(head: Head, cache: BagCache, *, device: torch.device | str = "cpu") -> dict[str, float | None]:
    """video_auc in [0, 1], the cross-entropy of the video scores, and for alarms the frame_threshold.

    frame_threshold: with which "some segment reaches it" tells anomalous from normal videos with the best F1, as
    best-f1 of score.metrics.thresholds without spans. video_auc and frame_threshold are None with one class only.
    """
    (scores, peaks), label = cache_scores(head, cache, device=device), cache.label.numpy()
    both = 0 < label.sum() < len(label)
    loss = video_cross_entropy(torch.from_numpy(scores), cache.label.double())
    return {
        "video_auc": float(roc_auc_score(label, scores)) if both else None,
        "loss": float(loss),
        "frame_threshold": Curve.of(label, peaks).best_f1()[0] if both else None,
    }


@torch.no_grad()
def usual_scores(head: Head, cache: BagCache, *, device: torch.device | str = "cpu") -> dict[str, float]:
    """usual_frame_score and usual_video_score: what USUAL % of the segments of normal videos stay below, and what
    that many of the videos stay below by their highest segment. They are alarms' thresholds of one-class heads, which
    are trained without an anomalous video to choose one by.

    cache: of training videos; each is scored whole, as it will be. The head is in eval mode.
    """
    segments = []
    for video in torch.nonzero(cache.label < 0.5)[:, 0].split(1):
        bags = cache.bags(video).to(device)
        segments.append(head(bags).segment_score[bags.mask].double().cpu().numpy())
    if not segments:
        return {}
    peaks = np.array([scores.max() for scores in segments])
    frame, video = above_percentile(np.concatenate(segments), USUAL), above_percentile(peaks, USUAL)
    return {"usual_frame_score": frame, "usual_video_score": video}
