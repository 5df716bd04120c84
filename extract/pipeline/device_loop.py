"""The device loop: takes what decoding delivers, fills batches, and writes each video when it is whole."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from data_lists import Video
from extract.decode.decode_events import (
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoRestarted,
)
from extract.decode.idle_workers import IdleWorkers
from extract.decode.pool import DecodeJob, DecodePool, DecodeSettings
from extract.pipeline.settings import RunReport, RunSettings
from extract.pipeline.video_work import VideoError, VideoWork
from extract.presets import Preset
from extract.runtime.profile import NoProfile
from extract.runtime.progress import Progress
from extract.runtime.versions import EXTRACTION, versions
from extract.store import FeatureStore, StoreError
from extract.store.failures import Failure

ANSWERS_UNDER_WAY = 2  # batches that a GPU has been given and not answered


class DeviceLoop:
    """One run over the videos that a store lacks. network: an extract.inference.network.Network, None for a descriptor.

    idle_workers: of decode_settings(preset, settings).
    """

    def __init__(
        self,
        preset: Preset,
        store: FeatureStore,
        network,
        settings: RunSettings,
        idle_workers: IdleWorkers,
        report: RunReport,
        progress: Progress,
    ):
        self.preset, self.store, self.network, self.idle_workers, self.settings = (
            preset,
            store,
            network,
            idle_workers,
            settings,
        )
        self.report, self.progress, self.profile = report, progress, progress.profile
        self.every = _every(preset)
        self.queues: dict[VideoWork | None, deque] = {}  # of (work, segment, crop, view [L, channels, S, S])
        self.answers: deque = deque()  # of ([(work, segment, crop)], extract.inference.transfer.Answer)
        if network is not None and network.device.type == "cuda" and not isinstance(self.profile, NoProfile):
            import torch

            self.profile.settle = torch.cuda.synchronize
        self.lanes: dict[str, tuple[int, float]] = {}  # videos being decoded -> place in the trace, start
        if network is not None:
            from extract.clips.streams import stream_maker

            self.make_stream = stream_maker(preset, network.device, self.profile)
        self.works: dict[str, VideoWork] = {}
        self.pictures: dict[str, tuple] = {}  # video id -> (stream, assembler)

    def run(self, todo: list[Video], root: Path) -> None:
        lengths = {video.video_id: video.num_frames for video in todo}
        jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in todo]
        with DecodePool(jobs, self.idle_workers.settings, self.idle_workers) as pool:
            events = iter(pool)
            while (event := self._next(events)) is not None:
                self._take(event)
                self._write_finished(lengths)
                self.progress.show()
        self._flush(None)
        self._write_finished(lengths)
        if self.network is not None and self.network.note:
            self.profile.remark(self.network.note)

    def _next(self, events: Iterator):
        """The next event of the decoders; None after the last."""
        waiting = time.monotonic()
        with self.profile.span("wait"):
            event = next(events, None)
        self.progress.wait_seconds += time.monotonic() - waiting
        if event is not None:
            self._trace(event)
        return event

    def _trace(self, event) -> None:
        """Notes on the profile from when to when a video was decoded."""
        if event.video_id not in self.lanes:
            used = {lane for lane, _ in self.lanes.values()}
            lane = next(lane for lane in range(len(used) + 1) if lane not in used)
            self.lanes[event.video_id] = lane, time.perf_counter()
        if isinstance(event, (VideoEnded, VideoFailed)):
            lane, started = self.lanes.pop(event.video_id)
            seconds = event.report.cpu_seconds if isinstance(event, VideoEnded) else None
            self.profile.add(
                "decode", started, track=f"decoder {lane}", video=event.video_id, cpu_seconds=seconds
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
            self.progress.reached = int(event.frame_span[-1, 1])
            self.progress.reached_seconds = float(event.time_span[-1, 1])
        elif isinstance(event, VideoEnded) and not work.dropped:
            self._end(work, event.report)
        elif isinstance(event, VideoFailed):
            self._fail(work, event.stage, event.reason, event.messages)

    def _begin(self, video_id: str) -> VideoWork:
        if video_id in self.works:
            self._drop(self.works[video_id])
        self.works[video_id] = self._new_work(video_id)
        return self.works[video_id]

    def _new_work(self, video_id: str) -> VideoWork:
        return VideoWork(video_id)

    def _assembler(self):
        from extract.clips.assembler import ClipAssembler

        return ClipAssembler(
            clip_length=self.preset.clip_length,
            frame_stride=self.preset.frame_stride,
            segment_stride=self.preset.segment_stride,
            every=self.every,
            tail=self.preset.tail,
        )

    def _open(self, work: VideoWork, event: FramesDecoded) -> tuple:
        """(stream, assembler) of a video whose first frames are here."""
        return self.make_stream(), self._assembler()

    def _add(self, stream, event: FramesDecoded):
        return stream.add(event.frames)

    def _take_frames(self, work: VideoWork, event: FramesDecoded) -> None:
        begun = time.monotonic()
        with self._failing(work):
            if work.video_id not in self.pictures:
                self.pictures[work.video_id] = self._open(work, event)
            stream, assembler = self.pictures[work.video_id]
            assembler.note(event.frame_index, event.pts_seconds)
            self._enqueue(work, assembler.add(self._add(stream, event)))
        self.progress.frames += len(event.frame_index)
        self.progress.reached = int(event.frame_index[-1]) + 1
        self.progress.reached_seconds = float(event.pts_seconds[-1])
        self.progress.device_seconds += time.monotonic() - begun

    def _end(self, work: VideoWork, report) -> None:
        work.report = report
        if work.video_id in self.pictures:
            stream, assembler = self.pictures.pop(work.video_id)
            with self._failing(work):
                if (last := stream.end()) is not None:
                    self._enqueue(work, assembler.add(last))
                self._enqueue(work, assembler.end())
            if work.dropped:
                return
            if self.network is not None and not self.network.mixes_videos:
                self._flush(work)
            work.set_spans(*assembler.spans(num_frames=report.num_frames, end_seconds=report.end_seconds))
        else:
            self.progress.frames += report.num_frames

    @contextlib.contextmanager
    def _failing(self, work: VideoWork) -> Iterator[None]:
        """What concerns one video fails it and lets the others go on: its content, and pictures that are too large."""
        try:
            yield
        except VideoError as error:
            self._fail(work, "extract", str(error), ())
        except (RuntimeError, MemoryError) as error:
            if not _lacks_memory(error):
                raise
            device = getattr(self.network, "device", "the device")
            line = f"its pictures do not fit into the memory of {device} while they are resized or their flow is computed"
            self._fail(work, "extract", f"{line}; a smaller resize.size or another --device may do", ())

    def _enqueue(self, work: VideoWork, clips: list) -> None:
        from extract.clips.transforms import crop

        preset = self.preset
        for clip in clips:
            try:
                views = crop(clip.frames, layout=preset.crop.layout, size=preset.crop.size)
            except ValueError as error:
                raise VideoError(str(error)) from None
            for number, view in enumerate(views):
                queue = self.queues.setdefault(None if self.network.mixes_videos else work, deque())
                queue.append((work, clip.segment, number, view))
                work.owed += 1
                if len(queue) >= self.network.batch_size:
                    self._forward(queue)

    def _flush(self, key: VideoWork | None) -> None:
        queue = self.queues.pop(key, ())
        while queue:
            self._forward(queue)
        self._collect(under_way=0)

    def _forward(self, queue: deque) -> None:
        from extract.clips.transforms import network_input

        network, scaling = self.network, self.preset.scaling
        batch = [queue.popleft() for _ in range(min(network.batch_size, len(queue)))]
        views = [view for *_, view in batch]
        try:
            with self.profile.span("scale"):
                inputs = network_input(
                    views, batch_size=network.batch_size, mean=scaling.mean, std=scaling.std
                )
            with self.profile.span("forward"):
                answer = network.start(inputs)
        except (RuntimeError, MemoryError) as error:
            if not _lacks_memory(error):
                raise
            raise ValueError(self._too_large(views[0].shape)) from None
        self.answers.append(([each[:3] for each in batch], answer))
        self._collect(under_way=ANSWERS_UNDER_WAY if network.mixes_videos else 0)

    def _collect(self, *, under_way: int) -> None:
        """Take rows of finished batches, until at most so many are under way: a GPU goes on meanwhile."""
        while len(self.answers) > under_way:
            places, answer = self.answers.popleft()
            with self.profile.span("forward"):
                rows = answer.rows().numpy()
            for (work, segment, number), row in zip(places, rows):  # rows of a batch that is not full follow
                work.add_row(segment, number, row)

    def _too_large(self, shape) -> str:
        """What to do when a batch does not fit; the shape of a store never changes by itself."""
        size = self.network.batch_size
        line = f"a batch of {size} inputs of shape {list(shape)} does not fit into the memory of {self.network.device}"
        if size == 1:
            return f"{line}; a smaller preset, --precision bf16 or a larger device would"
        return (
            f"{line}; the store {self.store.root} was made for batches of {size}, whose rows others differ from in their last "
            f"bits: extract into a new store with --batch-size {size // 2}, or go on on a larger device"
        )

    def _write_finished(self, lengths: dict[str, int | None]) -> None:
        for work in [work for work in self.works.values() if work.finished]:
            least = self.preset.least_frames
            try:
                if work.report.num_frames < least:
                    raise VideoError(
                        f"it has {work.report.num_frames} frames, this preset needs at least {least}"
                    )
                features = work.features(self._provenance(), list_num_frames=lengths[work.video_id])
                with self.profile.span("write"):
                    self.store.write(features, compression=self.settings.compression)
            except VideoError as error:
                self._fail(work, "extract", str(error), ())
            except StoreError as error:
                self._fail(work, "write", str(error), ())
            else:
                self.report.extracted[work.video_id] = features.num_frames
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
        record = {"versions": versions(EXTRACTION), "batch_shape": self.store.batch_shape}
        if self.network is not None:
            record |= {
                "device": str(self.network.device),
                "precision": self.network.precision,
                "precision_cosine": self.network.cosine,
            }
            if self.network.note:
                record["batches_started"] = self.network.note
        return record


def _lacks_memory(error: Exception) -> bool:
    """torch.OutOfMemoryError of a GPU, or what the allocator of a processor says."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)


def decode_settings(preset: Preset, settings: RunSettings) -> DecodeSettings:
    """What decode workers do for a preset."""
    further = {} if settings.readers is None else {"readers": settings.readers}
    return DecodeSettings(
        workers=settings.workers,
        stall_seconds=settings.stall_seconds,
        on_damage=settings.on_damage,
        fps=preset.fps,
        keep_every=_every(preset),
        descriptor=preset.descriptor,
        clip_length=preset.clip_length,
        segment_stride=preset.segment_stride,
        tail=preset.tail,
        **further,
    )


def _every(preset: Preset) -> int:
    """Which frames are needed at all; flow needs every one, but that of a scene is between the frames of its clips."""
    return 1 if preset.flow and preset.scene is None else math.gcd(preset.frame_stride, preset.segment_stride)
