"""What every actor gets at its start: the model and its settings, as seen from every node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from score.live.cluster.wanted_pictures import WantedPictures
from score.live.model_settings import ModelSettings


@dataclass(frozen=True)
class ActorJob:
    """checkpoint: a path that means the same on every node. threads: of torch, on which rounding depends.

    fps: of the cameras, for the line about the delay.
    """

    checkpoint: Path
    settings: ModelSettings
    fps: float
    threads: int
    wanted: WantedPictures | None


def actor_job(
    checkpoint: Path, settings: ModelSettings, *, fps: float, wanted: WantedPictures | None
) -> ActorJob:
    """The job whose scores are those of this process: paths as seen from here, as many threads as here."""
    weights = [_absolute(each) for each in settings.weights]
    settings = replace(settings, weights=weights)
    return ActorJob(checkpoint.absolute(), settings, fps, torch.get_num_threads(), wanted)


def _absolute(weights: str) -> str:
    """[PRESET=]PATH or a name, which stays."""
    preset, separator, path = weights.rpartition("=")
    return f"{preset}{separator}{Path(path).absolute()}" if Path(path).exists() else weights
