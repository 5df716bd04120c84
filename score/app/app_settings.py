"""The settings of vad-score app, and their way to the page, which Streamlit runs as a separate script."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from score.jobs.scoring_settings import ScoringSettings


@dataclass(frozen=True)
class AppSettings(ScoringSettings):
    """What vad-score app was started with. Raises ValueError for settings that contradict each other."""

    stores: tuple[str, ...] = ()
    """Feature stores to browse, one per preset of the checkpoint."""
    lists: tuple[str, ...] = ()
    """Event classes and annotations of the stored videos."""
    videos: str | None = None
    """A folder of videos to choose from."""
    cameras: str | None = None
    """The table of cameras."""
    alerts: str | None = None
    """The file of alerts; None writes none."""
    watch: str | None = None
    """The folder of alerts of a watch."""
    webhook: str | None = field(default=None, repr=False)
    """Where alerts are posted; may hold a secret and is never shown."""

    def __post_init__(self):
        super().__post_init__()
        if self.lists and not self.stores:
            raise ValueError("--list describes the videos of a store; give --store as well")
        if self.videos is not None and not Path(self.videos).is_dir():
            raise ValueError(f"{self.videos}: no such folder")


def hand_to_page(settings: AppSettings | None) -> None:
    """Keep the settings for the page, which Streamlit runs in this process; None forgets them.

    In memory and not in the environment, which every child inherits: they hold the webhook's address.
    """
    _handed[:] = [] if settings is None else [settings]


def settings_of_page() -> AppSettings:
    """What hand_to_page was given. Raises ValueError if the page was not started by vad-score app."""
    if not _handed:
        raise ValueError("this page is started by vad-score app --checkpoint RUN")
    return _handed[0]


_handed: list[AppSettings] = []
