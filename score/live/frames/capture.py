"""The thread of one camera: opens its source, decodes, hands frames to the buffer, connects again.

A live source that is lost is tried again after 1 s, then twice as long each time up to 30 s, and up to a
quarter sooner, so that cameras of one network do not come back in one moment.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace

from extract.decode.open_video import ReadError
from extract.runtime.foreign.foreign_error import one_line
from score.alerts.watch_events import Connection
from score.live.camera import Camera
from score.live.frames.captured_frame import CapturedFrame, FrameRun
from score.live.frames.frame_buffer import MOST_BYTES, FrameBuffer
from score.live.frames.frame_rate import FrameRate, RateLimit
from score.live.frames.zone import Zone
from score.live.sources.frame_source import FolderGone, FrameSource, Recording, SourceLost

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
JITTER = 0.25  # of a wait, by which it may be shorter
STEADY_SECONDS = 10.0  # of frames after which a lost connection is news and not another failure


class Capture:
    """One camera's frames, from `start` until `close`.

    connection, detail: where it stands, for CameraState. failed: why its file could not be read to its end,
    "" if it could. fps: frames per second that are taken, by the header and the camera's own rate; 0 before
    the first frame. start_bytes: see FrameBuffer.
    """

    def __init__(self, camera: Camera, arrived: threading.Event, *, start_bytes: int = MOST_BYTES):
        self.camera = camera
        self.buffer = FrameBuffer(arrived, waits=camera.waits, start_bytes=start_bytes)
        self.connection: Connection = "connecting"
        self.detail = self.failed = ""
        self.frames = 0  # that the camera sent
        self.fps = 0.0
        self.rate = FrameRate()  # of what the camera sends
        self.stopping = threading.Event()
        self.source: FrameSource = camera.open(self.stopping)
        self._arrived = arrived
        self._zone, self._limit = Zone(camera.ignored), RateLimit(camera.rate)
        self._seconds = 0.0  # of the camera, at which the next frame may come
        self._first_arrival: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"camera {camera.name}", daemon=True)

    @property
    def skipped(self) -> int:
        """Frames that newer ones replaced."""
        return self.buffer.skipped

    @property
    def damaged(self) -> int:
        """Damaged packets and frames."""
        return self.source.damaged

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop. A source that blocks is left behind: its thread ends with the process."""
        self.stopping.set()
        self.buffer.close()

    @property
    def is_running(self) -> bool:
        """Whether its thread has not ended."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait for its thread, so long at most."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        wait = FIRST_WAIT
        try:
            while not self.stopping.is_set():
                begun = time.monotonic()
                try:
                    recording = self.source.next()
                    if recording is None:
                        if not self.stopping.is_set():  # a folder does not end because nobody waits for it
                            self._state("ended", self.failed)
                        return
                    self._play(recording)
                    wait = FIRST_WAIT
                except Exception as error:  # decoders raise anything; an error of ours is seen in the state
                    if time.monotonic() - begun > STEADY_SECONDS:
                        wait = FIRST_WAIT
                    if not self._goes_on(error, wait):
                        return
                    wait = min(2 * wait, LONGEST_WAIT)
        finally:
            self.source.close()

    def _goes_on(self, error: Exception, wait: float) -> bool:
        """Whether a source that was lost is tried again, after a wait."""
        why = self.camera.address.redacted(one_line(error))
        if not isinstance(error, (SourceLost, ReadError)):
            why = f"{type(error).__name__}: {why}"
        kind = self.camera.address.kind
        if kind == "file":
            self.failed = why
            self._state("ended", why)
            return False
        self.source.close()
        if kind == "folder" and not isinstance(error, FolderGone):
            self._state("live", why)  # the next file may be better
            return True
        wait *= 1 - random.uniform(0, JITTER)
        self._state("lost", f"{why}; tried again in {wait:.0f} s")
        self.stopping.wait(wait)
        return True

    def _state(self, connection: Connection, detail: str = "") -> None:
        self.connection, self.detail = connection, detail
        self._arrived.set()

    def _play(self, recording: Recording) -> None:
        """Hand on one recording. Raises SourceLost."""
        run: FrameRun | None = None
        count, end, last = 0, 0.0, 0.0
        # What a file of another machine has already played is gone through as fast as it can be read.
        begun = time.monotonic() - self.camera.played_seconds
        first_number = self.frames
        try:
            for frame in recording.frames:
                if self.stopping.is_set():
                    return
                if run is None:
                    begins = self._begins_at()
                    first_seconds = begins - frame.pts_seconds
                    run = FrameRun(recording.fps, first_number, first_seconds, begins, recording.after)
                    first = frame.pts_seconds
                    self.fps = min(recording.fps, self.camera.rate or recording.fps)
                    self._state("live", recording.name)
                last, end = frame.pts_seconds, max(end, frame.end_seconds)
                count = frame.frame_stop
                self.frames = first_number + count
                self._seconds = run.first_seconds + end
                if self.camera.realtime and self._late(begun + frame.pts_seconds - first):
                    return
                self.rate.note(time.monotonic())
                if self._limit.takes(run.first_seconds + last):
                    self._hand_on(run, frame)
        finally:
            if run is not None:
                run.end(count, end)
                self._arrived.set()

    def _begins_at(self) -> float:
        """Seconds of the camera at which the next recording begins: by the clock where it is live."""
        now = time.monotonic()
        if self._first_arrival is None:
            self._first_arrival = now
        if not self.camera.address.is_live:
            return self._seconds
        return max(self._seconds, now - self._first_arrival)

    def _late(self, due: float) -> bool:
        """Wait until a frame is due; whether nobody waits for it any more."""
        return self.stopping.wait(max(0.0, due - time.monotonic()))

    def _hand_on(self, run: FrameRun, frame) -> None:
        pixels = self._zone.black_out(frame.rgb())
        # The decoder's own picture must not wait in the buffer.
        decoded = replace(frame, rgb=lambda: pixels)
        self.buffer.put(CapturedFrame(run, decoded, time.time(), time.monotonic(), pixels))
