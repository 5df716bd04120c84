"""The device loop: takes what decoding delivers, fills batches, and writes each video when it is whole."""
from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path

from data_lists import Video
from extract.decode.events import FramesDecoded, SegmentsDescribed, VideoEnded, VideoFailed, VideoRestarted
from extract.decode.pool import DecodeJob, DecodePool, DecodeSettings
from extract.failures import Failure
from extract.presets import Preset
from extract.progress import Progress
from extract.provenance import versions
from extract.settings import RunReport, RunSettings
from extract.store import FeatureStore, StoreError
from extract.work import VideoError, VideoWork


class DeviceLoop:
    """One run over the videos that a store lacks. network: an extract.network.Network, None for a descriptor."""

    def __init__(
        self, preset: Preset, store: FeatureStore, network, settings: RunSettings, report: RunReport, progress: Progress
    ):
        self.preset, self.store, self.network, self.settings = preset, store, network, settings
        self.report, self.progress = report, progress
        self.every = _every(preset)
        self.queues: dict[VideoWork | None, deque] = {}  # of (work, segment, crop, input [channels, L, S, S])
        if network is not None:
            from extract.streams import stream_maker

            self.make_stream = stream_maker(preset, network.device)
        self.works: dict[str, VideoWork] = {}
        self.pictures: dict[str, tuple] = {}  # video id -> (stream, assembler)

    def run(self, todo: list[Video], root: Path) -> None:
        lengths = {video.video_id: video.num_frames for video in todo}
        jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in todo]
        with DecodePool(jobs, decode_settings(self.preset, self.settings)) as pool:
            waiting = time.monotonic()
            for event in pool:
                self.progress.wait_seconds += time.monotonic() - waiting
                self._take(event)
                self._write_finished(lengths)
                self.progress.show()
                waiting = time.monotonic()
        self._flush(None)
        self._write_finished(lengths)

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
        self.works[video_id] = self._new_work(video_id)
        return self.works[video_id]

    def _new_work(self, video_id: str) -> VideoWork:
        return VideoWork(video_id)

    def _assembler(self):
        from extract.clips import ClipAssembler

        return ClipAssembler(
            clip_length=self.preset.clip_length, frame_stride=self.preset.frame_stride,
            segment_stride=self.preset.segment_stride, every=self.every, tail=self.preset.tail,
        )

    def _open(self, work: VideoWork, event: FramesDecoded) -> tuple:
        """(stream, assembler) of a video whose first frames are here."""
        return self.make_stream(), self._assembler()

    def _add(self, stream, event: FramesDecoded):
        return stream.add(event.frames)

    def _take_frames(self, work: VideoWork, event: FramesDecoded) -> None:
        begun = time.monotonic()
        try:
            if work.video_id not in self.pictures:
                self.pictures[work.video_id] = self._open(work, event)
            stream, assembler = self.pictures[work.video_id]
            assembler.note(event.frame_index, event.pts_seconds)
            self._enqueue(work, assembler.add(self._add(stream, event)))
        except VideoError as error:
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
            except VideoError as error:
                self._fail(work, "extract", str(error), ())
                return
            if self.network is not None and not self.network.mixes_videos:
                self._flush(work)
            work.set_spans(*assembler.spans(num_frames=report.num_frames, end_seconds=report.end_seconds))
        else:
            self.progress.frames += report.num_frames

    def _enqueue(self, work: VideoWork, clips: list) -> None:
        from extract.transforms import crop, scale

        preset = self.preset
        for clip in clips:
            try:
                views = crop(clip.frames, layout=preset.crop.layout, size=preset.crop.size)
            except ValueError as error:
                raise VideoError(str(error)) from None
            for number, view in enumerate(views):
                pixels = scale(view, mean=preset.scaling.mean, std=preset.scaling.std, dim=1).transpose(0, 1)  # [channels, L, S, S]
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
        try:
            rows = self.network.rows([pixels for *_, pixels in batch]).numpy()
        except (RuntimeError, MemoryError) as error:
            if not _lacks_memory(error):
                raise
            raise ValueError(self._too_large(batch[0][-1].shape)) from None
        for (work, segment, number, _), row in zip(batch, rows, strict=True):
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
                    raise VideoError(f"it has {work.report.num_frames} frames, this preset needs at least {least}")
                features = work.features(self._provenance(), list_num_frames=lengths[work.video_id])
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
        record = {"versions": versions(), "batch_shape": self.store.batch_shape}
        if self.network is not None:
            record |= {
                "device": str(self.network.device), "precision": self.network.precision,
                "precision_cosine": self.network.cosine,
            }
        return record


def _lacks_memory(error: Exception) -> bool:
    """torch.OutOfMemoryError of a GPU, or what the allocator of a processor says."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)


def decode_settings(preset: Preset, settings: RunSettings) -> DecodeSettings:
    """What decode workers do for a preset."""
    further = {} if settings.readers is None else {"readers": settings.readers}
    return DecodeSettings(
        workers=settings.workers, stall_seconds=settings.stall_seconds, on_damage=settings.on_damage, fps=preset.fps,
        keep_every=_every(preset), descriptor=preset.descriptor, clip_length=preset.clip_length,
        segment_stride=preset.segment_stride, tail=preset.tail, **further,
    )


def _every(preset: Preset) -> int:
    """Which frames are needed at all; flow needs every one, but that of a scene is between the frames of its clips."""
    return 1 if preset.flow and preset.scene is None else math.gcd(preset.frame_stride, preset.segment_stride)
