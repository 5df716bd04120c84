"""Tiny stores of clips and people for tests of the head reclass: a dark square walks over a grey picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, VideoFeatures

LENGTH, HEIGHT, WIDTH, PERSONS, NODE_DIM = 5, 20, 26, 4, 60
STRIDE = 2 * LENGTH


def clip_spec(*, flow: bool = True) -> FeatureSpec:
    names = ("rgb", "flow", "nodes", "node_mask", "adjacency", "track_id", "clip_frame", "frame_mask")
    return FeatureSpec(
        preset="reclass",
        backbone="files",
        weights="",
        modality="rgb",
        clip_length=LENGTH,
        frame_stride=2,
        segment_stride=STRIDE,
        feature_dim=0,
        fps=25.0,
        arrays=tuple(name for name in names if flow or name != "flow"),
    )


def clip_arrays(count: int, *, seed: int = 0, people: int = 3, flow: bool = True) -> dict[str, np.ndarray]:
    """The arrays of `count` clips as extract.scene writes them. people: how many are in each frame."""
    random = np.random.default_rng(seed)
    rgb = np.full((count, LENGTH, HEIGHT, WIDTH, 3), 128, np.uint8)
    motion = np.zeros((count, LENGTH, HEIGHT, WIDTH, 2), np.int8)
    for clip in range(count):
        top, left = random.integers(0, HEIGHT - 6), random.integers(0, WIDTH - 6 - LENGTH)
        for frame in range(LENGTH):
            rgb[clip, frame, top : top + 6, left + frame : left + frame + 6] = 30
            motion[clip, frame, top : top + 6, left + frame : left + frame + 6, 0] = 30
    mask = np.zeros((count, LENGTH, PERSONS), bool)
    mask[:, :, :people] = True
    nodes = random.normal(0.5, 0.2, (count, LENGTH, PERSONS, NODE_DIM)) * mask[..., None]
    near = random.uniform(0, 0.3, (count, LENGTH, 3, PERSONS, PERSONS))
    both = mask[:, :, None, :, None] & mask[:, :, None, None, :] & ~np.eye(PERSONS, dtype=bool)
    arrays = {
        "rgb": rgb,
        "flow": motion,
        "nodes": nodes.astype(np.float32),
        "node_mask": mask,
        "adjacency": ((near + near.swapaxes(-1, -2)) / 2 * both).astype(np.float32),
        "track_id": np.tile(np.arange(PERSONS), (count, 1)),
        "clip_frame": np.arange(count)[:, None] * STRIDE + 2 * np.arange(LENGTH),
        "frame_mask": np.ones((count, LENGTH), bool),
    }
    return arrays if flow else {name: rows for name, rows in arrays.items() if name != "flow"}


def make_clip_store(root: Path, videos: list[Video], *, people: int = 3, flow: bool = True) -> FeatureStore:
    """A store of 2 to 4 clips per video."""
    store = FeatureStore.create(root, clip_spec(flow=flow))
    for number, video in enumerate(videos):
        count = 2 + number % 3
        start = np.arange(count) * STRIDE
        span = np.stack([start, start + STRIDE], axis=1)
        store.write(
            VideoFeatures(
                video.video_id,
                None,
                span,
                span / 25.0,
                num_frames=count * STRIDE,
                fps=25.0,
                width=WIDTH,
                height=HEIGHT,
                arrays=clip_arrays(count, seed=number, people=people, flow=flow),
            )
        )
    return store
