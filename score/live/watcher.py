"""The engine: one process, any number of cameras, one device. One thread makes all calls of listeners."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from extract.pipeline.live_rows import LiveRows
from score.alerts.watch_events import CameraState, Listener
from score.live.camera import Camera
from score.live.capture import Capture
from score.live.garbage import prompt_collection
from score.live.live_model import LiveModel
from score.live.watched_camera import WatchedCamera

TICK_SECONDS = 0.02  # frames that arrive within it are computed together
WAIT_SECONDS = 0.5  # for a frame, before states are looked at again
STATE_SECONDS = 1.0
CLOSE_SECONDS = 2.0  # that a source which blocks is waited for


class Watcher:
    """Scores cameras from `run` until all have ended or `stop`. listeners: in the order of their calls."""

    def __init__(self, cameras: Sequence[Camera], model: LiveModel, listeners: Sequence[Listener]):
        self.listeners = listeners
        self._arrived, self._stopping = threading.Event(), threading.Event()
        self.cameras = [
            WatchedCamera(Capture(camera, self._arrived), model.makers, model.scorers, model.reach)
            for camera in cameras
        ]
        self._makers: Sequence[LiveRows] = model.makers
        # Descriptors leave the interpreter lock, so that cameras are described side by side.
        parallel = all(maker.parallel for maker in model.makers)
        self._threads = min(len(cameras), os.cpu_count() or 1) if parallel else 1
        self._said: dict[str, tuple[str, str]] = {}
        self._state_due = 0.0

    def run(self) -> None:
        """Returns once every camera has ended, or after stop()."""
        with prompt_collection(), ExitStack() as stack:
            stack.callback(self._close)
            pool = stack.enter_context(ThreadPoolExecutor(self._threads)) if self._threads > 1 else None
            for camera in self.cameras:
                camera.capture.start()
            while not self._stopping.is_set() and not all(camera.is_done for camera in self.cameras):
                self._arrived.wait(WAIT_SECONDS)
                self._stopping.wait(TICK_SECONDS)
                self._arrived.clear()
                self._tick(pool)

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._stopping.set()
        self._arrived.set()

    @property
    def failures(self) -> dict[str, str]:
        """Camera -> why its file could not be read to its end."""
        return {each.name: each.capture.failed for each in self.cameras if each.capture.failed}

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
            capture = camera.capture
            known = capture.connection, capture.detail
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
        for camera in self.cameras:
            camera.capture.join(max(0.0, until - time.monotonic()))
        self._report(last=True)
        for listener in self.listeners:
            listener.close()
