"""How a run of extraction works, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from extract.store.failures import Failure


@dataclass(frozen=True)
class RunSettings:
    """How a run works; nothing here changes the numbers but precision, weights and seed, which the spec carries."""

    device: str = "auto"
    workers: int = 2
    weights: str | None = None  # None = the preset's own
    seed: int = 0  # of random weights
    precision: str = "fp32"
    batch_size: int | None = None  # of a new store; None = the preset's
    probe: bool = False  # try out whether another batch size than the preset's is faster, for a new store
    stall_seconds: float = 60.0
    on_damage: str = "accept"
    compression: str | None = None
    tracks: Path | None = None  # where the people are that the user has found, for the detector files
    readers: tuple | None = (
        None  # decoders in the order in which they are tried; None = all of extract.decode
    )


@dataclass
class RunReport:
    """What a run did.

    extracted: video id -> frames. skipped: videos that the store had. damaged: ids whose file was made again.
    other_length: videos whose decoded frames are not as many as their list says.
    """

    extracted: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    other_length: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return len(self.extracted)

    @property
    def frames(self) -> int:
        return sum(self.extracted.values())
