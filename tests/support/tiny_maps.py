"""Tiny stores of speed maps: slow noise everywhere, and in some frames one fast corner."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_lists import Video
from extract.presets import PRESETS
from extract.store import FeatureStore, VideoFeatures

ROWS, COLUMNS, LENGTH = 6, 8, 30
FAST = (12, 20)  # frames of an anomalous video in which its corner is fast


def speed_maps(*, seed: int = 0, fast: bool = False, length: int = LENGTH) -> np.ndarray:
    """float32 [length, ROWS, COLUMNS]: speeds grow down the picture."""
    random = np.random.default_rng(seed)
    maps = random.gamma(2.0, 0.1, (length, ROWS, COLUMNS)) * np.linspace(0.5, 2, ROWS)[:, None]
    if fast:
        maps[FAST[0] : FAST[1], :3, :3] += 3.0
    return maps.astype(np.float32)


def make_speed_store(root: Path, videos: list[Video]) -> FeatureStore:
    store = FeatureStore.create(root, PRESETS["speed"].spec())
    for number, video in enumerate(videos):
        maps = speed_maps(seed=number, fast=video.is_anomalous)
        store.write(frame_arrays(video.video_id, {"speed": maps}))
    return store


def frame_arrays(video_id: str, arrays: dict[str, np.ndarray]) -> VideoFeatures:
    """A video of 80x60 pixels with arrays [frames, ...] and a segment per frame."""
    length = len(next(iter(arrays.values())))
    start = np.arange(length)
    span = np.stack([start, start + 1], axis=1)
    return VideoFeatures(
        video_id, None, span, span / 25.0, num_frames=length, fps=25.0, width=80, height=60, arrays=arrays
    )
