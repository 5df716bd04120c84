"""What a run of extraction does, how it works, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from extract.presets import Preset
from extract.store.failures import Failure


@dataclass(frozen=True)
class RunSettings:
    """How a run works. Only precision, weights and seed change the stored numbers; the spec carries them."""

    # auto, cpu, cuda or cuda:N
    device: str = "auto"
    # decode processes
    workers: int = 2
    # a known name, a file or none; None = the preset's own
    weights: str | None = None
    # seed of random weights
    seed: int = 0
    # arithmetic of the network: fp32, tf32 or bf16
    precision: str = "fp32"
    # network inputs per forward pass of a new store; None = by probe, else the preset's
    batch_size: int | None = None
    # for a new store: try whether another batch size than the preset's is faster
    probe: bool = False
    # a decode worker without progress for this long is replaced
    stall_seconds: float = 60.0
    # accept, salvage or fail: see extract.decode.decode_settings
    on_damage: str = "accept"
    # compression of feature files: gzip, lzf or none
    compression: str | None = None
    # index of the video stream to read, in files with several; None = by the rule of the decoder
    stream: int | None = None
    # videos whose source is newer and another than what was extracted: report or redo
    changed: str = "report"
    # for scene.detector=files: where the previously detected people are; None = next to the videos
    tracks: Path | None = None
    # decoders in the order in which they are tried; None = all of extract.decode
    readers: tuple | None = None


@dataclass(frozen=True)
class ExtractionJob:
    """What to extract with, from where and to where; with a list of videos, all that a worker needs."""

    preset: Preset
    # root of the videos; ids of the list are paths below it
    root: Path
    # a folder or an address; created, or resumed
    store_root: Path
    settings: RunSettings


@dataclass
class RunReport:
    """What a run did."""

    # video id -> frames
    extracted: dict[str, int] = field(default_factory=dict)
    # videos that were already in the store
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    # ids of videos whose file was damaged and is extracted again
    damaged: list[str] = field(default_factory=list)
    # ids of videos with another number of frames than their list says
    other_length: list[str] = field(default_factory=list)
    # ids of videos whose source is another than the one that was extracted
    changed: list[str] = field(default_factory=list)
    # what is worth knowing of extracted videos -> their ids: see extract.store.video_features
    remarks: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return len(self.extracted)

    @property
    def frames(self) -> int:
        return sum(self.extracted.values())
