"""One camera in the engine: its frames become rows, its rows become scored segments."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extract.pipeline.live_rows import LiveRow, LiveRows, LiveStream
from extract.pipeline.video_error import VideoError
from score.alerts.watch_events import CameraState, Connection, LiveFrame, LiveSegment
from score.live.frames.capture import Capture
from score.live.frames.captured_frame import CapturedFrame, FrameRun
from score.live.frames.frame_rate import FrameRate
from score.live.latencies import Latencies
from score.live.score_window import Reach, Scored, ScoreWindow
from score.live.sources.folder_source import FolderSource
from score.live.sources.resume_point import ResumePoint
from score.scoring.scorer import Scorer


class _Arrival(NamedTuple):
    number: int  # of a frame within its run
    time: float
    monotonic: float


class _Known(NamedTuple):
    """A segment whose rows are known: rows of each store, arrivals of its first and last frame."""

    rows: tuple[LiveRow, ...]
    first: _Arrival
    last: _Arrival


class _RunScores:
    """The streams, the window and the segments that wait for their score, of one run of frames."""

    def __init__(self, run: FrameRun, streams: list[LiveStream], window: ScoreWindow):
        self.run, self.streams, self.window = run, streams, window
        self.rows: list[deque[LiveRow]] = [deque() for _ in streams]
        self.arrivals: deque[_Arrival] = deque()
        self.waiting: deque[_Known] = deque()
        self.scored = 0
        self.over = False


class WatchedCamera:
    """makers: one per store. feed() may run in any thread, the others in the engine's."""

    def __init__(self, capture: Capture, makers: Sequence[LiveRows], scorers: Sequence[Scorer], reach: Reach):
        self.capture, self.makers, self.scorers, self.reach = capture, makers, scorers, reach
        self.latencies = Latencies()
        self.rate = FrameRate()  # of what is taken for scoring
        self.problem = ""  # why its latest picture could not be used
        self.latest: float | None = None  # the latest score
        self.frames: list[CapturedFrame] = []  # taken, not fed yet
        self._runs: deque[_RunScores] = deque()  # the last one is fed; those before wait for their rows
        self._number = 0

    @property
    def name(self) -> str:
        return self.capture.camera.name

    def take(self) -> Iterator[LiveFrame]:
        """The frames that have arrived; feed() then computes with them."""
        self.frames = self.capture.buffer.take()
        for each in self.frames:
            self.rate.note(time.monotonic())
            yield LiveFrame(self.name, each.number, each.seconds, each.arrived, each.pixels)

    def feed(self) -> None:
        """Rows of the frames that were taken."""
        frames, self.frames = self.frames, []
        for frame in frames:
            if not self._runs or self._runs[-1].run is not frame.run:
                self._end_last()
                self._runs.append(self._opened(frame.run))
            current = self._runs[-1]
            number = frame.decoded.frame_index
            current.arrivals.append(_Arrival(number, frame.arrived, frame.monotonic))
            try:
                for stream in current.streams:
                    stream.add(frame.decoded)
                self.problem = ""
            except VideoError as error:
                self.problem = str(error)
        # Once the buffer is empty after the run has ended, no frame of it follows.
        if not frames and self._runs and self._runs[-1].run.ended.is_set() and self.capture.buffer.is_empty:
            self._end_last()

    def _opened(self, run: FrameRun) -> _RunScores:
        streams = [maker.open(run.fps) for maker in self.makers]
        return _RunScores(run, streams, ScoreWindow(self.scorers, self.reach, self.name))

    def _end_last(self) -> None:
        if not self._runs or self._runs[-1].over:
            return
        last = self._runs[-1]
        last.run.ended.wait()  # set by the camera's thread before it begins another
        for stream in last.streams:
            stream.end(num_frames=last.run.num_frames, end_seconds=last.run.end_seconds)
        last.over = True

    def segments(self) -> Iterator[LiveSegment]:
        """The segments that can be scored by now."""
        while self._runs:
            current = self._runs[0]
            for row, stream in zip(current.rows, current.streams, strict=True):
                row += stream.take()
            while all(current.rows):
                rows = tuple(each.popleft() for each in current.rows)
                current.waiting.append(self._known(current, rows))
                yield from self._scored(current, current.window.add(rows))
            if not current.over:
                return
            yield from self._scored(current, current.window.end())
            self._runs.popleft()

    def _known(self, current: _RunScores, rows: tuple[LiveRow, ...]) -> _Known:
        start, stop = rows[0].frame_span
        arrivals = current.arrivals
        # The one before stays: a segment may begin with a frame that was skipped.
        while len(arrivals) > 1 and arrivals[1].number <= start:
            arrivals.popleft()
        last = arrivals[0]
        for each in arrivals:
            if each.number >= stop:
                break
            last = each
        return _Known(rows, arrivals[0], last)

    def _scored(self, current: _RunScores, scores: list[Scored]) -> Iterator[LiveSegment]:
        for scored in scores:
            known, run = current.waiting.popleft(), current.run
            latency = time.monotonic() - known.last.monotonic
            frames, times = known.rows[0].frame_span, known.rows[0].time_span
            yield LiveSegment(
                self.name,
                self._number,
                (run.first_number + frames[0], run.first_number + frames[1]),
                (run.first_seconds + times[0], run.first_seconds + times[1]),
                (known.first.time, known.last.time),
                tuple(each.row for each in known.rows),
                scored.score,
                scored.class_probability,
                latency,
                restarted=current.scored == 0,
            )
            current.scored += 1
            self._number += 1
            self.latest = scored.score
            self.latencies.add(latency)

    def forget(self) -> None:
        """It is not fed any more, and its row makers keep nothing of it."""
        for run in self._runs:
            for stream in run.streams:
                stream.leave()
        self._runs.clear()

    @property
    def resume_point(self) -> ResumePoint | None:
        """Where another process begins with its folder; None for other sources, and while nothing is open."""
        source = self.capture.source
        if not isinstance(source, FolderSource) or not self._runs:
            return None
        run = self._runs[0].run
        if run.after is None:
            return ResumePoint(source.taken or "")
        return ResumePoint(run.after, run.first_number, run.begins_seconds)

    @property
    def is_done(self) -> bool:
        """Whether its source is over and everything is scored."""
        capture = self.capture
        return capture.connection == "ended" and capture.buffer.is_empty and not (self.frames or self._runs)

    @property
    def connection(self) -> Connection:
        """A source that is read to its end has not ended before all of it is scored: alerts end with it."""
        known = self.capture.connection
        return "live" if known == "ended" and not self.is_done else known

    def state(self) -> CameraState:
        capture = self.capture
        return CameraState(
            self.name,
            self.connection,
            self.problem or capture.detail,
            time.time(),
            capture.frames,
            capture.skipped,
            capture.rate.per_second(time.monotonic()),
            self.latencies.summary(),
            damaged=capture.damaged,
            scored_fps=self.rate.per_second(time.monotonic()),
        )
