"""Videos to a store: decode workers, batches across videos, one file a finished video, resume, failures."""
from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_lists import Video
from extract.decode.events import FramesDecoded, SegmentsDescribed, VideoEnded, VideoFailed, VideoRestarted
from extract.decode.pool import DecodeJob, DecodePool, DecodeSettings
from extract.failures import Failure, write_failures
from extract.presets import Preset
from extract.progress import Progress
from extract.provenance import versions
from extract.store import FeatureStore, StoreError
from extract.work import VideoWork


@dataclass(frozen=True)
class RunSettings:
    """How a run works; nothing here changes the numbers but precision, weights and seed, which the spec carries."""

    device: str = "auto"
    workers: int = 2
    weights: str | None = None  # None = the preset's own
    seed: int = 0  # of random weights
    precision: str = "fp32"
    batch_size: int | None = None  # of a new store; None = the preset's
    stall_seconds: float = 60.0
    on_damage: str = "accept"
    compression: str | None = None
    readers: tuple | None = None  # decoders in the order in which they are tried; None = all of extract.decode


@dataclass
class RunReport:
    """What a run did. other_length: videos whose decoded frames are not as many as their list says."""

    done: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    other_length: list[str] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0


def run(
    preset: Preset, videos: Sequence[Video], *, root: Path, store_root: Path, settings: RunSettings, progress: Progress
) -> RunReport:
    """Extract every video of a list that the store lacks.

    A video that fails is recorded in failures.jsonl and the rest goes on. Raises StoreError for a store of another
    spec, ValueError for weights, device or precision that do not fit. An interruption (KeyboardInterrupt or
    SystemExit from a signal handler) leaves the store whole and no process behind.
    """
    started = time.monotonic()
    network, digest = _network(preset, settings, store_root)
    spec = preset.spec(weights=digest, precision=settings.precision if network else "fp32")
    shape = (network.batch_size,) if network else None
    store = FeatureStore.create(store_root, spec, batch_shape=shape)
    store.remove_stale()
    todo, damaged = _missing(store, videos)
    report = RunReport(skipped=len(videos) - len(todo), damaged=damaged)
    progress.total = len(todo)
    try:
        if todo:
            _Loop(preset, store, network, settings, report, progress).run(todo, root)
    finally:
        write_failures(store.root, report.failed)
        report.seconds = time.monotonic() - started
        progress.show(final=True)
    return report


def _network(preset: Preset, settings: RunSettings, store_root: Path):
    """(network or None, digest of its weights): a store that exists decides the batch size."""
    if preset.backbone is None:
        return None, ""
    from extract.backbones import BACKBONES
    from extract.network import Network, choose_device
    from extract.weights import load_weights

    device = choose_device(settings.device)
    backbone = BACKBONES[preset.backbone]()
    digest = load_weights(backbone, settings.weights or preset.weights, name=preset.backbone, seed=settings.seed)
    batch_size = settings.batch_size or preset.batch_size[device.type != "cpu"]
    try:
        recorded = FeatureStore(store_root).batch_shape
    except StoreError:
        recorded = None
    if recorded:
        batch_size = recorded[0]
    return Network(backbone, device=device, batch_size=batch_size, precision=settings.precision), digest


def _missing(store: FeatureStore, videos: Sequence[Video]) -> tuple[list[Video], list[str]]:
    """(videos that the store lacks, ids of those whose file is damaged and must be made again)."""
    todo, damaged = [], []
    for video in videos:
        try:
            if video.video_id in store:
                store.header(video.video_id)
                continue
        except StoreError:
            damaged.append(video.video_id)
        todo.append(video)
    return todo, damaged


