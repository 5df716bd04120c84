"""Pixel-level ROC by the UCSD criterion (Mahadevan et al., CVPR 2010).

At a threshold an anomalous frame is detected when at least 40 % of its anomalous pixels reach it; a normal
frame is a false positive when any pixel does. So one number per frame decides at every threshold: for an
anomalous frame the score that 40 % of its anomalous pixels reach, for a normal frame its highest score. The
ROC is that of these numbers. A map that is high everywhere does well by this criterion: read it together with
RBDC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from score.metrics.ranking import Curve, Measure

FOUND_SHARE = 0.4


@dataclass(frozen=True)
class PixelFrames:
    """label: uint8 [F], 1 where a frame has an anomalous pixel.

    score: float64 [F], the threshold up to which a frame is detected (anomalous) or a false positive
    (normal).
    """

    label: np.ndarray
    score: np.ndarray

    @classmethod
    def of(cls, maps: np.ndarray, masks: np.ndarray, *, share: float = FOUND_SHARE) -> PixelFrames:
        """maps: real [F, H, W], higher = more anomalous.

        masks: 0 or 1, of the same shape. Raises ValueError.
        """
        maps, masks = np.asarray(maps), np.asarray(masks)
        if maps.ndim != 3 or maps.shape != masks.shape or 0 in maps.shape[1:]:
            raise ValueError(
                f"maps have shape {list(maps.shape)}, masks {list(masks.shape)}; expected the same [F, H, W]"
            )
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}, expected more than 0 and at most 1")
        if ((masks != 0) & (masks != 1)).any():
            raise ValueError("masks must be 0 or 1")
        masks = masks.astype(bool)
        score = [_score(values, mask, share) for values, mask in zip(maps, masks, strict=True)]
        label = np.asarray(masks.any(axis=(1, 2)), dtype=np.uint8)
        return cls(label, np.array(score, dtype=np.float64))

    @classmethod
    def joined(cls, parts: list[PixelFrames]) -> PixelFrames:
        """The frames of all parts, one after another."""
        names = ("label", "score")
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in names)
        )


def pixel_measures(frames: list[PixelFrames]) -> dict[str, Measure]:
    """pixel_auc and pixel_eer over the frames of all videos."""
    together = PixelFrames.joined(frames)
    curve = Curve.of(together.label, together.score)
    return {"pixel_auc": curve.auc(), "pixel_eer": curve.equal_error_rate()}


def map_of_boxes(boxes: np.ndarray, scores: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """A map [height, width] of scored boxes: the highest score of the boxes on a pixel, 0 outside them.

    boxes: [M, 4], left, top, right, bottom, half-open, rounded to pixels and clipped to the frame. scores:
    [M], above 0, the score outside all boxes. Raises ValueError.
    """
    boxes, scores = np.asarray(boxes, dtype=np.float64).reshape(-1, 4), np.asarray(scores, dtype=np.float64)
    if len(boxes) != len(scores):
        raise ValueError(f"{len(boxes)} boxes with {len(scores)} scores")
    if len(scores) and not scores.min() > 0:
        raise ValueError(f"a box scores {scores.min()}, expected more than 0, the score of no box")
    drawn = np.zeros((height, width))
    corners = np.clip(np.rint(boxes), 0, [width, height, width, height]).astype(int)
    for (left, top, right, bottom), score in zip(corners, scores, strict=True):
        inside = drawn[top:bottom, left:right]
        np.maximum(inside, score, out=inside)
    return drawn


def _score(values: np.ndarray, mask: np.ndarray, share: float) -> float:
    if not mask.any():
        return float(values.max())
    own = values[mask]
    # The epsilon because 0.07 * 100 is a little above 7.
    needed = int(np.ceil(share * len(own) - 1e-9))
    return float(np.partition(own, len(own) - needed)[len(own) - needed])
