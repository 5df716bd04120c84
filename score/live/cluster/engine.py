"""Where the cameras of one watch are scored: in this process, or by actors of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.engines.ray_connection import check_installed
from extract.runtime.device import import_torch
from extract.runtime.options.cluster import Cluster
from extract.runtime.say import say

if TYPE_CHECKING:  # slow to import
    from score.alerts.watch_events import Listener
    from score.live.camera import Camera
    from score.live.cluster.ray_watcher import RayWatcher
    from score.live.cluster.wanted_pictures import WantedPictures
    from score.live.frames.captures import Captures
    from score.live.live_model import LiveModel
    from score.live.model_settings import ModelSettings
    from score.live.watcher import Watcher
    from score.predict.predictor import Model


@dataclass(frozen=True)
class Engine:
    """cluster: None to score in this process."""

    cluster: Cluster | None = None

    def check(self, cameras: Sequence[Camera]) -> None:
        """Raise ValueError for cameras that only one machine has."""
        if self.cluster is None or not self.cluster.is_elsewhere:
            return
        if wrong := [each.address.shown for each in cameras if each.address.kind == "webcam"]:
            raise ValueError(
                f"{wrong[0]} is a webcam of one machine, and --engine ray scores a camera on any node; "
                "watch it there without --engine ray"
            )

    def place(
        self, checkpoint: Path, settings: ModelSettings, cameras: Sequence[Camera], *, fps: float
    ) -> LocalPlace | RayPlace:
        """Where cameras are scored. Raises what load_live_model raises.

        fps: of the cameras, in frames per second, where it is not known yet.

        In this process they are opened first, so that they connect and send while torch and the model load.
        """
        if self.cluster is None:
            return _local_place(checkpoint, settings, cameras, fps)
        from score.predict.predictor import load_model

        model = load_model(checkpoint, ensemble=settings.ensemble, join=settings.join)
        return RayPlace(model, cameras, self.cluster, checkpoint, settings, fps)


@dataclass(frozen=True)
class LocalPlace:
    """This process."""

    live_model: LiveModel
    captures: Captures
    fps: float

    @property
    def model(self) -> Model:
        return self.live_model.model

    def say_delay(self) -> None:
        from score.live.delay_line import delay_line, measured_seconds

        measured = measured_seconds(self.live_model)
        slowest = min((each.fps for each in self.captures if each.fps), default=self.fps)
        say(delay_line(self.live_model, measured, fps=slowest), err=True)

    def watcher(self, listeners: Sequence[Listener], _wanted: WantedPictures | None) -> Watcher:
        from score.live.watcher import Watcher

        return Watcher(self.captures, self.live_model, listeners)


def _local_place(
    checkpoint: Path, settings: ModelSettings, cameras: Sequence[Camera], fps: float
) -> LocalPlace:
    from score.live.frames.captures import Captures

    captures = Captures(cameras)
    captures.start()
    try:
        import_torch()
        from score.live.live_model import load_live_model

        return LocalPlace(load_live_model(checkpoint, settings), captures, fps)
    except BaseException:
        captures.close()
        raise


@dataclass(frozen=True)
class RayPlace:
    """Actors of a cluster."""

    model: Model
    cameras: Sequence[Camera]
    cluster: Cluster
    checkpoint: Path
    settings: ModelSettings
    fps: float

    def say_delay(self) -> None:
        """The first actor knows, once it runs."""

    def watcher(self, listeners: Sequence[Listener], wanted: WantedPictures | None) -> RayWatcher:
        from score.live.cluster.actor_job import actor_job
        from score.live.cluster.ray_watcher import RayWatcher

        job = actor_job(self.checkpoint, self.settings, fps=self.fps, wanted=wanted)
        return RayWatcher(self.cameras, self.cluster, job, listeners)


def engine_of(cluster: Cluster | None) -> Engine:
    """Raises ValueError for a cluster without Ray."""
    if cluster is not None:
        check_installed()
    return Engine(cluster)
