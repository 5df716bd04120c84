"""The driver's side of one actor: its calls under way, its signs of life, and when it is started again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from extract.engines.ray_connection import last_line
from score.live.cluster.actor_job import ActorJob
from score.live.cluster.camera_actor import HIDDEN, Fetched, Ready, Refused
from score.live.cluster.camera_track import CameraTrack
from score.live.cluster.heartbeat import STILL_SECONDS, Heartbeat

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # before an actor is started again
TAKING_OVER = 5.0  # the same, if there are others: first they get its cameras, then the processor is busy
STEADY_SECONDS = 60.0  # of work after which a death is news and not another failure
START_SECONDS = 300.0  # to import, and to load the model; more means that it never will


class ActorLost(Exception):
    """The actor does not work any more, or never did. refused: it says so itself. The message is one line."""

    def __init__(self, reason: str, *, refused: bool = False):
        super().__init__(reason)
        self.refused = refused


class ActorLink:
    """make: starts an actor. status: "gone" while none runs. tracks: token -> camera that it has."""

    def __init__(self, ray: Any, number: int, make: Callable[[], Any], job: ActorJob):
        self.ray, self.number = ray, number
        self.status: Literal["gone", "starting", "ready"] = "gone"
        self.tracks: dict[str, CameraTrack] = {}
        self.delay, self.left_out, self.process_id = "", 0, 0
        self.since = 0.0  # by the monotonic clock: when it became what it is
        self.due = 0.0  # of the next start
        self._make, self._job = make, job
        self._actor: Any = None
        self._asked: Any = None  # the call that is under way: start, then one fetch after another
        self._asked_at = self._looked = 0.0
        self._calls: list[Any] = []
        self._failures = 0
        self._beat = Heartbeat()

    @property
    def pending(self) -> list[Any]:
        """What to wait for."""
        return [] if self._asked is None else [self._asked]

    def begin(self) -> None:
        self._actor = self._make()
        self._ask(self._actor.start.remote(self._job))
        self._become("starting")

    def give(self, token: str, track: CameraTrack) -> None:
        camera = track.give(token)
        self.tracks[token] = track
        address = camera.address
        if address.kind in ("file", "folder"):
            address = replace(address, text=os.path.abspath(address.text))
        self._calls.append(self._actor.add.remote(address, replace(camera, address=HIDDEN)))

    def take_back(self, token: str) -> None:
        self.tracks.pop(token).leave("it moves to another actor")
        self._calls.append(self._actor.remove.remote(token))

    def stop(self) -> None:
        """Ask it to let its cameras go; what it has to report can still be fetched."""
        self._calls.append(self._actor.stop.remote())

    def look(self) -> Fetched | None:
        """What it reports, None for nothing yet. Raises ActorLost."""
        if self._asked is None:
            return None
        now = time.monotonic()
        looked, self._looked = self._looked, now
        if self.ray.wait([self._asked], timeout=0)[0]:
            return self._take(self._answer(self._asked), now)
        if self.status == "starting":
            if now - self.since > START_SECONDS:
                raise ActorLost(f"has not started within {START_SECONDS:.0f} s, see ray status")
            return None
        self._beat.looked(now - looked)
        if self._beat.is_hung:
            raise ActorLost(f"is silent for {self._beat.silence:.1f} s")
        return None

    def lose(self, why: str, *, others: bool) -> float:
        """Give the actor up; returns the seconds until it is started again.

        why: the words of ActorLost. others: whether other actors work.
        """
        now = time.monotonic()
        steady = self.status == "ready" and now - self.since > STEADY_SECONDS
        self._failures = 1 if steady else self._failures + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._failures - 1))
        wait = max(wait, TAKING_OVER if others else 0.0)
        self.end(f"its actor {why}")
        self.due = now + wait
        return wait

    def end(self, why: str) -> None:
        """Kill the actor, if there is one; Ray kills a process that is stopped after five seconds.

        why: for the states of its cameras.
        """
        actor, self._actor, self._asked, self._calls = self._actor, None, None, []
        if actor is not None:
            with contextlib.suppress(Exception):  # of a cluster that is gone, too
                self.ray.kill(actor)
        for track in self.tracks.values():
            track.leave(why)
        self.tracks = {}
        self._become("gone")

    def _take(self, answer: Ready | Refused | Fetched, now: float) -> Fetched | None:
        if isinstance(answer, Refused):
            raise ActorLost(answer.reason, refused=True)
        if isinstance(answer, Ready):
            self.delay, self.process_id = answer.delay, answer.process_id
            self._beat = Heartbeat()
            self._become("ready")
            self._ask(self._actor.fetch.remote())
            return None
        self._beat.answered(now, now - self._asked_at - answer.waited)
        self.left_out = answer.left_out
        self._check_calls()
        if answer.failed:
            raise ActorLost(f"failed: {answer.failed}")
        if answer.still > STILL_SECONDS:
            raise ActorLost(f"answers, but has computed nothing for {answer.still:.0f} s")
        self._ask(self._actor.fetch.remote())
        return answer

    def _answer(self, reference: Any) -> Any:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:  # a bug of ours
            raise ActorLost(f"failed: {last_line(error)}") from None
        except self.ray.exceptions.RayError:
            raise ActorLost("died") from None

    def _check_calls(self) -> None:
        if not self._calls:
            return
        done, self._calls = self.ray.wait(self._calls, num_returns=len(self._calls), timeout=0)
        for reference in done:
            self._answer(reference)

    def _ask(self, reference: Any) -> None:
        self._asked, self._asked_at = reference, time.monotonic()
        self._looked = self._asked_at

    def _become(self, status: Literal["gone", "starting", "ready"]) -> None:
        self.status, self.since = status, time.monotonic()
