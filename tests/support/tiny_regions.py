"""Tiny stores of regions: a few walkers in each frame, and in some frames one who is fast or looks odd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from data_lists import Video
from extract.presets import PRESETS, Regions
from extract.store import FeatureStore
from support.tiny_maps import frame_arrays

LENGTH, MOST, CROPS, DIM = 30, 5, 5, 12
ODD = (10, 22)  # frames of an anomalous video in which its first region is odd
SETTINGS = Regions(most=MOST, crop_every=2)


def region_arrays(
    *, seed: int = 0, odd: str = "", length: int = LENGTH, walkers: int = 3, rate: float = 10.0
) -> dict[str, np.ndarray]:
    """What a store holds of one video. odd: "speed", "crop" or "" for nothing odd."""
    random = np.random.default_rng(seed)
    box = np.zeros((length, MOST, 4), np.float32)
    track = np.full((length, MOST), -1, np.int32)
    speed = np.zeros((length, MOST, 4), np.float32)
    slot = np.full((length, CROPS), -1, np.int16)
    feature = np.zeros((length, CROPS, DIM), np.float16)
    begin = random.uniform(0.1, 0.6, (walkers, 2))
    for frame in range(length):
        for walker in range(walkers):
            left, top = begin[walker] + [0.002 * frame, 0]
            box[frame, walker] = left, top, left + 0.1, top + 0.3
            track[frame, walker] = walker
            # Nearer to the camera, lower in the picture, the same walk is faster.
            speed[frame, walker] = (top + 0.3) * random.uniform(0.9, 1.1)
        chosen = np.arange(walkers)[frame % 2 :: 2][:CROPS]
        slot[frame, : len(chosen)] = chosen
        feature[frame, : len(chosen)] = random.normal(size=(len(chosen), DIM)) * np.linspace(0.2, 3, DIM)
    if odd == "speed":
        speed[ODD[0] : ODD[1], 0] *= 4
    if odd == "crop":
        feature[ODD[0] : ODD[1]][slot[ODD[0] : ODD[1]] == 0] += 20
    return {
        "region_box": box,
        "region_track": track,
        "region_speed": speed,
        "region_second": np.arange(length)[:, None] / rate,
        "crop_slot": slot,
        "crop_feature": feature,
    }


def make_region_store(root: Path, videos: list[Video]) -> FeatureStore:
    preset = replace(PRESETS["regions"], regions=SETTINGS)
    store = FeatureStore.create(root, preset.spec(weights="none:seed0"))
    for number, video in enumerate(videos):
        arrays = region_arrays(seed=number, odd="speed" if video.is_anomalous else "")
        store.write(frame_arrays(video.video_id, arrays))
    return store
