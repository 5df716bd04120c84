"""Maps of what is unusual against masks and boxes: what each video adds to pixel AUC, RBDC and TBDC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from score.evaluation.pixel_truth import VideoTruth
from score.metrics.pixels import PixelFrames
from score.metrics.regions import RegionCounts, Regions

# Of maps on the scale of score.scoring.anomaly_maps.AnomalyMaps, for RBDC and TBDC: fine where most frames
# are.
LEVELS = (*np.arange(-1, 4, 0.1), *np.geomspace(4, 1e4, 30))


@dataclass(frozen=True)
class VideoPixels:
    """Of one video and one seed. frames: None where no masks are known."""

    frames: PixelFrames | None
    regions: RegionCounts

    @classmethod
    def of(cls, maps: np.ndarray, shown: np.ndarray, truth: VideoTruth) -> VideoPixels:
        """maps: float32 [M, h, w]. shown: int [F], which of them each frame has, rising."""
        regions = RegionCounts.of_maps(
            maps, _scaled(truth.regions, maps.shape[:0:-1]), thresholds=LEVELS, shown=shown
        )
        return cls(None if truth.masks is None else _pixel_frames(maps, shown, truth), regions)


def _pixel_frames(maps: np.ndarray, shown: np.ndarray, truth: VideoTruth) -> PixelFrames:
    """Each map in the size of the masks, one after another: all at once would be large."""
    import cv2

    nothing, parts = np.zeros(truth.size[::-1], bool), []
    for place in np.unique(shown):
        sized = cv2.resize(maps[place], truth.size, interpolation=cv2.INTER_LINEAR)
        masks = np.stack(
            [truth.masks.get(frame, nothing) for frame in np.flatnonzero(shown == place).tolist()]
        )
        parts.append(PixelFrames.of(np.broadcast_to(sized, masks.shape), masks))
    return PixelFrames.joined(parts)


def _scaled(regions: Regions, size: tuple[int, int]) -> Regions:
    """Shares of the picture in pixels of (width, height)."""
    return Regions(regions.frame, regions.box * np.tile(size, 2), regions.value)
