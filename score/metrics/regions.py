"""Region-based and track-based detection, RBDC and TBDC (Ramachandra & Jones, WACV 2020, Street Scene,
https://arxiv.org/abs/1902.05872).

At a threshold an annotated region is found when a detected region of its frame overlaps it with an IoU of at
least beta; a track is found when at least the share alpha of its regions is; a detected region is false when
its IoU with every annotated region of its frame is below beta. RBDC and TBDC are the areas under the share of
found regions (tracks) against false regions a frame, from 0 to 1 false region a frame, on straight lines
between thresholds; what cannot reach one false region a frame keeps its last share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, label

from score.metrics.ranking import Measure

ALPHA, BETA = 0.1, 0.1
EIGHT = np.ones((3, 3))  # pixels that touch at a corner are one region


@dataclass(frozen=True)
class Regions:
    """Boxes of the frames of a test set.

    frame: int [M], numbered through all videos. box: float [M, 4], left, top, right, bottom, half-open.
    value: [M], the score of a detected region, the number of the track of an annotated one.
    """

    frame: np.ndarray
    box: np.ndarray
    value: np.ndarray

    def __post_init__(self):
        count = len(self.frame)
        if self.box.shape != (count, 4) or self.value.shape != (count,):
            raise ValueError(
                f"{count} frame numbers with boxes {list(self.box.shape)} and values "
                f"{list(self.value.shape)}; expected [M], [M, 4] and [M]"
            )
        if count and not (self.box[:, 2:] > self.box[:, :2]).all():
            raise ValueError("a box ends before it begins; boxes are left, top, right, bottom")


@dataclass(frozen=True)
class RegionCurve:
    """Operating points from the highest threshold to the lowest: false regions a frame, and the shares of
    regions and of tracks found, float64 [K] each."""

    false_rate: np.ndarray
    region_rate: np.ndarray
    track_rate: np.ndarray

    def measures(self) -> dict[str, Measure]:
        """rbdc and tbdc."""
        return {
            "rbdc": area_to_one(self.false_rate, self.region_rate),
            "tbdc": area_to_one(self.false_rate, self.track_rate),
        }


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """IoU of boxes [M, 4] with boxes [G, 4]: float64 [M, G]."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    size = np.maximum(np.minimum(first[:, None, 2:], second[None, :, 2:]) - corner, 0)
    both = size.prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return both / (areas[0][:, None] + areas[1][None] - both)


def curve_of_boxes(
    found: Regions, true: Regions, *, num_frames: int, alpha: float = ALPHA, beta: float = BETA
) -> RegionCurve:
    """The curve of scored boxes, a point for every distinct score. Raises ValueError without any truth."""
    check_regions(true, num_frames)
    region_score = np.full(len(true.frame), -np.inf)  # the highest threshold at which each is found
    false = np.ones(len(found.frame), dtype=bool)
    for frame in np.intersect1d(found.frame, true.frame):
        theirs, ours = np.flatnonzero(found.frame == frame), np.flatnonzero(true.frame == frame)
        enough = box_iou(found.box[theirs], true.box[ours]) >= beta
        false[theirs] = ~enough.any(axis=1)
        scores = np.where(enough, found.value[theirs][:, None], -np.inf)
        region_score[ours] = scores.max(axis=0)
    track_score = _track_scores(region_score, true.value, alpha)
    thresholds = np.unique(found.value)[::-1]
    return RegionCurve(
        _at_least(found.value[false], thresholds) / num_frames,
        _at_least(region_score, thresholds) / len(region_score),
        _at_least(track_score, thresholds) / len(track_score),
    )


def curve_of_maps(
    maps: np.ndarray, true: Regions, *, thresholds: Sequence[float], alpha: float = ALPHA, beta: float = BETA
) -> RegionCurve:
    """The curve of score maps [F, H, W]: at each threshold the connected pixels of at least that score are a
    region, its bounding box. Raises ValueError."""
    if maps.ndim != 3:
        raise ValueError(f"maps have shape {list(maps.shape)}, expected [F, H, W]")
    points = []
    for threshold in sorted(thresholds, reverse=True):
        found = regions_of_maps(maps >= threshold)
        curve = curve_of_boxes(found, true, num_frames=len(maps), alpha=alpha, beta=beta)
        points.append([values[-1] if len(values) else 0.0 for values in vars(curve).values()])
    return RegionCurve(*np.array(points, dtype=np.float64).reshape(-1, 3).T)


def regions_of_maps(masks: np.ndarray) -> Regions:
    """The bounding boxes of connected pixels in masks, bool [F, H, W]; all of value 1."""
    frames, boxes = [], []
    for frame, mask in enumerate(masks):
        for rows, columns in find_objects(label(mask, structure=EIGHT)[0]):
            frames.append(frame)
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    box = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Regions(np.array(frames, dtype=np.int64), box, np.ones(len(frames)))


def area_to_one(false_rate: np.ndarray, rate: np.ndarray) -> Measure:
    """Area under the best rate that is reached with so few false regions, for 0 to 1 of them a frame."""
    order = np.lexsort((rate, false_rate))
    across = np.r_[0.0, false_rate[order]]
    up = np.maximum.accumulate(np.r_[0.0, rate[order]])
    inside = across <= 1
    end = float(np.interp(1.0, across, up))  # keeps the last rate where 1 is never reached
    across, up = np.r_[across[inside], 1.0], np.r_[up[inside], end]
    return Measure(float((np.diff(across) * (up[1:] + up[:-1])).sum() / 2))


def check_regions(true: Regions, num_frames: int) -> None:
    """Raise ValueError where nothing is annotated, or in a frame that there is not."""
    if not len(true.frame):
        raise ValueError("no region is annotated")
    if not 0 <= true.frame.min() <= true.frame.max() < num_frames:
        raise ValueError(f"regions in frames {true.frame.min()} to {true.frame.max()} of {num_frames} frames")


def _track_scores(region_score: np.ndarray, track: np.ndarray, alpha: float) -> np.ndarray:
    """The highest threshold at which the share alpha of each track's regions is found."""
    scores = []
    for name in np.unique(track):
        own = np.sort(region_score[track == name])[::-1]
        scores.append(own[max(1, int(np.ceil(alpha * len(own) - 1e-9))) - 1])
    return np.array(scores)


def _at_least(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many values are at least each threshold."""
    ordered = np.sort(values)
    return len(ordered) - np.searchsorted(ordered, thresholds, side="left")
