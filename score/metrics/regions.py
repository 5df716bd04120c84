"""Region-based and track-based detection criteria, RBDC and TBDC.

Ramachandra & Jones, Street Scene, WACV 2020, https://arxiv.org/abs/1902.05872. At a threshold an annotated
region is detected when a detected region of its frame overlaps it with an IoU of at least beta; a track is
detected when at least the share alpha of its regions is; a detected region is a false positive when its IoU
with every annotated region of its frame is below beta. RBDC and TBDC are the areas under the detection rate
of regions (tracks) against false positives per frame, from 0 to 1, on straight lines between thresholds; a
curve that ends before one false positive per frame keeps its last rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.ranking import Measure

ALPHA, BETA = 0.1, 0.1
EIGHT = np.ones((3, 3))  # 8-connectivity: pixels that touch at a corner are one region


@dataclass(frozen=True)
class Regions:
    """Boxes in frames.

    frame: int [M], numbered across all videos. box: float [M, 4], left, top, right, bottom, half-open.
    value: [M], the score of a detected region or the track number of an annotated region.
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
    """Operating points from the highest threshold to the lowest, float64 [K] each.

    false_rate: false positives per frame. region_rate, track_rate: shares of regions and tracks that are
    detected.
    """

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


@dataclass(frozen=True)
class RegionCounts:
    """Counts over some frames at each of K thresholds, the highest first; counts of several videos add up.

    frames, regions, tracks: how many there are. false, found, tracks_found: int64 [K].
    """

    frames: int
    regions: int
    tracks: int
    false: np.ndarray
    found: np.ndarray
    tracks_found: np.ndarray

    @classmethod
    def of_maps(
        cls,
        maps: np.ndarray,
        true: Regions,
        *,
        thresholds: Sequence[float],
        shown: np.ndarray | None = None,
        alpha: float = ALPHA,
        beta: float = BETA,
    ) -> RegionCounts:
        """Count regions of score maps [M, H, W].

        At each threshold the bounding boxes of connected pixels of at least that score are regions. true: may
        be empty, as for normal frames. shown: int [F], which map each frame has, ascending; None = its own.
        Raises ValueError.
        """
        if maps.ndim != 3:
            raise ValueError(f"maps have shape {list(maps.shape)}, expected [F, H, W]")
        shown = np.arange(len(maps)) if shown is None else shown
        _check_frames(true, len(shown))
        # The highest threshold first, in the order of a curve.
        counts = []
        for threshold in sorted(thresholds, reverse=True):
            found = _repeated(regions_of_maps(maps >= threshold), shown)
            false, score = _matched(found, true, beta)
            tracks = _track_scores(score, true.value, alpha)
            counts.append([false.sum(), (score > -np.inf).sum(), (tracks > -np.inf).sum()])
        columns = np.array(counts, dtype=np.int64).reshape(-1, 3).T
        return cls(len(shown), len(true.frame), len(np.unique(true.value)), *columns)


def curve_of_counts(parts: Sequence[RegionCounts], weights: np.ndarray | None = None) -> RegionCurve:
    """The curve of V parts together, each counted as often as its weight [V] says.

    Raises ValueError if nothing is annotated.
    """
    weights = np.ones(len(parts)) if weights is None else weights
    totals = {
        name: weights @ np.array([getattr(part, name) for part in parts], dtype=np.float64)
        for name in ("frames", "regions", "tracks", "false", "found", "tracks_found")
    }
    if not totals["regions"]:
        raise ValueError("no region is annotated")
    return RegionCurve(
        totals["false"] / totals["frames"],
        totals["found"] / totals["regions"],
        totals["tracks_found"] / totals["tracks"],
    )


def curve_of_boxes(
    found: Regions, true: Regions, *, num_frames: int, alpha: float = ALPHA, beta: float = BETA
) -> RegionCurve:
    """The curve of scored boxes, a point per distinct score. Raises ValueError if nothing is annotated."""
    if not len(true.frame):
        raise ValueError("no region is annotated")
    _check_frames(true, num_frames)
    false, region_score = _matched(found, true, beta)
    track_score = _track_scores(region_score, true.value, alpha)
    thresholds = np.unique(found.value)[::-1]
    return RegionCurve(
        _at_least(found.value[false], thresholds) / num_frames,
        _at_least(region_score, thresholds) / len(region_score),
        _at_least(track_score, thresholds) / len(track_score),
    )