class _Loop:
    """The device loop: takes what decoding delivers, fills batches from many videos, writes what is finished."""

    def __init__(self, preset, store, network, settings, report, progress):
        self.preset, self.store, self.network, self.settings = preset, store, network, settings
        self.report, self.progress = report, progress
        self.every = 1 if preset.flow else math.gcd(preset.frame_stride, preset.segment_stride)
        self.queues: dict[VideoWork | None, deque] = {}  # of (work, segment, crop, input [channels, L, S, S])
        if network is not None:
            from extract.streams import stream_maker

            self.make_stream = stream_maker(preset, network.device)
        self.works: dict[str, VideoWork] = {}
        self.pictures: dict[str, tuple] = {}  # video id -> (stream, assembler)

    def run(self, todo: list[Video], root: Path) -> None:
        lengths = {video.video_id: video.num_frames for video in todo}
        jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in todo]
        with DecodePool(jobs, self._decode_settings()) as pool:
            waiting = time.monotonic()
            for event in pool:
                self.progress.wait_seconds += time.monotonic() - waiting
                self._take(event)
                self._write_finished(lengths)
                self.progress.show()
                waiting = time.monotonic()
        self._flush(None)
        self._write_finished(lengths)

    def _decode_settings(self) -> DecodeSettings:
        preset, settings = self.preset, self.settings
        further = {} if settings.readers is None else {"readers": settings.readers}
        return DecodeSettings(
            workers=settings.workers, stall_seconds=settings.stall_seconds, on_damage=settings.on_damage, fps=preset.fps,
            keep_every=self.every, descriptor=preset.descriptor, clip_length=preset.clip_length,
            segment_stride=preset.segment_stride, tail=preset.tail, **further,
        )

    def _take(self, event) -> None:
        work = self.works.get(event.video_id)
        if work is None or isinstance(event, VideoRestarted):
            work = self._begin(event.video_id)
        if isinstance(event, FramesDecoded):
            try:
                if not work.dropped:
                    self._take_frames(work, event)
            finally:
                event.release()
        elif isinstance(event, SegmentsDescribed):
            work.add_described(event.rows, event.frame_span, event.time_span)
        elif isinstance(event, VideoEnded) and not work.dropped:
            self._end(work, event.report)
        elif isinstance(event, VideoFailed):
            self._fail(work, event.stage, event.reason, event.messages)

    def _begin(self, video_id: str) -> VideoWork:
        if video_id in self.works:
            self._drop(self.works[video_id])
        self.works[video_id] = VideoWork(video_id)
        return self.works[video_id]

    def _take_frames(self, work: VideoWork, event: FramesDecoded) -> None:
        from extract.clips import ClipAssembler

        begun = time.monotonic()
        if work.video_id not in self.pictures:
            assembler = ClipAssembler(
                clip_length=self.preset.clip_length, frame_stride=self.preset.frame_stride,
                segment_stride=self.preset.segment_stride, every=self.every, tail=self.preset.tail,
            )
            self.pictures[work.video_id] = self.make_stream(), assembler
        stream, assembler = self.pictures[work.video_id]
        assembler.note(event.frame_index, event.pts_seconds)
        try:
            self._enqueue(work, assembler.add(stream.add(event.frames)))
        except ValueError as error:
            self._fail(work, "extract", str(error), ())
        self.progress.frames += len(event.frame_index)
        self.progress.device_seconds += time.monotonic() - begun

    def _end(self, work: VideoWork, report) -> None:
        work.report = report
        if work.video_id in self.pictures:
            stream, assembler = self.pictures.pop(work.video_id)
            try:
                if (last := stream.end()) is not None:
                    self._enqueue(work, assembler.add(last))
                self._enqueue(work, assembler.end())
            except ValueError as error:
                self._fail(work, "extract", str(error), ())
                return
            if not self.network.mixes_videos:
                self._flush(work)
            work.set_spans(*assembler.spans(num_frames=report.num_frames, end_seconds=report.end_seconds))
        else:
            self.progress.frames += report.num_frames

    def _enqueue(self, work: VideoWork, clips: list) -> None:
        from extract.transforms import crop, scale

        preset = self.preset
        for clip in clips:
            views = [clip.frames] if preset.crop is None else crop(clip.frames, layout=preset.crop.layout, size=preset.crop.size)
            for number, view in enumerate(views):
                pixels = view.transpose(0, 1)  # [channels, L, S, S]
                if preset.scaling is not None:
                    pixels = scale(pixels, mean=preset.scaling.mean, std=preset.scaling.std)
                queue = self.queues.setdefault(None if self.network.mixes_videos else work, deque())
                queue.append((work, clip.segment, number, pixels))
                work.owed += 1
                if len(queue) >= self.network.batch_size:
                    self._forward(queue)

    def _flush(self, key: VideoWork | None) -> None:
        queue = self.queues.pop(key, ())
        while queue:
            self._forward(queue)

    def _forward(self, queue: deque) -> None:
        batch = [queue.popleft() for _ in range(min(self.network.batch_size, len(queue)))]
        rows = self.network.rows([pixels for *_, pixels in batch]).numpy()
        for (work, segment, number, _), row in zip(batch, rows, strict=True):
            work.add_row(segment, number, row)

    def _write_finished(self, lengths: dict[str, int | None]) -> None:
        for work in [work for work in self.works.values() if work.finished]:
            least = self.preset.least_frames
            try:
                if work.report.num_frames < least:
                    raise ValueError(f"it has {work.report.num_frames} frames, this preset needs at least {least}")
                features = work.features(self._provenance(), list_num_frames=lengths[work.video_id])
                self.store.write(features, compression=self.settings.compression)
            except ValueError as error:
                self._fail(work, "extract", str(error), ())
            except StoreError as error:
                self._fail(work, "write", str(error), ())
            else:
                self.report.done += 1
                self.report.frames += features.num_frames
                self.progress.done += 1
                if lengths[work.video_id] not in (None, features.num_frames):
                    self.report.other_length.append(work.video_id)
                del self.works[work.video_id]

    def _fail(self, work: VideoWork, stage: str, reason: str, messages: tuple[str, ...]) -> None:
        self._drop(work)
        if all(failure.video_id != work.video_id for failure in self.report.failed):
            line = reason.removeprefix(f"{work.video_id}: ")
            self.report.failed.append(Failure(work.video_id, stage, line, tuple(messages)))
            self.progress.failed += 1

    def _drop(self, work: VideoWork) -> None:
        work.dropped = True
        self.pictures.pop(work.video_id, None)
        self.queues.pop(work, None)

    def _provenance(self) -> dict:
        record = {"versions": versions(), "batch_shape": self.store.batch_shape}
        if self.network is not None:
            record |= {
                "device": str(self.network.device), "precision": self.network.precision,
                "precision_cosine": self.network.cosine,
            }
        return record
