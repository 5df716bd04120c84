"""Watching in tests: a listener that keeps what is reported to it, and cameras that play files."""

from __future__ import annotations

from pathlib import Path

from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.live.address import Address, parse_source
from score.live.camera import Camera
from score.live.frames.captures import Captures
from score.live.live_model import LiveModel, load_live_model
from score.live.model_settings import ModelSettings
from score.live.watcher import Watcher


class Kept:
    """Everything that was reported, in order."""

    def __init__(self):
        self.frames: list[LiveFrame] = []
        self.segments: list[LiveSegment] = []
        self.states: list[CameraState] = []
        self.closed = 0

    def frame(self, frame: LiveFrame) -> None:
        self.frames.append(frame)

    def segment(self, segment: LiveSegment) -> None:
        self.segments.append(segment)

    def state(self, state: CameraState) -> None:
        self.states.append(state)

    def close(self) -> None:
        self.closed += 1

    def of(self, camera: str) -> list[LiveSegment]:
        return [each for each in self.segments if each.camera == camera]


def live_model(run: Path, **settings) -> LiveModel:
    return load_live_model(run, ModelSettings(device="cpu", **settings))


def file_camera(path: Path, name: str = "", **changes) -> Camera:
    return Camera(name or path.stem, Address("file", str(path), str(path)), **changes)


def camera_at(address: str, name: str = "camera", **changes) -> Camera:
    return Camera(name, parse_source(address), **changes)


def watched(cameras: list[Camera], model: LiveModel) -> Kept:
    """What was reported until all cameras had ended."""
    kept = Kept()
    Watcher(Captures(cameras), model, [kept]).run()
    return kept