def _matched(found: Regions, true: Regions, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Which detected regions are false positives, bool [M], and thresholds for annotated regions, [G].

    The highest threshold that detects each; -inf if none does.
    """
    score = np.full(len(true.frame), -np.inf)
    false = np.ones(len(found.frame), dtype=bool)
    # In frames without annotation every detected region stays false.
    for frame in np.intersect1d(found.frame, true.frame):
        theirs, ours = np.flatnonzero(found.frame == frame), np.flatnonzero(true.frame == frame)
        enough = box_iou(found.box[theirs], true.box[ours]) >= beta
        false[theirs] = ~enough.any(axis=1)
        score[ours] = np.where(enough, found.value[theirs][:, None], -np.inf).max(axis=0)
    return false, score


def _repeated(regions: Regions, shown: np.ndarray) -> Regions:
    """Repeat the regions of maps for every frame that shows the map. regions.frame is ascending."""
    first, stop = (np.searchsorted(regions.frame, shown, side=side) for side in ("left", "right"))
    count = stop - first
    frame = np.repeat(np.arange(len(shown)), count)
    row = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(first, count)
    return Regions(frame, regions.box[row], regions.value[row])


def regions_of_maps(masks: np.ndarray) -> Regions:
    """Bounding boxes of connected pixels in masks, bool [F, H, W]; all of value 1."""
    from scipy.ndimage import find_objects  # not for runs without masks

    frames, boxes = [], []
    for frame in np.flatnonzero(masks.any(axis=(1, 2))).tolist():
        for rows, columns in find_objects(connected(masks[frame])):
            frames.append(frame)
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    box = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Regions(np.array(frames, dtype=np.int64), box, np.ones(len(frames)))


def connected(mask: np.ndarray) -> np.ndarray:
    """Number the connected regions of a mask, bool [H, W] -> int32 [H, W]; 0 is outside."""
    from scipy.ndimage import label

    numbers = np.zeros(mask.shape, np.int32)
    label(mask, structure=EIGHT, output=numbers)
    return numbers


def area_to_one(false_rate: np.ndarray, rate: np.ndarray) -> Measure:
    """Area under the best rate reached at each number of false positives per frame, from 0 to 1."""
    # Among points with equally many false positives, the best one counts.
    order = np.lexsort((rate, false_rate))
    across = np.r_[0.0, false_rate[order]]
    up = np.maximum.accumulate(np.r_[0.0, rate[order]])
    inside = across <= 1
    # Keeps the last rate where 1 is never reached.
    end = float(np.interp(1.0, across, up))
    across, up = np.r_[across[inside], 1.0], np.r_[up[inside], end]
    return Measure(float((np.diff(across) * (up[1:] + up[:-1])).sum() / 2))


def _check_frames(true: Regions, num_frames: int) -> None:
    """Raise ValueError if a region lies in a frame that does not exist."""
    if len(true.frame) and not 0 <= true.frame.min() <= true.frame.max() < num_frames:
        raise ValueError(f"regions in frames {true.frame.min()} to {true.frame.max()} of {num_frames} frames")


def _track_scores(region_score: np.ndarray, track: np.ndarray, alpha: float) -> np.ndarray:
    """The highest threshold at which the share alpha of each track's regions is detected."""
    scores = []
    for name in np.unique(track):
        # The track is detected with its k-th best region; the epsilon because 0.1 * 30 is a little above 3.
        own = np.sort(region_score[track == name])[::-1]
        scores.append(own[max(1, int(np.ceil(alpha * len(own) - 1e-9))) - 1])
    return np.array(scores)


def _at_least(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many values are at least each threshold."""
    ordered = np.sort(values)
    return len(ordered) - np.searchsorted(ordered, thresholds, side="left")
