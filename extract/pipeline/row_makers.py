"""What makes the rows of a store: one row maker per kind of preset, all driven by the same device loop.

kind        rows are computed                          one row holds
network     on the device, in batches across videos    a vector per crop
descriptor  in the decode workers                      a vector, or a map
sound       on the device, in batches across videos    a vector; the workers send patches of the sound
scene       on the device, clip by clip                pixels, flow and the graph of the people
regions     crops on the device, in batches            boxes, tracks, speeds and features of crops
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.pipeline.run_settings import RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.progress import Progress
from extract.store import FeatureStore

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Run:
    """One list of videos on its way into a store: where rows go and what is reported."""

    store: FeatureStore
    settings: RunSettings
    report: RunReport
    progress: Progress


class VideoRows(Protocol):
    """The rows of one video while they are computed. A VideoError from any method fails this video alone."""

    @property
    def pending(self) -> int:
        """Network inputs that are queued and not answered yet."""
        ...

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        """What decoding delivers next; frames are released afterwards."""
        ...

    def end(self, report: DecodeReport) -> None:
        """After the last frame."""
        ...

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """(frame_span int64 [N, 2], time_span float64 [N, 2] in seconds), once the video has ended."""
        ...

    def content(self, num_segments: int, /) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """Features [N, C, D] or None, and additional arrays [N, ...], once nothing is pending."""
        ...

    def provenance(self) -> dict:
        """Facts about this video's rows for its file."""
        ...

    def close(self) -> None:
        """Give up what the rows hold: they are stored, or no longer needed."""
        ...


class RowMaker(Protocol):
    """Network, detector or neither, ready on its device. Outlives the lists of its extractor."""

    @property
    def digest(self) -> str:
        """Digest of the weights, for the spec; "" without any."""
        ...

    @property
    def precision(self) -> str:
        """Arithmetic of the network, for the spec."""
        ...

    @property
    def device(self) -> torch.device | None:
        """None if decode workers do everything."""
        ...

    @property
    def batch_shape(self) -> tuple[int, ...] | None:
        """For a new store; None without batches."""
        ...

    def start(self, run: Run) -> None:
        """Begin a list, and forget what an interrupted one left behind."""
        ...

    def open(self, opened: VideoOpened, /) -> VideoRows:
        """Begin a video. Raises VideoError."""
        ...

    def finish(self) -> None:
        """Answer everything that is still queued, after the last video of a list."""
        ...

    def provenance(self) -> dict:
        """Facts about all rows for each file."""
        ...


def make_row_maker(preset: Preset, settings: RunSettings, *, root: Path, store_root: Path) -> RowMaker:
    """The row maker of a preset: the one place that tells the kinds apart.

    root: of the videos. Raises ValueError for weights, a device or a precision that do not fit.
    """
    # imported here, because descriptors need no torch, whose import takes seconds
    if preset.kind in ("network", "sound"):
        from extract.runtime.allocator import ask_for_huge_pages

        ask_for_huge_pages()
        if preset.kind == "sound":
            from extract.pipeline.sound_rows import SoundRows

            return SoundRows(preset, settings, store_root=store_root)
        from extract.pipeline.network_rows import NetworkRows

        return NetworkRows(preset, settings, store_root=store_root)
    if preset.kind == "regions":
        from extract.pipeline.region_rows import RegionRows

        return RegionRows(preset, settings)
    if preset.kind == "scene":
        from extract.pipeline.scene_rows import SceneRows

        return SceneRows(preset, settings, root=root)
    from extract.pipeline.descriptor_rows import DescriptorRows

    return DescriptorRows(preset)
