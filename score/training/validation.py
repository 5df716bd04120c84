"""How a head does on validation videos, and what it gives normal training videos."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from extract.runtime.memory_limits import naming_memory
from score.bags.cache import BagCache
from score.bags.clip_cache import ClipCache
from score.heads.base import Head
from score.heads.losses import video_cross_entropy
from score.metrics import Curve
from score.metrics.thresholds import NORMAL_PERCENTILE, above_percentile, best_f1_threshold
from score.training.divergence import NotFinite

Cache = BagCache | ClipCache


@torch.no_grad()
def score_cache(
    head: Head, cache: Cache, *, device: torch.device | str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """The video score and the highest segment score of every video, averaged over crops: float64 [V] each.

    The head is in eval mode. Raises NotFinite for scores that are NaN or infinite.
    """
    scores, segments = segment_scores(head, cache, device=device)
    return scores, np.array([rows.max() for rows in segments])


@torch.no_grad()
def segment_scores(
    head: Head, cache: Cache, *, device: torch.device | str = "cpu"
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The video scores, float64 [V], and the segment scores of every video, float64 [N]; as score_cache."""
    scores, segments = np.empty(len(cache)), [np.empty(0)] * len(cache)
    # Videos of similar length share a batch, which then needs little padding.
    order = cache.length.argsort(stable=True)
    begin = 0
    while begin < len(order):
        rows = cache.length[order[begin:]] * torch.arange(1, len(order) - begin + 1) * cache.num_crops
        videos = order[begin : begin + max(1, int((rows <= cache.rows_at_once).sum()))]
        with naming_memory(
            partial(_words, cache, videos), "use a machine with more, or hold out shorter videos"
        ):
            output = head(cache.bags(videos).to(device))
        instance = output.segment_score.unflatten(0, (len(videos), -1)).double().mean(dim=1)  # [B, T]
        scores[videos.numpy()] = output.video_score.reshape(len(videos), -1).double().mean(dim=1).cpu()
        for video, row in zip(videos.tolist(), instance.cpu().numpy(), strict=True):
            segments[video] = cache.segment_scores(video, row)
        begin += len(videos)
    if not np.isfinite(scores).all():
        raise NotFinite("validation scores are NaN or infinite")
    return scores, segments


def _words(cache: Cache, videos: torch.Tensor) -> str:
    place = int(videos[cache.length[videos].argmax()])
    more = f" and {len(videos) - 1} more in its batch" if len(videos) > 1 else ""
    return f"validation video {cache.video_ids[place]} ({int(cache.length[place])} instances){more}"


def validate(head: Head, cache: Cache, *, device: torch.device | str = "cpu") -> dict[str, float | None]:
    """video_auc in [0, 1], the cross-entropy of the video scores, and frame_threshold for alarms.

    frame_threshold: "some segment reaches it" separates anomalous from normal videos with the best F1; the
    rule best-f1 of score.metrics.thresholds without spans. video_auc and frame_threshold are None with one
    class.
    """
    (scores, peaks), label = score_cache(head, cache, device=device), cache.label.numpy()
    loss = video_cross_entropy(torch.from_numpy(scores), cache.label.double())
    both_classes = 0 < label.sum() < len(label)
    return {
        "video_auc": Curve.of(label, scores).auc().value,
        "loss": float(loss),
        "frame_threshold": best_f1_threshold(label, peaks) if both_classes else None,
    }


@torch.no_grad()
def normal_percentiles(
    head: Head, cache: Cache, *, device: torch.device | str = "cpu"
) -> dict[str, float | None]:
    """The NORMAL_PERCENTILE-th percentile of the segment scores of normal videos, and of their highest ones.

    Alarm thresholds of one-class heads, which have no anomalous training video to choose one by.
    Checkpoints and metrics.jsonl call them usual_frame_score and usual_video_score. cache: of training
    videos, each scored completely, as evaluation will. The head is in eval mode.
    """
    segments = []
    for video in torch.nonzero(cache.label < 0.5)[:, 0].split(1):
        bags = cache.bags(video).to(device)
        segments.append(head(bags).segment_score[bags.mask].double().cpu().numpy())
    if not segments:
        return {}
    peaks = np.array([scores.max() for scores in segments])
    return {
        "usual_frame_score": above_percentile(np.concatenate(segments), NORMAL_PERCENTILE),
        "usual_video_score": above_percentile(peaks, NORMAL_PERCENTILE),
    }
