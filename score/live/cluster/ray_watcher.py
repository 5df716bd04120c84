"""The engine on a Ray cluster: cameras run in actors, one per device; all listeners are called here.

When an actor dies or hangs, the others take its cameras over, and it is started again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from extract.engines.ray_connection import connected
from extract.runtime.options.cluster import Cluster
from extract.runtime.say import say
from extract.runtime.text import listed
from score.alerts.watch_events import Listener
from score.live.camera import Camera
from score.live.cluster.actor_job import ActorJob
from score.live.cluster.actor_link import ActorLink, ActorLost
from score.live.cluster.actor_places import num_actors, own_cluster
from score.live.cluster.camera_actor import Fetched, remote_class
from score.live.cluster.camera_reports import CameraReports
from score.live.cluster.camera_track import CameraTrack
from score.live.cluster.dealing import absolve, blame, fewest, next_camera, overfull

LOOK_SECONDS = 0.1  # that an answer is waited for
GATHER_SECONDS = 60.0  # that the other actors may start later than the first one, before cameras are dealt
REST_SECONDS = 15.0  # that an actor works before cameras move to it from others
APART_SECONDS = 2.0  # between such moves
SAY_SECONDS = 60.0  # between lines that say that nothing works
STOP_SECONDS = 5.0


class RayWatcher:
    """Scores cameras from `run` until all have ended or `stop`. listeners: in the order of their calls."""

    def __init__(
        self, cameras: Sequence[Camera], cluster: Cluster, job: ActorJob, listeners: Sequence[Listener]
    ):
        self.tracks = [CameraTrack(camera) for camera in cameras]
        self.links: list[ActorLink] = []
        self.cluster, self.job = cluster, job
        self._reports = CameraReports(listeners)
        self._stopping = threading.Event()
        self._tokens = itertools.count(1)
        self._dealt = False  # whether cameras were dealt
        self._move_due = 0.0
        self._works_at = time.monotonic()  # when an actor was ready, or a line said that none is
        self._left_out = 0  # pictures, as was said last

    def run(self) -> None:
        """Returns once every camera has ended, or after stop(). Raises ValueError before any is watched."""
        with ExitStack() as stack:
            stack.callback(self._reports.close)
            ray = stack.enter_context(
                connected(self.cluster.address, quiet=True, own=own_cluster(self.cluster))
            )
            stack.callback(self._close_actors)
            actor_class = remote_class(ray, gpus=self.cluster.gpus)
            for number in range(1, num_actors(ray, self.cluster) + 1):
                self.links.append(ActorLink(ray, number, actor_class.remote, self.job))
            while not self._stopping.is_set() and not all(track.is_over for track in self.tracks):
                self._start_actors()
                self._wait(ray)
                self._look()
                self._deal()
                self._even_out()
                self._reports.send_states(self.tracks)

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._stopping.set()

    @property
    def failures(self) -> dict[str, str]:
        """Camera -> why its file could not be read to its end."""
        return {each.camera.name: each.failed for each in self.tracks if each.failed}

    def _start_actors(self) -> None:
        now = time.monotonic()
        for link in self.links:
            if link.status == "gone" and link.due <= now:
                link.begin()
        if any(link.status == "ready" for link in self.links):
            self._works_at = now
        elif now - self._works_at > SAY_SECONDS:
            self._works_at = now
            what = "is alive" if self._dealt else "has started yet"
            say(f"no actor {what}; waiting for one (see ray status)", err=True)

    def _wait(self, ray: Any) -> None:
        pending = [reference for link in self.links for reference in link.pending]
        if pending:
            ray.wait(pending, timeout=LOOK_SECONDS)
        else:
            time.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        for link in self.links:
            before = link.status
            try:
                if (fetched := link.look()) is not None:
                    self._take(link, fetched)
            except ActorLost as lost:
                if lost.refused and not self._dealt:
                    raise ValueError(str(lost)) from None
                self._lose(link, str(lost))
            if before != "ready" and link.status == "ready" and not self._dealt:
                if not any(each.delay for each in self.links if each is not link):
                    say(link.delay, err=True)

    def _lose(self, link: ActorLink, why: str) -> None:
        tracks = list(link.tracks.values())
        others = any(each.status == "ready" for each in self.links if each is not link)
        wait = link.lose(why, others=others)
        names = listed([track.camera.name for track in tracks])
        moved = f"; {names} {'move to another' if others else 'wait for one'}" if tracks else ""
        say(f"actor {link.number} {why}{moved}; it is started again in {wait:.0f} s", err=True)
        blame(tracks, time.monotonic())
        for track in tracks:
            self._reports.send(track.own_state())

    def _take(self, link: ActorLink, fetched: Fetched) -> None:
        for event in fetched.events:
            track = link.tracks.get(event.camera)
            if track is None:  # it was taken back
                continue
            self._reports.take(track, event)
            if track.is_over:
                link.tracks.pop(event.camera, None)
        left_out = sum(each.left_out for each in self.links)
        if left_out >= max(1, 2 * self._left_out):  # not a line for each
            say(f"{left_out} pictures found no space on their way here; clips lack them", err=True)
            self._left_out = left_out

    def _deal(self) -> None:
        """Cameras without an actor to the actors with the fewest."""
        ready = {link.number: link for link in self.links if link.status == "ready"}
        now = time.monotonic()
        if not ready:
            return
        if not self._dealt:
            first = min(link.since for link in ready.values())
            if len(ready) < len(self.links) and now - first < GATHER_SECONDS:
                return
            self._dealt = True
        absolve(self.tracks, now)
        while (track := next_camera(self.tracks, now)) is not None:
            link = ready[fewest({number: len(each.tracks) for number, each in ready.items()})]
            link.give(str(next(self._tokens)), track)

    def _even_out(self) -> None:
        """Move a camera to an actor that has come back. Recordings stay: they would be read again."""
        now = time.monotonic()
        rested = [each for each in self.links if each.status == "ready" and now - each.since > REST_SECONDS]
        if now < self._move_due or not rested:
            return
        self._move_due = now + APART_SECONDS
        pair = overfull({link.number: len(link.tracks) for link in rested})
        if pair is None:
            return
        link = next(each for each in rested if each.number == pair[0])
        movable = [token for token, track in link.tracks.items() if not track.camera.waits]
        if movable:
            track = link.tracks[movable[-1]]
            link.take_back(movable[-1])
            say(f"{track.camera.name} moves to actor {pair[1]}, which has fewer cameras", err=True)

    def _close_actors(self) -> None:
        """Let cameras go, take what was scored, and end the actors."""
        ready = [link for link in self.links if link.status == "ready"]
        for link in ready:
            link.stop()
        limit = time.monotonic() + STOP_SECONDS
        while any(link.status == "ready" for link in ready) and time.monotonic() < limit:
            for link in ready:
                try:
                    if (fetched := link.look()) is not None:
                        self._take(link, fetched)
                except ActorLost:
                    link.end("it was stopped")
            time.sleep(0.02)
        for link in self.links:
            link.end("it was stopped")
        self._reports.close()  # before Ray is left, which takes seconds
