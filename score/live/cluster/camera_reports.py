"""From what actors report of their cameras to the calls of listeners, all made by one thread."""

from __future__ import annotations

import time
from collections.abc import Sequence

from score.alerts.watch_events import CameraState, Listener, LiveSegment
from score.live.cluster.camera_track import CameraTrack
from score.live.cluster.outbox import CameraEnded, CameraReached, Event, SentPicture

STATE_SECONDS = 1.0  # between states of cameras that no actor has


class CameraReports:
    """listeners: in the order of their calls. They know nothing of actors."""

    def __init__(self, listeners: Sequence[Listener]):
        self.listeners = listeners
        self._due = 0.0

    def take(self, track: CameraTrack, event: Event) -> None:
        """An event of the actor that has this camera."""
        if isinstance(event, SentPicture):
            if (frame := track.frame(event)) is not None:
                for listener in self.listeners:
                    listener.frame(frame)
        elif isinstance(event, LiveSegment):
            if (segment := track.segment(event)) is not None:
                for listener in self.listeners:
                    listener.segment(segment)
        elif isinstance(event, CameraState):
            self.send(track.state(event))
        elif isinstance(event, CameraReached):
            track.reached(event.point)
        elif isinstance(event, CameraEnded):
            track.end(event.failed)

    def send(self, state: CameraState) -> None:
        for listener in self.listeners:
            listener.state(state)

    def send_states(self, tracks: Sequence[CameraTrack]) -> None:
        """Once a second, of the cameras that no actor reports."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + STATE_SECONDS
        for track in tracks:
            if not track.token:
                self.send(track.own_state())

    def close(self) -> None:
        """Once, however often it is called."""
        listeners, self.listeners = self.listeners, ()
        for listener in listeners:
            listener.close()
