"""What runs on a node: the engine of some cameras, which reports to whoever fetches.

Cameras are known here by numbers that the driver gives, and by addresses, which come as arguments of calls:
no name of an actor or a task, no environment and no command line holds one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from extract.runtime.foreign.foreign_error import one_line
from score.live.address import Address
from score.live.camera import Camera
from score.live.cluster.actor_job import ActorJob
from score.live.cluster.outbox import Event, Outbox
from score.live.delay_line import delay_line, measured_seconds
from score.live.frames.captures import Captures
from score.live.live_model import load_live_model
from score.live.sources.resume_point import ResumePoint
from score.live.watcher import Watcher

FETCH_SECONDS = 0.25  # that a fetch waits for events: each answer is a sign of life
STOP_SECONDS = 3.0
HIDDEN = Address("file", "", "")  # in place of an address that is sent apart


@dataclass(frozen=True)
class Ready:
    """The model is loaded and tried, and the engine runs. delay: see delay_line."""

    process_id: int
    delay: str


@dataclass(frozen=True)
class Refused:
    """The model or the settings cannot be used on this node. reason: one line."""

    reason: str


@dataclass(frozen=True)
class Fetched:
    """waited: seconds that the fetch waited for events. still: since the engine was last seen at work.

    left_out: pictures that found no space, since the start. failed: why the engine has ended, or "".
    """

    events: Sequence[Event]
    waited: float
    still: float
    left_out: int
    failed: str = ""


class CameraActor:
    """Ray makes a process of it, whose calls run in several threads at once."""

    def __init__(self) -> None:
        self._failed = ""
        self._watcher: Watcher | None = None
        self._outbox: Outbox | None = None
        self._thread: threading.Thread | None = None

    def start(self, job: ActorJob) -> Ready | Refused:
        torch.set_num_threads(job.threads)
        try:
            model = load_live_model(job.checkpoint, job.settings)
        except (ValueError, OSError) as error:
            return Refused(one_line(error))
        delay = delay_line(model, measured_seconds(model), fps=job.fps)
        self._outbox = outbox = Outbox(
            job.wanted, resume_point=self._resume_point, on_abandoned=self._abandoned
        )
        self._watcher = Watcher(
            Captures([]),
            model,
            [outbox],
            on_ended=lambda camera: outbox.ended(camera.name, camera.capture.failed),
        )
        self._thread = threading.Thread(target=self._work, args=(self._watcher,), daemon=True)
        self._thread.start()
        begun = self._watcher.ticked
        while self._watcher.ticked == begun and not self._failed:
            time.sleep(0.02)  # its first steps hold the interpreter, which would look as if it hung
        return Ready(os.getpid(), delay)

    def add(self, address: Address, camera: Camera) -> None:
        """Watch a camera, too. Its address is apart: small arguments touch no shared memory and no disk."""
        assert self._watcher is not None
        self._watcher.add(replace(camera, address=address))

    def remove(self, name: str) -> None:
        assert self._watcher is not None
        self._watcher.remove(name)

    def fetch(self) -> Fetched:
        """What has happened since the last call."""
        assert self._watcher is not None and self._outbox is not None
        begun = time.monotonic()
        events = self._outbox.take(0.0 if self._failed else FETCH_SECONDS)
        now = time.monotonic()
        still = now - max(self._watcher.ticked, self._outbox.beat)
        failed = "" if events else self._failed
        return Fetched(events, now - begun, still, self._outbox.left_out, failed)

    def stop(self) -> None:
        """Let the cameras go."""
        if self._watcher is not None and self._outbox is not None and self._thread is not None:
            self._watcher.stop()
            self._outbox.close()
            self._thread.join(STOP_SECONDS)

    def _work(self, watcher: Watcher) -> None:
        try:
            watcher.run()
            self._failed = self._failed or "it was stopped"
        except Exception as error:  # a bug of ours; the driver starts another actor
            words = f"{type(error).__name__}: {one_line(error)}"
            for camera in watcher.cameras:
                words = camera.capture.camera.address.redacted(words)
            self._failed = words

    def _abandoned(self) -> None:
        self._failed = "nobody fetched its scores"
        if self._watcher is not None:
            self._watcher.stop()

    def _resume_point(self, name: str) -> ResumePoint | None:
        assert self._watcher is not None
        return next((each.resume_point for each in self._watcher.cameras if each.name == name), None)


def remote_class(ray, *, gpus: float) -> Any:
    """Of actors that Ray does not restart, because the driver does, and says so."""
    return ray.remote(CameraActor).options(
        num_cpus=0 if gpus else 1,  # GPUs are fewer
        num_gpus=gpus,
        max_restarts=0,
        max_task_retries=0,
        max_concurrency=4,
        scheduling_strategy="SPREAD",
    )
