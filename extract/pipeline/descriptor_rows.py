"""Rows of a descriptor: decode workers compute them, so all that is left to do is to join them."""

from __future__ import annotations

import numpy as np

from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.pipeline.row_makers import Run
from extract.runtime.progress import Progress


class DescriptorRows:
    """The row maker of presets with a descriptor."""

    digest, precision, device, batch_shape = "", "fp32", None, None

    def start(self, run: Run) -> None:
        self._progress = run.progress

    def open(self, _opened: VideoOpened) -> DescriptorVideo:
        return DescriptorVideo(self._progress)

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

    def content(self, _num_segments: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return np.concatenate([block.rows for block in self._blocks])[:, None], {}  # [N, 1, D]

    def provenance(self) -> dict:
        return {}

    def close(self) -> None:
        pass
