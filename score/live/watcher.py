"""The engine: one process, any number of cameras, one device. One thread makes all calls of listeners."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from extract.pipeline.live_rows import LiveRows
from score.alerts.watch_events import CameraState, Listener
from score.live.camera import Camera
from score.live.frames.capture import Capture
from score.live.frames.captures import Captures
from score.live.garbage import prompt_collection
from score.live.live_model import LiveModel
from score.live.watched_camera import WatchedCamera

TICK_SECONDS = 0.02  # frames that arrive within it are computed together
WAIT_SECONDS = 0.5  # for a frame, before states are looked at again
STATE_SECONDS = 1.0
CLOSE_SECONDS = 2.0  # that a source which blocks is waited for


class Watcher:
    """Scores cameras from `run` until all have ended or `stop`. listeners: in the order of their calls.

    captures: of the cameras; `run` opens them unless they are open. on_ended: called, by the thread of `run`,
    with each camera that has ended and is then no longer one of `cameras`; with it `run` waits for more of
    them. ticked: when it was last seen at work, by the monotonic clock.
    """

    def __init__(
        self,
        captures: Captures,
        model: LiveModel,
        listeners: Sequence[Listener],
        *,
        on_ended: Callable[[WatchedCamera], None] | None = None,
    ):
        self.listeners, self.ticked = listeners, time.monotonic()
        self._captures, self._model, self._on_ended = captures, model, on_ended
        self._arrived, self._stopping = captures.arrived, threading.Event()
        self._changes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.cameras = [self._watched(capture) for capture in captures]
        self._left: list[WatchedCamera] = []  # removed ones, whose sources may not be closed yet
        self._makers: Sequence[LiveRows] = model.makers
        # Descriptors leave the interpreter lock, so that cameras are described side by side.
        parallel = all(maker.parallel for maker in model.makers)
        most = os.cpu_count() or 1
        self._threads = (min(len(self.cameras), most) if on_ended is None else most) if parallel else 1
        self._said: dict[str, tuple[str, str]] = {}
        self._state_due = 0.0

    def run(self) -> None:
        """Returns once every camera has ended, or after stop()."""
        with prompt_collection(), ExitStack() as stack:
            stack.callback(self._close)
            pool = stack.enter_context(ThreadPoolExecutor(self._threads)) if self._threads > 1 else None
            self._captures.start()
            while not self._stopping.is_set() and not self._is_over:
                self._arrived.wait(WAIT_SECONDS)
                self._stopping.wait(TICK_SECONDS)
                self._arrived.clear()
                self.ticked = time.monotonic()
                while not self._changes.empty():
                    self._changes.get()()
                self._tick(pool)
                self._dismiss()

    def add(self, camera: Camera) -> None:
        """Watch one more while `run` runs; from any thread."""

        def add() -> None:
            self.cameras.append(watched := self._watched(Capture(camera, self._arrived)))
            watched.capture.start()

        self._changes.put(add)
        self._arrived.set()

    def remove(self, name: str) -> None:
        """Watch a camera no longer, whatever it has sent; from any thread. Other cameras do not notice."""

        def remove() -> None:
            for camera in [each for each in self.cameras if each.name == name]:
                self._leave(camera)

        self._changes.put(remove)
        self._arrived.set()

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._stopping.set()
        self._arrived.set()

    @property
    def failures(self) -> dict[str, str]:
        """Camera -> why its file could not be read to its end."""
        return {each.name: each.capture.failed for each in self.cameras if each.capture.failed}

    @property
    def _is_over(self) -> bool:
        return self._on_ended is None and all(camera.is_done for camera in self.cameras)

    def _watched(self, capture: Capture) -> WatchedCamera:
        model = self._model
        return WatchedCamera(capture, model.makers, model.scorers, model.reach)

    def _leave(self, camera: WatchedCamera) -> None:
        camera.capture.close()
        self.cameras.remove(camera)
        self._said.pop(camera.name, None)
        camera.forget()
        self._left = [each for each in self._left if each.capture.is_running] + [camera]

    def _dismiss(self) -> None:
        """Report the cameras that have ended, and let them go."""
        if self._on_ended is None:
            return
        for camera in [each for each in self.cameras if each.is_done]:
            self._send(camera.state())
            self._on_ended(camera)
            self._leave(camera)

    def _tick(self, pool: ThreadPoolExecutor | None) -> None:
        for camera in self.cameras:
            for frame in camera.take():
                for listener in self.listeners:
                    listener.frame(frame)
        if pool is None:
            for camera in self.cameras:
                camera.feed()
        else:
            for fed in [pool.submit(camera.feed) for camera in self.cameras]:
                fed.result()
        for maker in self._makers:
            maker.flush()
        for camera in self.cameras:
            for segment in camera.segments():
                for listener in self.listeners:
                    listener.segment(segment)
        self._report()

    def _report(self, *, last: bool = False) -> None:
        due = last or time.monotonic() >= self._state_due
        if due:
            self._state_due = time.monotonic() + STATE_SECONDS
        for camera in self.cameras:
            known = camera.connection, camera.capture.detail
            if due or known != self._said.get(camera.name):
                self._said[camera.name] = known
                self._send(camera.state())

    def _send(self, state: CameraState) -> None:
        for listener in self.listeners:
            listener.state(state)

    def _close(self) -> None:
        for camera in self.cameras:
            camera.capture.close()
        until = time.monotonic() + CLOSE_SECONDS
        for camera in (*self.cameras, *self._left):
            camera.capture.join(max(0.0, until - time.monotonic()))
        self._report(last=True)
        for listener in self.listeners:
            listener.close()
