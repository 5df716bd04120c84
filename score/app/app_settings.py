"""What vad-score app was asked for, and how it reaches the page, which Streamlit runs as a program of its
own."""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

VARIABLE = "VAD_APP_SETTINGS"
WEBHOOK_VARIABLE = "VAD_WEBHOOK"


@dataclass(frozen=True)
class AppSettings:
    """checkpoints: one or two runs. stores, lists: to browse. videos: a folder to choose from.

    alerts: file of alerts, None for none. webhook: where they are posted; it may hold a secret and is
    never shown. max_minutes, max_megabytes: of a video. weights: as for vad-score predict.
    """

    checkpoints: tuple[str, ...]
    stores: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    videos: str | None = None
    cameras: str | None = None
    alerts: str | None = None
    webhook: str | None = field(default=None, repr=False)
    max_minutes: float = 60.0
    max_megabytes: int = 500
    threshold: float | None = None
    weights: tuple[str, ...] = ()
    device: str = "auto"
    workers: int = 2

    def __post_init__(self):
        if len(self.checkpoints) not in (1, 2):
            raise ValueError(
                f"{len(self.checkpoints)} checkpoints are given, expected one, or two to compare"
            )
        if self.lists and not self.stores:
            raise ValueError("lists say what is in a store; give the store as well")
        if self.videos is not None and not Path(self.videos).is_dir():
            raise ValueError(f"{self.videos}: no such folder")

    def to_environment(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """The environment carries it, because command lines can be read by every user of a machine."""
        environment[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> AppSettings:
        """Raises ValueError where the page was started by anything but vad-score app."""
        if VARIABLE not in environment:
            raise ValueError("this page is started by vad-score app --checkpoint RUN")
        values = json.loads(environment[VARIABLE])
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        )
