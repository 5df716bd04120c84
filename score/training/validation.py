"""The part of the training videos that selects: carved by video and by group, and how a head does on it."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from score.bags.cache import BagCache
from score.heads.base import Head
from score.heads.losses import video_cross_entropy
from score.metrics import Curve
from score.metrics.thresholds import NORMAL_PERCENTILE, above_percentile


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
    """usual_frame_score and usual_video_score: what NORMAL_PERCENTILE % of the segments of normal videos stay below, and what
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
    frame, video = (
        above_percentile(np.concatenate(segments), NORMAL_PERCENTILE),
        above_percentile(peaks, NORMAL_PERCENTILE),
    )
    return {"usual_frame_score": frame, "usual_video_score": video}
