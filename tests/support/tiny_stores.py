"""Tiny stores and lists that tests train on: normal noise, with a few shifted segments in anomalous
videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, VideoFeatures


def make_spec(**changes) -> FeatureSpec:
    values = dict(
        preset="made",
        backbone="made",
        weights="",
        modality="rgb",
        clip_length=16,
        segment_stride=16,
        feature_dim=6,
    )
    return FeatureSpec(**{**values, **changes})


def make_features(video_id: str, rows: np.ndarray, *, stride: int = 16) -> VideoFeatures:
    """rows: [N, D] or [N, C, D]."""
    rows = rows[:, None, :] if rows.ndim == 2 else rows
    start = np.arange(len(rows)) * stride
    span = np.stack([start, start + stride], axis=1)
    return VideoFeatures(
        video_id, rows.astype(np.float32), span, span / 25.0, num_frames=len(rows) * stride, fps=25.0
    )


def make_videos(normal: int, anomalous: int, *, groups: int = 0, prefix: str = "") -> list[Video]:
    """Videos n0, n1, ... and a0, a1, ...; groups: how many, dealt to each class in turn."""
    names = [(f"{prefix}n{number}", "Normal", number) for number in range(normal)]
    names += [(f"{prefix}a{number}", "Fight", number) for number in range(anomalous)]
    return [
        Video(name, event_class, group=f"g{number % groups}" if groups else None)
        for name, event_class, number in names
    ]


def make_store(
    root: Path, videos: list[Video], *, seed: int = 0, shift: float = 3.0, **changes
) -> FeatureStore:
    """A store of 5 to 12 segments per video; segments 2 and 3 of anomalous videos are shifted in feature
    0."""
    spec = make_spec(**changes)
    store = FeatureStore.create(root, spec)
    random = np.random.default_rng(seed)
    for video in videos:
        rows = random.normal(size=(random.integers(5, 13), spec.num_crops, spec.feature_dim))
        if video.is_anomalous:
            rows[2:4, :, 0] += shift
        store.write(make_features(video.video_id, rows))
    return store
