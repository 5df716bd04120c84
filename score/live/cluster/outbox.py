"""What an actor has to report and nobody has fetched yet: in order, and bounded."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from score.alerts.clips.camera_ring import KeptPicture, to_picture
from score.alerts.kept_files import ClipSettings
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.live.cluster.wanted_pictures import WantedPictures
from score.live.sources.resume_point import ResumePoint

MOST_EVENTS = 4096  # that wait; then the engine waits, too
PICTURE_BYTES = 32_000_000  # of pictures that wait; newer ones are left out then
BATCH_BYTES = 8_000_000  # of pictures that are fetched at once
QUALITY = 95  # of JPEG: a clip is made of them, with a quality of its own
LEASE_SECONDS = 15.0  # without being fetched, after which the driver has given this actor up, or is gone
PAUSE_SECONDS = 0.5


class SentPicture(NamedTuple):
    """A LiveFrame on its way; picture: its pixels as JPEG."""

    camera: str
    number: int
    seconds: float
    arrived: float
    picture: KeptPicture


class CameraEnded(NamedTuple):
    """All of a camera's recordings are scored. failed: why one could not be read to its end, or ""."""

    camera: str
    failed: str


class CameraReached(NamedTuple):
    """Whoever takes the camera over begins there."""

    camera: str
    point: ResumePoint


Event = LiveSegment | CameraState | SentPicture | CameraEnded | CameraReached


class Outbox:
    """A Listener. wanted: None sends no pictures. resume_point: of a camera. on_abandoned: nobody fetches.

    left_out: pictures for which there was no space. beat: when the engine, which may be waiting here for
    space, was last seen alive.
    """

    def __init__(
        self,
        wanted: WantedPictures | None,
        *,
        resume_point: Callable[[str], ResumePoint | None],
        on_abandoned: Callable[[], None],
    ):
        self.left_out, self.beat = 0, time.monotonic()
        self._wanted, self._resume_point, self._on_abandoned = wanted, resume_point, on_abandoned
        self._settings = ClipSettings(side=wanted.side, quality=QUALITY) if wanted else None
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._fetched = time.monotonic()
        self._bytes = 0
        self._last: dict[str, float] = {}  # camera -> seconds of its last picture
        self._closed = False

    def frame(self, frame: LiveFrame) -> None:
        if self._wanted is None or self._settings is None:
            return
        # As score.alerts.clips.frame_intake decides, so that it keeps all of these.
        if frame.seconds - self._last.get(frame.camera, float("-inf")) < 1 / self._wanted.fps - 0.0005:
            return
        self._last[frame.camera] = frame.seconds
        if self._bytes > PICTURE_BYTES:
            self.left_out += 1
            return
        try:
            picture = to_picture(frame, self._settings)
        except ValueError:  # a shape that JPEG cannot hold
            self.left_out += 1
            return
        self._put(SentPicture(frame.camera, frame.number, frame.seconds, frame.arrived, picture))

    def segment(self, segment: LiveSegment) -> None:
        self._put(segment)

    def state(self, state: CameraState) -> None:
        if (point := self._resume_point(state.camera)) is not None:
            self._put(CameraReached(state.camera, point))
        self._put(state)

    def ended(self, camera: str, failed: str) -> None:
        """After everything else of this camera."""
        self._last.pop(camera, None)
        self._put(CameraEnded(camera, failed))

    def close(self) -> None:
        """Nobody waits here any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, seconds: float) -> list[Event]:
        """What waits, in order; waits so long for something."""
        taken: list[Event] = []
        size = 0
        with self._changed:
            self._fetched = time.monotonic()
            self._changed.wait_for(lambda: self._events or self._closed, seconds)
            while self._events and size < BATCH_BYTES:
                taken.append(event := self._events.popleft())
                size += _bytes(event)
            self._bytes -= size
            self._changed.notify_all()
        return taken

    def _put(self, event: Event) -> None:
        with self._changed:
            while len(self._events) >= MOST_EVENTS and not self._closed:
                self._check_lease()
                self._changed.wait(PAUSE_SECONDS)
                self.beat = time.monotonic()
            self._check_lease()
            self._events.append(event)
            self._bytes += _bytes(event)
            self._changed.notify_all()

    def _check_lease(self) -> None:
        # States come every second, so that this is seen soon.
        if not self._closed and time.monotonic() - self._fetched > LEASE_SECONDS:
            self._closed = True
            self._on_abandoned()


def _bytes(event: Event) -> int:
    return len(event.picture.jpeg) if isinstance(event, SentPicture) else 0
