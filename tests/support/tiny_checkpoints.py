"""Heads for tests of prediction, trained in seconds on small videos, some of which become hectic."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.training.loop import train_seed
from score.training.training_data import prepare
from support import tiny_stores

HECTIC = (48, 80)  # [start, stop) of the hectic frames of a video of 128


def block_video(
    number: int, *, hectic: bool, num_frames: int = 128, width: int = 96, height: int = 64
) -> np.ndarray:
    """uint8 [num_frames, height, width, 3]: a block drifts over a texture; in hectic frames many dash
    about."""
    random = np.random.default_rng(number)
    scene = np.kron(random.integers(60, 160, (height // 8 + 1, width // 8 + 1)), np.ones((8, 8)))[
        :height, :width
    ]
    frames = np.repeat(scene[None, :, :, None], num_frames, axis=0).repeat(3, axis=3).astype(np.uint8)
    for block in range(7):
        place, speed = random.uniform(0, 1, 2), random.uniform(-1, 1, 2)
        for frame in range(num_frames):
            if block and not (hectic and HECTIC[0] <= frame < HECTIC[1]):
                continue
            if block and frame % 4 == 0:
                speed = random.uniform(-9, 9, 2)
            place = place + speed / (height, width)
            top, left = (place % 1 * (height - 14, width - 14)).astype(int)
            frames[frame, top : top + 14, left : left + 10] = 30 * block + 20
    return frames


def write_h264(path: Path, frames: np.ndarray, *, fps: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18"})
        stream.height, stream.width, stream.pix_fmt = (*frames.shape[1:3], "yuv420p")
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def make_features(root: Path, *, each: int = 4) -> tuple[FeatureStore, list[Video]]:
    """Motion features of normal and hectic videos below root, extracted as vad-extract does."""
    videos = [Video(f"n{number}") for number in range(each)] + [
        Video(f"h{number}", "Fight") for number in range(each)
    ]
    for number, video in enumerate(videos):
        write_h264(root / "videos" / f"{video.video_id}.mp4", block_video(number, hectic=video.is_anomalous))
    extract(
        PRESETS["motion"],
        videos,
        root=root / "videos",
        store_root=root / "store",
        settings=RunSettings(device="cpu", workers=1),
        progress=Progress(total=0),
    )
    return FeatureStore(root / "store"), videos


def train_head(
    run: Path, stores: list[FeatureStore], videos: list[Video], *, name="mil", seeds=1, overrides=()
) -> Path:
    """RUN/seed_0 ...; returns run."""
    config = resolve(preset_of(name), overrides=["train.batch=8", *overrides])
    data = prepare(config, stores, videos)
    for seed in range(seeds):
        train_seed(config, data, folder=run / f"seed_{seed}", seed=seed)
    return run


def train_on_made_rows(root: Path) -> Path:
    """root/run: a head on made rows of the preset motion, as cheap as a checkpoint for videos can be."""
    videos = tiny_stores.make_videos(4, 4)
    store = FeatureStore.create(root / "store", PRESETS["motion"].spec())
    random = np.random.default_rng(0)
    for video in videos:
        rows = random.normal(video.is_anomalous, size=(8, 69))
        store.write(tiny_stores.make_features(video.video_id, rows))
    return train_head(root / "run", [store], videos, overrides=["train.epochs=1", "data.segments.mode=none"])
