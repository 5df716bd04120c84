"""The detector beside the foreground, for the regions of single frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from extract.presets.region_preset import Regions
from extract.presets.scene_preset import Scene
from extract.scene.detectors import make_detector
from extract.scene.people import People


def region_detector(settings: Regions, *, device: str) -> Callable[[np.ndarray], list[People]] | None:
    """What finds the things of a frame, uint8 [n, H, W, 3] -> People of each; None for the foreground alone.

    Raises ValueError for a detector whose package or file is missing.
    """
    if settings.detector == "foreground":
        return None
    scene = Scene(detector=settings.detector, tracker="none", classes=settings.classes)
    weights = None if settings.weights == "none" else settings.weights
    return make_detector(scene, device=device, weights=weights).find
