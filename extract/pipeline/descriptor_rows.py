"""Rows of a descriptor: decode workers compute them, so all that is left to do is to join them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.pipeline.row_makers import Run
from extract.pipeline.spool import Spool
from extract.pipeline.video_error import VideoError
from extract.presets import Preset
from extract.runtime.progress import Progress


class DescriptorRows:
    """The row maker of presets with a descriptor."""

    digest, precision, device, batch_shape = "", "fp32", None, None

    def __init__(self, preset: Preset):
        self.map_name, self.dtype = preset.map_name, preset.dtype

    def start(self, run: Run) -> None:
        self._progress, self._root = run.progress, run.store.root

    def open(self, _opened: VideoOpened) -> DescriptorVideo | MapVideo:
        if self.map_name is None:
            return DescriptorVideo(self._progress)
        # a store at an address has no folder to spool into, so the system's temporary folder is used
        folder = self._root if isinstance(self._root, Path) else None
        return MapVideo(self._progress, folder, name=self.map_name, dtype=self.dtype)

    def finish(self) -> None:
        pass

    def provenance(self) -> dict:
        return {}


class DescriptorVideo:
    """The blocks of rows that a decode worker has sent for one video."""

    pending = 0

    def __init__(self, progress: Progress):
        self.progress = progress
        self._blocks: list[SegmentsDescribed] = []

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, SegmentsDescribed)
        self._blocks.append(event)

    def end(self, report: DecodeReport) -> None:
        # frames stay in the workers, so they are counted once their number is known
        self.progress.frames += report.num_frames

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.concatenate([np.zeros((0, 2), np.int64), *(block.frame_span for block in self._blocks)]),
            np.concatenate([np.zeros((0, 2)), *(block.time_span for block in self._blocks)]),
        )

    def content(self, _num_segments: int) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        return np.concatenate([block.rows for block in self._blocks])[:, None], {}  # [N, 1, D]

    def provenance(self) -> dict:
        return {}

    def close(self) -> None:
        pass


class MapVideo(DescriptorVideo):
    """Maps of one video on disk, because there is one per frame. folder, name, dtype: of Spool and array."""

    def __init__(self, progress: Progress, folder: Path | None, *, name: str, dtype: str):
        super().__init__(progress)
        self.name, self.dtype, self.spool = name, dtype, Spool(folder)

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, SegmentsDescribed)
        try:
            for row in event.rows.astype(self.dtype):
                self.spool.append({self.name: row})
        except OSError as error:
            raise self._unkept(error) from None
        self._blocks.append(
            SegmentsDescribed(event.video_id, event.rows[:0], event.frame_span, event.time_span)
        )

    def content(self, _num_segments: int) -> tuple[None, dict[str, np.ndarray]]:
        try:
            # spooled arrays are sliced like arrays, which is all that the store does with them
            return None, cast(dict[str, np.ndarray], self.spool.arrays())
        except OSError as error:
            raise self._unkept(error) from None

    def close(self) -> None:
        self.spool.close()

    def _unkept(self, error: OSError) -> VideoError:
        return VideoError(f"its maps cannot be kept: {error.strerror or error}")
