"""The terms of the score: how far each clip is from what normal clips are like.

    appearance      squared error of the frame and the predicted frame, in the worst patch (dB)
    motion          squared error of the flow expected from the frame, in the worst patch (dB)
                    (both relative to what is normal at that location, with a background model)
    realism         minus the clip discriminator's logit of the predicted frames
    people          squared error of the adjacency expected from what two people do, of the worst pair
    people_realism  minus the graph discriminator's logit of the reconstructed people

High is anomalous. Terms about people are unknown where there is nobody.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.frame_generator import half_size

VISUAL, GRAPH = ("appearance", "motion", "realism"), ("people", "people_realism")
NAMES = (*VISUAL, *GRAPH)
# Sides of a patch, as a part of the height: single pixels are wrong everywhere, objects are as large as a
# patch.
PATCH, FLOW_PATCH = 6, 12
FLOOR = 1e-4  # squared error below which a frame counts as perfect


def smoothed(error: Tensor, patch: int = PATCH) -> Tensor:
    """Mean over a patch around each pixel, whose side is H / patch: [n, H, W] -> the same."""
    side = _side(error, patch)
    return F.avg_pool2d(error[:, None], side, stride=1, padding=side // 2, count_include_pad=False)[:, 0]


def in_worst_patch(smooth: Tensor, patch: int = PATCH) -> Tensor:
    """The highest value of the patches that hold a pixel, given `smoothed` values: [n, H, W] -> the same."""
    side = _side(smooth, patch)
    return F.max_pool2d(smooth[:, None], side, stride=1, padding=side // 2)[:, 0]


def _side(maps: Tensor, patch: int) -> int:
    return max(1, maps.shape[1] // patch) // 2 * 2 + 1


def frame_error(clips: Clips, now: Tensor, following: Tensor) -> Tensor:
    """Mean squared error of both frames, smoothed: [n, k, H, W]. now, following: [n, k, 3, H, W]."""
    error = ((now - clips.frames).square() + (following - clips.following).square()).mean(dim=2) / 2
    return smoothed(error.flatten(0, 1)).unflatten(0, error.shape[:2])


def flow_error(clips: Clips, flow: Tensor) -> Tensor:
    """Squared error of the expected flow, smoothed, at half size: [n, k, h, w]."""
    error = (flow - half_size(clips.motion.flatten(0, 1)).unflatten(0, flow.shape[:2])).square().sum(dim=2)
    return smoothed(error.flatten(0, 1), FLOW_PATCH).unflatten(0, error.shape[:2])


def pair_error(clips: Clips, adjacency: Tensor) -> Tensor:
    """Squared error of the adjacency of every two people: [n, k, P, P]."""
    return (adjacency - clips.adjacency).square().sum(dim=2)


def decibels(error: Tensor, place: Tensor) -> Tensor:
    """Relative to what is normal at a location: [n, k, H, W], [H, W] -> [n, k, H, W]."""
    return 10 * ((error + FLOOR) / (place + FLOOR)).log10()


def worst(error: Tensor, place: Tensor, shown: Tensor) -> Tensor:
    """The worst patch in dB, as mean over the frames that count: [n, k, H, W], [H, W], [n, k] -> [n]."""
    return mean_shown(decibels(error, place).amax(dim=(2, 3)), shown)


def mean_shown(values: Tensor, shown: Tensor) -> Tensor:
    """Mean over frames: [n, k], weights [n, k] -> [n]."""
    return (values * shown).sum(dim=1) / shown.sum(dim=1).clamp(min=1)


def fused(standard: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """Weighted sum of terms, alpha of the visual ones and 1 - alpha of the people: [n, K], [K] -> [n]."""
    weighted = standard * weights
    cut = len(VISUAL)
    return alpha * weighted[:, :cut].sum(dim=1) + (1 - alpha) * weighted[:, cut:].sum(dim=1)


def averaged(values: Tensor, decay: float) -> Tensor:
    """Exponential moving average along time, which starts at each bag's first value: [B, T]."""
    if decay == 0 or values.shape[1] < 2:
        return values
    rows = [values[:, 0]]
    for value in values.unbind(dim=1)[1:]:
        rows.append(decay * rows[-1] + (1 - decay) * value)
    return torch.stack(rows, dim=1)


def squashed(values: Tensor) -> Tensor:
    """To (0, 1), with 0.5 for normal; keeps the order of large values, where a float32 sigmoid saturates."""
    return 0.5 * (1 + values / (1 + values.abs()))
