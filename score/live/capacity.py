"""What this machine carries: how many cameras at their own pace before scores come too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.live.camera import Camera
from score.live.frames.captures import Captures
from score.live.live_model import LiveModel
from score.live.watcher import Watcher

WARM_SECONDS = 3.0  # at the start, which do not count: connections, first batches
MOST_SKIPPED = 0.01  # of the frames; more means that the machine cannot follow


@dataclass(frozen=True)
class Trial:
    """cameras: how many. fps: frames per second of all of them that arrived. p95: latency in seconds, inf
    without a score. skipped: share of the frames. first: seconds from the start to the first score of the
    last camera, inf without. cores: processor seconds of this process per second."""

    cameras: int
    fps: float
    median: float
    p95: float
    skipped: float
    first: float
    cores: float

    def is_carried(self, limit: float) -> bool:
        return self.p95 < limit and self.skipped <= MOST_SKIPPED


class _Clock:
    """Listens for latencies after the warm-up, frames, and the first score of each camera."""

    def __init__(self):
        self.begun = time.monotonic()
        self.latencies: list[float] = []
        self.frames = 0
        self.first: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def frame(self, _frame: LiveFrame) -> None:
        self.frames += 1

    def segment(self, segment: LiveSegment) -> None:
        self.first.setdefault(segment.camera, self.seconds)
        if self.seconds >= WARM_SECONDS:
            self.latencies.append(segment.latency)

    def state(self, _state: CameraState) -> None:
        pass

    def close(self) -> None:
        pass


def play(cameras: Sequence[Camera], count: int, model: LiveModel, *, seconds: float) -> Trial:
    """`count` cameras, the given ones in turn, each a file that repeats at its own pace."""
    played = [
        replace(cameras[number % len(cameras)], name=f"{number}", realtime=True, repeats=True)
        for number in range(count)
    ]
    clock, spent = _Clock(), time.process_time()
    watcher = Watcher(Captures(played), model, [clock])
    timer = threading.Timer(seconds, watcher.stop)
    timer.start()
    try:
        watcher.run()
    finally:
        timer.cancel()
    lasted, spent = clock.seconds, time.process_time() - spent
    sent = sum(each.capture.frames for each in watcher.cameras)
    skipped = sum(each.capture.skipped for each in watcher.cameras) / max(sent, 1)
    known = clock.latencies
    median, p95 = np.percentile(known, [50, 95]).tolist() if known else (np.inf, np.inf)
    first = max(clock.first.values()) if len(clock.first) == count else np.inf
    return Trial(count, sent / lasted, median, p95, skipped, first, spent / lasted)


def find_capacity(
    cameras: Sequence[Camera],
    model: LiveModel,
    *,
    limit: float,
    seconds: float,
    report: Callable[[Trial], None],
) -> int:
    """The most cameras that are carried: 1, 2, 4 ... until it is too many, then between.

    report: called with each trial.
    """

    def carried(count: int) -> bool:
        trial = play(cameras, count, model, seconds=seconds)
        report(trial)
        return trial.is_carried(limit)

    most, too_many = 0, 1
    while carried(too_many):
        most, too_many = too_many, 2 * too_many
    while too_many - most > max(1, most // 8):
        middle = (most + too_many) // 2
        if carried(middle):
            most = middle
        else:
            too_many = middle
    return most


def trial_text(trial: Trial, limit: float) -> str:
    """One line."""
    verdict = "carried" if trial.is_carried(limit) else "too many"
    return (
        f"{trial.cameras:4d} cameras  {trial.fps:7.1f} frames/s  latency {trial.median:6.2f} s median, "
        f"{trial.p95:6.2f} s p95  {trial.skipped:6.1%} skipped  {trial.cores:5.2f} cores  "
        f"all have a score after {trial.first:5.1f} s  {verdict}"
    )
