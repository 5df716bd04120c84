"""One camera over the actors that have it one after another: its numbers and times go on as of one camera.

A camera that is taken over begins as after a lost connection: its segment starts over. A recording is read
again from its start, or a folder from the file in work, and what is known already is left out, so that
nothing of it is lost, doubled or scored otherwise.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from score.alerts.watch_events import CameraState, Connection, LiveFrame, LiveSegment
from score.live.camera import Camera
from score.live.cluster.outbox import SentPicture
from score.live.sources.resume_point import ResumePoint


class CameraTrack:
    """token: its name with the actor that has it, "" for none. deaths: see dealing. failed: of its file."""

    def __init__(self, camera: Camera):
        self.camera, self.token = camera, ""
        self.is_over, self.failed = False, ""
        self.deaths, self.due, self.given = 0, 0.0, 0.0  # due, given: by the monotonic clock
        self.has_scored = False  # with the actor that has it
        self._known: CameraState | None = None
        self._point = ResumePoint("", None) if camera.address.is_live else ResumePoint("", 0)
        self._offset: tuple[int, float] | None = (0, 0.0)  # None until the first event of a new actor
        self._frame, self._start = -1, -1  # the last frame, and the first frame of the last segment
        self._stop, self._end, self._seen = 0, 0.0, time.monotonic()  # of all frames, and when it was seen
        self._why = ""  # no actor has it, although one had
        self._number = 0  # of the next segment
        self._skipped = self._damaged = 0  # with earlier actors
        self._restarts = False  # whether the next segment is the first of another actor

    def give(self, token: str) -> Camera:
        """The camera as its next actor gets it."""
        self.token, self.given, self.has_scored = token, time.monotonic(), False
        played = time.monotonic() - self._seen + self._end if self.camera.realtime and self._stop else 0.0
        return replace(self.camera, name=token, after=self._point.after, played_seconds=played)

    def leave(self, why: str) -> None:
        """Its actor has it no longer. why: one line for its state."""
        self.token, self._why = "", why
        if self._known is not None:
            self._skipped, self._damaged = self._known.skipped, self._known.damaged
        first = self._point.first_number
        self._offset = None if first is None else (first, self._point.first_seconds)
        # Recorded frames are read again, so that the segments are those of one run.
        self._restarts = first is None or self.camera.realtime

    def reached(self, point: ResumePoint) -> None:
        number, seconds = self._moved()
        if point.first_number is not None:
            point = ResumePoint(point.after, point.first_number + number, point.first_seconds + seconds)
        self._point = point

    def frame(self, sent: SentPicture) -> LiveFrame | None:
        """None for a frame that is known."""
        number, seconds = self._moved()
        if sent.number + number <= self._frame:
            return None
        self._frame = sent.number + number
        self._see(self._frame + 1, sent.seconds + seconds)
        pixels = np.ascontiguousarray(sent.picture.rgb())
        return LiveFrame(self.camera.name, self._frame, sent.seconds + seconds, sent.arrived, pixels)

    def segment(self, segment: LiveSegment) -> LiveSegment | None:
        """None for a segment that is known."""
        number, seconds = self._moved()
        frames = segment.frame_span[0] + number, segment.frame_span[1] + number
        times = segment.time_span[0] + seconds, segment.time_span[1] + seconds
        self.has_scored = True
        if frames[0] <= self._start:
            return None
        self._start = frames[0]
        self._see(frames[1], times[1])
        moved = replace(
            segment,
            camera=self.camera.name,
            number=self._number,
            frame_span=frames,
            time_span=times,
            restarted=segment.restarted or self._restarts,
        )
        self._number, self._restarts = self._number + 1, False
        return moved

    def state(self, state: CameraState) -> CameraState:
        number = 0 if self._offset is None else self._offset[0]
        known = self._known
        self._known = replace(
            state,
            camera=self.camera.name,
            frames=max(state.frames + number, known.frames if known else 0),
            skipped=state.skipped + self._skipped,
            damaged=state.damaged + self._damaged,
        )
        return self._known

    def own_state(self) -> CameraState:
        """While no actor reports it."""
        connection: Connection = "ended" if self.is_over else "lost" if self._why else "connecting"
        detail = self.failed if self.is_over else self._why
        known = self._known or CameraState(self.camera.name, connection, detail, 0.0, 0, 0, 0.0, None)
        return replace(known, connection=connection, detail=detail, time=time.time(), fps=0.0, scored_fps=0.0)

    def end(self, failed: str) -> None:
        self.is_over, self.failed, self.token = True, failed, ""

    def _moved(self) -> tuple[int, float]:
        """What is added to numbers and seconds of its actor."""
        if self._offset is None:
            # As much later as it is now since the last that was seen.
            self._offset = self._stop, self._end + time.monotonic() - self._seen
        return self._offset

    def _see(self, stop: int, end: float) -> None:
        self._stop, self._seen = max(self._stop, stop), time.monotonic()
        self._end = max(self._end, end)
