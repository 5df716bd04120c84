"""Synthetic features with a planted anomaly: what a head can find is known, and each mechanism has its own
scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_lists import Video
from extract.store import FeatureSpec, FeatureStore, VideoFeatures

DIM = 64
FRAMES = 16  # per segment


@dataclass(frozen=True)
class PlantedVideo:
    """rows: float64 [N, D]. planted: [start, stop) segments of the anomaly; None in a normal video."""

    rows: np.ndarray
    planted: tuple[int, int] | None


# (random, fixed directions [n, D], anomalous) -> a video
Scene = Callable[[np.random.Generator, np.ndarray, bool], PlantedVideo]


def shifted(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """A camera offset, a slow random walk and noise; an anomaly shifts 4 to 6 segments by 4.5 along one
    direction.
    """
    rows = background(random, int(random.integers(20, 81)))
    if not anomalous:
        return PlantedVideo(rows, None)
    start, stop = place(random, len(rows))
    rows[start:stop] += 4.5 * directions[0]
    return PlantedVideo(rows, (start, stop))


def louder(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """`shifted` in videos that differ by N(0, 4) along the anomaly's own direction: only what stands out
    within its video counts.
    """
    video = shifted(random, directions, anomalous)
    return PlantedVideo(video.rows + 4 * random.normal() * directions[0], video.planted)


def lasting(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """`shifted`, but every video also has eight single segments shifted alike: only what lasts is
    anomalous."""
    video = shifted(random, directions, anomalous)
    free = np.ones(len(video.rows), dtype=bool)
    if video.planted is not None:
        free[max(0, video.planted[0] - 1) : video.planted[1] + 1] = False
    spikes = random.permutation(np.flatnonzero(free[::2]) * 2)[:8]  # never two next to each other
    video.rows[spikes] += 4.5 * directions[0]
    return video


def ordered(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """Segments A B C A B C ... in a quiet scene; an anomaly is 12 of them the other way round: each segment
    is normal and so is its frequency; only the order is not."""
    length = int(random.integers(30, 81))
    kind = (random.integers(0, 3) + np.arange(length)) % 3
    planted = None
    if anomalous:
        start = int(random.integers(0, length - 11))
        planted = (start, start + 12)
        kind[start : start + 12] = kind[start : start + 12][::-1].copy()
    return PlantedVideo(0.25 * background(random, length) + 4 * directions[kind], planted)


def turning(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """Rows turn steadily in two planes; an anomaly is 6 segments at random angles: each row is normal,
    but none could be predicted.
    """
    length = int(random.integers(30, 81))
    angle = np.arange(length)[:, None] * np.array([0.5, 0.8]) + random.uniform(0, 2 * np.pi, size=2)
    planted = None
    if anomalous:
        start = int(random.integers(12, length - 5))  # after enough of a past
        planted = (start, start + 6)
        angle[start : start + 6] = random.uniform(0, 2 * np.pi, size=(6, 2))
    planes = directions.reshape(2, 2, -1)  # [plane, axis, D]
    rows = np.einsum("np,pd->nd", np.cos(angle), planes[:, 0]) + np.einsum(
        "np,pd->nd", np.sin(angle), planes[:, 1]
    )
    return PlantedVideo(3 * rows + 0.2 * random.normal(size=(length, DIM)), planted)


def scattered(random: np.random.Generator, _directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """Quiet videos in which an anomaly triples the noise of 4 to 6 segments: only the length of a row shows
    it."""
    rows = 0.5 * background(random, int(random.integers(20, 81)))
    if not anomalous:
        return PlantedVideo(rows, None)
    start, stop = place(random, len(rows))
    rows[start:stop] += 1.5 * random.normal(size=(stop - start, DIM))
    return PlantedVideo(rows, (start, stop))


def kinds(random: np.random.Generator, directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """A background as in `shifted`, and 4 to 6 segments shifted by 6 along one of four directions, which
    differs between videos: a memory can keep each kind of anomaly separately.
    """
    rows = background(random, int(random.integers(20, 81)))
    if not anomalous:
        return PlantedVideo(rows, None)
    start, stop = place(random, len(rows))
    rows[start:stop] += 6 * directions[random.integers(len(directions))]
    return PlantedVideo(rows, (start, stop))


def unmarked(random: np.random.Generator, _directions: np.ndarray, anomalous: bool) -> PlantedVideo:
    """Six cameras, each for 4 to 6 segments; of an anomalous video one of them counts as the anomaly, which
    nothing in the features shows: every head scores by chance.
    """
    parts = [background(random, int(random.integers(4, 7))) for _ in range(6)]
    ends = np.cumsum([len(rows) for rows in parts])
    marked = int(random.integers(6))
    planted = (int(ends[marked] - len(parts[marked])), int(ends[marked])) if anomalous else None
    return PlantedVideo(np.concatenate(parts), planted)


def background(random: np.random.Generator, length: int) -> np.ndarray:
    """Camera offset N(0, 1), random walk of steps N(0, 0.1), noise N(0, 1): [length, D]."""
    walk = (0.1 * random.normal(size=(length, DIM))).cumsum(axis=0)
    return random.normal(size=DIM) + walk + random.normal(size=(length, DIM))


def place(random: np.random.Generator, length: int) -> tuple[int, int]:
    """[start, stop) of the 4 to 6 anomalous segments."""
    planted = random.integers(4, 7)
    start = random.integers(0, length - planted + 1)
    return int(start), int(start + planted)


def write_planted(
    root, scene: Scene, *, train: int, test: int, seed: int
) -> tuple[FeatureStore, list[Video], list[Video]]:
    """A store of train + test videos, half of each anomalous, and their two lists. seed decides
    everything."""
    random = np.random.default_rng([seed, 77])
    directions = np.linalg.qr(random.normal(size=(DIM, 4)))[0].T  # orthonormal, [4, D]
    spec = FeatureSpec(
        preset="planted",
        backbone="none",
        weights="",
        modality="rgb",
        clip_length=FRAMES,
        segment_stride=FRAMES,
        feature_dim=DIM,
    )
    store, lists = FeatureStore.create(root, spec), []
    for split, count in (("train", train), ("test", test)):
        videos = []
        for number in range(count):
            video = scene(random, directions, number % 2 == 1)
            name = f"{split}/{number:04d}"
            store.write(_features(name, video.rows))
            spans = () if video.planted is None else ((video.planted[0] * FRAMES, video.planted[1] * FRAMES),)
            event_class = "Normal" if video.planted is None else "Planted"
            videos.append(
                Video(name, event_class, len(video.rows) * FRAMES, anomaly_spans=spans, split=split)
            )
        lists.append(videos)
    train_list, test_list = lists
    return store, train_list, test_list


def _features(video_id: str, rows: np.ndarray) -> VideoFeatures:
    start = np.arange(len(rows)) * FRAMES
    span = np.stack([start, start + FRAMES], axis=1)
    return VideoFeatures(
        video_id,
        rows[:, None, :].astype(np.float32),
        span,
        span / 25.0,
        num_frames=len(rows) * FRAMES,
        fps=25.0,
    )
