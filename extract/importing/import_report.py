"""What an import did, what it left out and what it assumed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from extract.runtime.text import counted, listed
from extract.store import VideoFeatures
from extract.store.failures import Failure

SHOWN = 3


@dataclass
class ImportReport:
    """What an import did."""

    done: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    # Listed videos without features.
    missing: list[str] = field(default_factory=list)
    # The first of these -> why, and the nearest names.
    near_misses: dict[str, str] = field(default_factory=dict)
    # Features of no listed video.
    extra: list[str] = field(default_factory=list)
    # Lines about what was left out, and about what was assumed.
    notes: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


class ImportedShapes:
    """The shapes of what was imported: how many videos have each, and the first that has it."""

    def __init__(self):
        self.counts: Counter[tuple[int, ...]] = Counter()
        self.first: dict[tuple[int, ...], str] = {}

    def add(self, video: VideoFeatures) -> None:
        """video: with features [N, C, D]."""
        assert video.features is not None
        self.counts[video.features.shape] += 1
        self.first.setdefault(video.features.shape, video.video_id)

    def line(self) -> str:
        """The first shapes as rows x crops x numbers, each with its first video."""
        shown = [" x ".join(map(str, shape)) + f" ({self.first[shape]})" for shape in self.first]
        count = f"{counted(shown, 'shape')} in {counted(self.counts.total(), 'video')}"
        return f"rows x crops x numbers: {listed(shown, shown=SHOWN)} ({count})"
