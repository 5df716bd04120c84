"""Rows of a network that hears: decode workers send patches of the sound, and batches go to the device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from extract.backbones.vggish import BANDS, FRAMES
from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.pipeline.network_rows import NetworkRows, QueuedVideo
from extract.pipeline.run_settings import RunSettings
from extract.presets import Preset


class SoundRows(NetworkRows):
    """The row maker of presets of the sound."""

    def __init__(self, preset: Preset, settings: RunSettings, *, store_root: Path):
        patch = None if preset.sound is None else (preset.sound.frames, preset.sound.bands)
        if patch != (FRAMES, BANDS):
            raise ValueError(f"patches of the sound are {patch}, expected {FRAMES} frames and {BANDS} bands")
        super().__init__(preset, settings, store_root=store_root)

    def open(self, _opened: VideoOpened) -> QueuedVideo:
        return SoundVideo(self)

    @property
    def progress(self):
        return self._run.progress


class SoundVideo(QueuedVideo):
    """The rows of one video; those of segments without sound are zero, and the network does not see them."""

    def __init__(self, maker: SoundRows):
        super().__init__(maker)
        self.progress = maker.progress
        self._frame_spans: list[np.ndarray] = []
        self._time_spans: list[np.ndarray] = []
        self._taken = 0

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, SegmentsDescribed)
        preset, device = self.maker.preset, self.maker.device
        assert preset.sound is not None
        self._frame_spans.append(event.frame_span)
        self._time_spans.append(event.time_span)
        patches = torch.from_numpy(event.rows).to(device)
        # [n, L, channels, frames, bands], in the place of pictures
        views = patches.view(-1, 1, 1, preset.sound.frames, preset.sound.bands)
        for view, patch in zip(views, event.rows, strict=True):
            if np.isnan(patch).any():
                self.keep(self._taken, 0, np.zeros(preset.feature_dim, np.float32))
            else:
                self.maker.enqueue(self, self._taken, [view])
            self._taken += 1

    def _ended(self, report: DecodeReport) -> tuple[np.ndarray, np.ndarray]:
        # frames stay in the workers, so they are counted once their number is known
        self.progress.frames += report.num_frames
        return np.concatenate(self._frame_spans), np.concatenate(self._time_spans)
