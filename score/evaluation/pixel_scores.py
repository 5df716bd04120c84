"""Anomaly maps against masks and boxes: what each video adds to pixel AUC, RBDC and TBDC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from score.evaluation.pixel_truth import VideoTruth
from score.metrics.pixels import PixelFrames
from score.metrics.regions import RegionCounts, Regions

# Thresholds of RBDC and TBDC, on the scale of score.scoring.anomaly_maps.AnomalyMaps: fine where most frames
# are.
LEVELS = (*np.arange(-1, 4, 0.1), *np.geomspace(4, 1e4, 30))


@dataclass(frozen=True)
class VideoPixels:
    """What one video contributes for one seed. frames: None without masks."""

    frames: PixelFrames | None
    regions: RegionCounts

    @classmethod
    def of(cls, maps: np.ndarray, shown: np.ndarray, truth: VideoTruth) -> VideoPixels:
        """maps: float32 [M, h, w]. shown: int [F], which map each frame has, ascending."""
        regions = RegionCounts.of_maps(
            maps, _scaled(truth.regions, maps.shape[:0:-1]), thresholds=LEVELS, shown=shown
        )
        frames = None if truth.masks is None else _pixel_frames(maps, shown, truth.masks, truth.size)
        return cls(frames, regions)


def _pixel_frames(
    maps: np.ndarray, shown: np.ndarray, masks: Mapping[int, np.ndarray], size: tuple[int, int]
) -> PixelFrames:
    """masks: frame -> bool [H, W] of anomalous frames. size: their width and height."""
    import cv2

    nothing, parts = np.zeros(size[::-1], bool), []
    # One map at a time is resized to the masks; all at once would be large.
    for place in np.unique(shown):
        sized = cv2.resize(maps[place], size, interpolation=cv2.INTER_LINEAR)
        own = np.stack([masks.get(frame, nothing) for frame in np.flatnonzero(shown == place).tolist()])
        parts.append(PixelFrames.of(np.broadcast_to(sized, own.shape), own))
    return PixelFrames.joined(parts)


def _scaled(regions: Regions, size: tuple[int, int]) -> Regions:
    """Boxes as shares of the frame -> in pixels; size: (width, height)."""
    return Regions(regions.frame, regions.box * np.tile(size, 2), regions.value)
