"""One video in a decode worker: find it, try the decoders in turn, send its frames, report the damage."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from extract.decode.decode_events import DecodeReport, VideoEnded, VideoFailed, VideoOpened, VideoRestarted
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.folder_reader import open_folder
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.sampling import Sampler
from extract.decode.sinks import DescriptorError, FrameSink, SegmentSink
from extract.decode.sound.sound_sink import SoundSink
from extract.decode.sources import Source, SourceError, find_source, identify_source
from extract.decode.worker_link import ParentGone, WorkerLink
from extract.runtime.foreign.printable import printable

# decord's clock and source file, FFmpeg's error numbers: they differ between runs or machines.
NATIVE_NOISE = re.compile(r"\[[0-9:]+\] \S+: |\[Errno -?[0-9]+\] ")


class VideoTask:
    """One video, from its id to its last event."""

    def __init__(self, job: DecodeJob, settings: DecodeSettings, link: WorkerLink):
        self.job = job
        self.settings = settings
        self.link = link
        self.opened = False
        self.stage = "find"
        self.failures: list[str] = []
        self.cpu_start = time.process_time()

    def run(self, attempt: int) -> VideoEnded | VideoFailed:
        """Try the decoders from index `attempt` on and return the last event of the video."""
        self.link.messages.restart()
        self.link.page.set("reader", attempt)
        self.link.beat()
        try:
            source = replace(find_source(self.job.root, self.job.video_id), stream=self.settings.stream)
            identity = identify_source(source, self.link.beat)
        except SourceError as error:
            return self._failed(str(error))
        except OSError as error:
            return self._failed(f"{self.job.video_id}: cannot be read: {error.strerror}")
        if not identity["bytes"]:
            return self._failed(f"{self.job.video_id}: {source.relative} is empty (0 bytes)")
        # A folder has only one reader, open_folder.
        readers = (None,) if source.images else self.settings.readers[attempt:]
        for number, reader in enumerate(readers, start=attempt):
            self.link.page.set("reader", number)
            # The consumer must discard what the previous decoder sent.
            if self.opened:
                self.opened = False
                self.link.send(VideoRestarted(self.job.video_id))
            self.link.messages.restart()
            self.stage = "open"
            try:
                report = self._decode(source, identity, reader, last=number == attempt + len(readers) - 1)
            except ParentGone:
                raise
            except DescriptorError as error:
                self.stage = "describe"
                return self._failed(str(error))
            except Exception as error:  # decoders raise anything, and another one may be left
                self.failures.append(f"{_name(reader)}: {_reason(error, source)}")
            else:
                return self._last_event(report)
        return self._failed(f"{self.job.video_id}: " + "; ".join(self.failures))

    def _decode(
        self, source: Source, identity: dict, reader: Callable[..., OpenVideo] | None, *, last: bool
    ) -> DecodeReport:
        """Send everything that one reader decodes.

        Raises what stopped it, unless it is the last reader and the part before the stop is kept.
        """
        # Opening may take long, so report progress on both sides of it.
        self.link.beat()
        if reader is None:
            video = open_folder(source, self.job.num_frames)
        else:
            video = reader(source, self.settings.read_ahead_bytes)
        self.link.beat()
        self.stage = "decode"
        self.link.send(VideoOpened(self.job.video_id, video.decoder, video.fps, video.width, video.height))
        self.opened = True
        sink = self._sink(source, video)
        counter = FrameCounter(video, self.link)
        sampler = Sampler(self.settings.fps, self.settings.keep_every, self.settings.keep_seconds)
        try:
            for frame in sampler.pick(counter):
                sink.add(frame)
        except (ParentGone, DescriptorError):
            raise
        except Exception as error:  # damage raises many kinds; what came before it may be worth keeping
            stopped = _reason(error, source)
            if not self._keeps(counter, last=last):
                sink.discard()
                raise
        else:
            # Decoders may end at damage without an error.
            stopped = video.shortfall(counter.num_frames, counter.end_seconds)
            if stopped and not self._keeps(counter, last=last):
                sink.discard()
                raise ReadError(f"stops early: {stopped}")
        sink.finish(counter.num_frames, counter.end_seconds)
        report = self._report(video, identity, counter, sampled=sampler.sampled, stopped=stopped)
        return replace(report, sound=sink.record()) if isinstance(sink, SoundSink) else report

    def _sink(self, source: Source, video: OpenVideo) -> FrameSink | SegmentSink | SoundSink:
        settings = self.settings
        if settings.sound is not None:
            path = None if source.images else source.path
            return SoundSink(self.link, self.job.video_id, video, settings, sound=settings.sound, path=path)
        if settings.descriptor is None:
            return FrameSink(self.link, self.job.video_id, video, settings)
        return SegmentSink(self.link, self.job.video_id, video.fps, settings)

    def _keeps(self, counter: FrameCounter, *, last: bool) -> bool:
        """Whether the decoded part of a video that stops early is kept."""
        return self.settings.on_damage == "salvage" and last and counter.num_frames > 0

    def _report(
        self, video: OpenVideo, identity: dict, counter: FrameCounter, *, sampled: int, stopped: str
    ) -> DecodeReport:
        messages = self.link.messages
        messages.collect()
        return DecodeReport(
            decoder=video.decoder,
            num_frames=counter.num_frames,
            header_num_frames=video.header_num_frames,
            num_sampled=sampled,
            fps=video.fps,
            width=video.width,
            height=video.height,
            end_seconds=counter.end_seconds,
            messages=messages.count,
            first_messages=messages.first,
            missing_frames=video.missing_frames,
            complete=not stopped,
            stopped=stopped,
            earlier_failures=tuple(self.failures),
            source=identity,
            cpu_seconds=time.process_time() - self.cpu_start,
            clock="" if video.clock is None else video.clock.repairs(),
            stream=video.stream,
            other_streams=video.other_streams,
        )

    def _last_event(self, report: DecodeReport) -> VideoEnded | VideoFailed:
        if self.settings.on_damage == "fail" and report.messages:
            self.stage = "decode"
            wrote = f"{report.decoder} wrote {report.messages} messages about damage"
            return self._failed(f"{self.job.video_id}: {wrote}")
        return VideoEnded(self.job.video_id, report)

    def _failed(self, reason: str) -> VideoFailed:
        self.link.messages.collect()
        return VideoFailed(self.job.video_id, self.stage, printable(reason), self.link.messages.first)


class FrameCounter:
    """Counts frames as they pass, and reports to the parent that the decoder makes progress."""

    def __init__(self, video: OpenVideo, link: WorkerLink):
        self.video = video
        self.link = link
        self.num_frames = 0
        self.end_seconds = 0.0  # latest end of any frame: the clock of concatenated streams may jump back

    def __iter__(self) -> Iterator[DecodedFrame]:
        for frame in self.video.frames:
            self.num_frames = frame.frame_stop
            self.end_seconds = max(self.end_seconds, frame.end_seconds)
            self.link.beat()
            yield frame


def _name(reader: Callable | None) -> str:
    return reader.__name__.removeprefix("open_") if reader is not None else "folder"


def _reason(error: Exception, source: Source) -> str:
    """One line about an error, the same on every machine and in every run."""
    text = NATIVE_NOISE.sub("", str(error))
    text = text if isinstance(error, ReadError) else f"{type(error).__name__}: {text}"
    lines = text.replace(str(source.path), source.relative).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
