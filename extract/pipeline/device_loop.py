"""The device loop: hands what decoding delivers to the row maker, and writes videos that are complete."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from data_lists import Video
from extract.decode.decode_events import (
    DecodeReport,
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.idle_workers import IdleWorkers
from extract.decode.pool import DecodeJob, DecodePool
from extract.pipeline.decode_trace import DecodeTrace
from extract.pipeline.row_makers import RowMaker, Run
from extract.pipeline.video_error import VideoError, is_out_of_memory
from extract.pipeline.video_work import VideoWork
from extract.runtime.versions import EXTRACTION, versions
from extract.store import StoreError
from extract.store.failures import Failure
from extract.store.video_features import remarks_of


class DeviceLoop:
    """One list of videos, from the decode workers through the row maker into the store.

    least_frames: shorter videos fail. idle_workers: of decode_settings(preset, run.settings).
    """

    def __init__(self, run: Run, maker: RowMaker, idle_workers: IdleWorkers, *, least_frames: int = 1):
        self.run, self.maker, self.idle_workers, self.least_frames = run, maker, idle_workers, least_frames
        self.progress, self.profile = run.progress, run.progress.profile
        self.trace = DecodeTrace(self.profile)
        self.works: dict[str, VideoWork] = {}  # by video id; events of videos without work are ignored

    def extract(self, todo: list[Video], root: Path) -> None:
        """Extract all of these videos. root: of their files."""
        lengths = {video.video_id: video.num_frames for video in todo}
        jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in todo]
        self.maker.start(self.run)
        with DecodePool(jobs, self.idle_workers.settings, self.idle_workers) as pool:
            events = iter(pool)
            while (event := self._next(events)) is not None:
                self._take(event)
                self._write_complete(lengths)
                self.progress.show()
        self.maker.finish()
        self._write_complete(lengths)

    def _next(self, events: Iterator):
        """The next event of the decode workers; None after the last."""
        waiting = time.monotonic()
        with self.profile.span("wait"):
            event = next(events, None)
        self.progress.wait_seconds += time.monotonic() - waiting
        if event is not None:
            self.trace.note(event)
        return event

    def _take(self, event) -> None:
        if isinstance(event, VideoOpened):
            with self._failing(event.video_id):
                self.works[event.video_id] = VideoWork(event.video_id, self.maker.open(event))
        elif isinstance(event, VideoRestarted):
            self._drop(event.video_id)  # another decoder starts over
        elif isinstance(event, FramesDecoded):
            try:
                self._take_frames(event)
            finally:
                event.release()
        elif isinstance(event, SegmentsDescribed):
            self._take_segments(event)
        elif isinstance(event, VideoEnded):
            self._end(event.video_id, event.report)
        elif isinstance(event, VideoFailed):
            self._fail(event.video_id, event.stage, event.reason, event.messages)

    def _take_frames(self, event: FramesDecoded) -> None:
        if (work := self.works.get(event.video_id)) is None:
            return
        with self._failing(event.video_id), self._computing():
            work.rows.take(event)
        self.progress.frames += len(event.frame_index)
        self.progress.reached = int(event.frame_index[-1]) + 1
        self.progress.reached_seconds = float(event.pts_seconds[-1])

    def _take_segments(self, event: SegmentsDescribed) -> None:
        if (work := self.works.get(event.video_id)) is None:
            return
        with self._failing(event.video_id), self._computing():
            work.rows.take(event)
        self.progress.reached = int(event.frame_span[-1, 1])
        self.progress.reached_seconds = float(event.time_span[-1, 1])

    def _end(self, video_id: str, report: DecodeReport) -> None:
        if (work := self.works.get(video_id)) is None:
            return
        with self._failing(video_id), self._computing():
            work.rows.end(report)
            work.report = report

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """Counts the time of whatever has a device; decode workers count their own."""
        begun = time.monotonic()
        yield
        if self.maker.device is not None:
            self.progress.device_seconds += time.monotonic() - begun

    @contextlib.contextmanager
    def _failing(self, video_id: str) -> Iterator[None]:
        """Errors of one video's content, and frames too large for the memory, fail that video alone."""
        try:
            yield
        except VideoError as error:
            self._fail(video_id, "extract", str(error))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = (
                f"its frames do not fit into the memory of {self.maker.device} while they are resized or "
                "their flow is computed; a smaller resize.size or another --device may help"
            )
            self._fail(video_id, "extract", reason)

    def _write_complete(self, lengths: dict[str, int | None]) -> None:
        for work in [work for work in self.works.values() if work.complete]:
            listed = lengths[work.video_id]
            try:
                features = work.features(
                    least_frames=self.least_frames, list_num_frames=listed, provenance=self._provenance()
                )
                with self.profile.span("write"):
                    self.run.store.write(features, compression=self.run.settings.compression)
            except VideoError as error:
                self._fail(work.video_id, "extract", str(error))
            except StoreError as error:
                self._fail(work.video_id, "write", str(error))
            else:
                self.run.report.extracted[work.video_id] = features.num_frames
                self.progress.done += 1
                for key in remarks_of(features.decode, features.num_frames):
                    self.run.report.remarks.setdefault(key, []).append(work.video_id)
                if listed not in (None, features.num_frames):
                    self.run.report.other_length.append(work.video_id)
                self._drop(work.video_id)

    def _fail(self, video_id: str, stage: str, reason: str, messages: tuple[str, ...] = ()) -> None:
        self._drop(video_id)
        failed = self.run.report.failed
        if all(failure.video_id != video_id for failure in failed):
            failed.append(Failure(video_id, stage, reason.removeprefix(f"{video_id}: "), tuple(messages)))
            self.progress.failed += 1

    def _drop(self, video_id: str) -> None:
        if (work := self.works.pop(video_id, None)) is not None:
            work.rows.close()

    def _provenance(self) -> dict:
        shared = {"versions": versions(EXTRACTION), "batch_shape": self.run.store.batch_shape}
        return shared | self.maker.provenance()
