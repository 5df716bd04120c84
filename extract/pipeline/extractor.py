"""Videos to a store: decode workers, batches across videos, one file a finished video, resume, failures."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from data_lists import Video
from extract.decode.idle_workers import IdleWorkers
from extract.pipeline.device_loop import DeviceLoop, decode_settings
from extract.pipeline.settings import RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.progress import Progress
from extract.store import FeatureStore, StoreError
from extract.store.failures import write_failures

FEW = 256  # videos that are looked for one by one instead of listing the store


class Extractor:
    """One device with its network and its store, which extracts one list after another; close it in the end.

    expected: videos of the first list: their decode workers start while the network is made. Raises StoreError for a
    store of another spec, ValueError for weights, device or precision that do not fit.
    """

    def __init__(
        self, preset: Preset, *, root: Path, store_root: Path, settings: RunSettings, expected: int = 0
    ):
        self.preset, self.root, self.settings = preset, root, settings
        self.idle_workers = IdleWorkers(decode_settings(preset, settings))
        try:
            self.idle_workers.start(expected)
            self._prepare(store_root)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """End the decode workers."""
        self.idle_workers.close()

    def _prepare(self, store_root: Path) -> None:
        preset, root, settings = self.preset, self.root, self.settings
        self.network, digest = _network(preset, settings, store_root)
        self.detector = None
        if preset.scene is not None:
            self.detector = _detector(preset, settings, root)
            digest = self.detector.digest
        spec = preset.spec(weights=digest, precision=settings.precision if self.network else "fp32")
        shape = (self.network.batch_size,) if self.network else None
        self.store = FeatureStore.create(store_root, spec, batch_shape=shape)
        if self.network is not None and self.store.batch_shape:
            self.network.batch_size = self.store.batch_shape[
                0
            ]  # another run may have made the store just now

    def extract(self, videos: Sequence[Video], report: RunReport, progress: Progress) -> None:
        """Extract what the store lacks, entering it into the report as it comes."""
        todo, damaged = missing(self.store, videos)
        report.skipped += len(videos) - len(todo)
        report.damaged += damaged
        progress.total += len(todo)
        if todo and self.detector is not None:
            from extract.pipeline.scene_loop import SceneLoop

            loop = SceneLoop(
                self.preset, self.store, self.detector, self.settings, self.idle_workers, report, progress
            )
            loop.run(todo, self.root)
        elif todo:
            loop = DeviceLoop(
                self.preset, self.store, self.network, self.settings, self.idle_workers, report, progress
            )
            loop.run(todo, self.root)


def run(
    preset: Preset,
    videos: Sequence[Video],
    *,
    root: Path,
    store_root: Path,
    settings: RunSettings,
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every video of a list that the store lacks. others: see write_failures.

    A video that fails is recorded in failures.jsonl and the rest goes on. Raises what Extractor raises. An
    interruption (KeyboardInterrupt or SystemExit from a signal handler) leaves the store whole and no process behind.
    """
    started = time.monotonic()
    with progress.profile.span("start"):
        extractor = Extractor(
            preset, root=root, store_root=store_root, settings=settings, expected=len(videos)
        )
    with extractor:
        extractor.store.remove_stale()
        report = RunReport()
        try:
            extractor.extract(videos, report, progress)
        finally:
            write_failures(extractor.store, report.failed, others=others)
            report.seconds = time.monotonic() - started
            progress.show(final=True)
    return report


def _detector(preset: Preset, settings: RunSettings, root: Path):
    """Who finds the people of a scene."""
    from extract.runtime.device import choose_device
    from extract.scene.detectors import make_detector

    if settings.precision != "fp32":
        raise ValueError(f"precision is {settings.precision!r}, expected fp32: detectors run in nothing else")
    if preset.flow is not None and preset.segment_stride % preset.frame_stride:
        raise ValueError(
            f"segment_stride is {preset.segment_stride}, expected a multiple of frame_stride ({preset.frame_stride}), "
            "because flow lies between the frames of a clip"
        )
    return make_detector(
        preset.scene,
        device=str(choose_device(settings.device)),
        weights=settings.weights,
        seed=settings.seed,
        tracks=settings.tracks,
        videos=root,
    )


def _network(preset: Preset, settings: RunSettings, store_root: Path):
    """(network or None, digest of its weights): a store that exists decides the batch size."""
    if preset.backbone is None:
        return None, ""
    from extract.runtime.allocator import ask_for_huge_pages

    ask_for_huge_pages()
    from extract.backbones import BACKBONES
    from extract.inference.network import Network
    from extract.runtime.device import choose_device
    from extract.weights import load_weights

    device = choose_device(settings.device)
    backbone = BACKBONES[preset.backbone]()
    digest = load_weights(
        backbone, settings.weights or preset.weights, name=preset.backbone, seed=settings.seed
    )
    batch_size = settings.batch_size or preset.batch_size[device.type != "cpu"]
    try:
        recorded = FeatureStore(store_root).batch_shape
    except StoreError:
        recorded = None
    if recorded:
        batch_size = recorded[0]
    network = Network(backbone, device=device, batch_size=batch_size, precision=settings.precision)
    if settings.probe and not (recorded or settings.batch_size):
        from extract.inference.batch_size import probe_batch_size

        side = preset.crop.size
        network.batch_size = probe_batch_size(network, (backbone.channels, preset.clip_length, side, side))
    return network, digest


def missing(store: FeatureStore, videos: Sequence[Video]) -> tuple[list[Video], list[str]]:
    """(videos that the store lacks, ids of those whose file is damaged and must be made again)."""
    few = len(videos) <= FEW  # of a shard: a store may hold millions
    present, broken = store.scan([video.video_id for video in videos] if few else None)
    todo = [video for video in videos if video.video_id not in present or video.video_id in broken]
    return todo, [video.video_id for video in todo if video.video_id in broken]


def stored_frames(store: FeatureStore, video_id: str) -> int | None:
    """Frames of a video that the store has; None for one that it lacks, and for a damaged file."""
    try:
        return store.header(video_id).num_frames
    except StoreError:
        return None
