"""Rows of regions: boxes, tracks, speeds and crop features of each frame, spooled until the video ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from extract.backbones import BACKBONES
from extract.clips.assembler import ClipAssembler
from extract.clips.streams import RgbStream
from extract.clips.transforms import network_input
from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.inference.batch_size import choose_batch_size
from extract.inference.network import Network
from extract.pipeline.row_makers import Run
from extract.pipeline.run_settings import RunSettings
from extract.pipeline.spool import Spool
from extract.pipeline.video_error import VideoError
from extract.presets import PRESETS, Preset
from extract.presets.image_presets import IMAGE_PRESETS
from extract.presets.language_presets import LANGUAGE_PRESETS
from extract.presets.region_preset import Regions
from extract.regions.crops import square_crop
from extract.regions.region_arrays import RegionArrays
from extract.regions.region_detector import region_detector
from extract.regions.region_stream import FrameRegions, RegionStream
from extract.runtime.device import choose_device
from extract.weights import load_weights

FOLDER_RATE = 10.0  # frames per second where no clock states them; what the constants were chosen at
HELD = 64  # frames whose crops wait for the network together


class RegionRows:
    """The row maker of presets with regions. On a CPU and a GPU alike, batches hold crops of one video."""

    def __init__(self, preset: Preset, settings: RunSettings):
        if preset.regions is None:
            raise ValueError(f"the preset {preset.name} has no regions")
        every_frame = (preset.clip_length, preset.segment_stride, preset.segment_seconds) == (1, 1, None)
        if not every_frame:
            raise ValueError(
                "regions describe every frame: clip_length and segment_stride are 1, without segment_seconds"
            )
        self.preset, self.regions = preset, preset.regions
        self.device, self.precision = choose_device(settings.device), settings.precision
        self.digest, self.network, self.scaling = "", None, None
        if preset.regions.crops != "none":
            self._make_network(crop_preset(preset.regions.crops), settings)
        elif settings.precision != "fp32":
            raise ValueError(f"precision is {settings.precision!r}, expected fp32 without a network")
        self.find = region_detector(preset.regions, device=str(self.device))

    def _make_network(self, crops: Preset, settings: RunSettings) -> None:
        assert crops.backbone is not None
        self.scaling = crops.scaling
        backbone = BACKBONES[crops.backbone]()
        self.digest = load_weights(
            backbone, settings.weights or crops.weights, name=crops.backbone, seed=settings.seed
        )
        size = choose_batch_size(self.preset.batch_size, self.device)
        self.network = Network(backbone, device=self.device, batch_size=size, precision=settings.precision)

    @property
    def batch_shape(self) -> tuple[int, ...] | None:
        if self.network is None:
            return None
        side = self.regions.crop_size
        return self.network.batch_size, 3, 1, side, side

    def start(self, run: Run) -> None:
        self.run, self.profile = run, run.progress.profile
        self.root = run.store.root if isinstance(run.store.root, Path) else None

    def open(self, opened: VideoOpened) -> RegionVideo:
        rate = self.regions.rate or (FOLDER_RATE if opened.decoder == "folder" else 0.0)
        return RegionVideo(self, slower=opened.fps / rate if rate else 1.0)

    def features(self, crops: list[np.ndarray]) -> np.ndarray:
        """uint8 [S, S, 3] each -> float32 [n, D]."""
        network, scaling = self.network, self.scaling
        assert network is not None and scaling is not None
        found = []
        for first in range(0, len(crops), network.batch_size):
            part = torch.from_numpy(np.stack(crops[first : first + network.batch_size]))
            views = list(part.permute(0, 3, 1, 2)[:, None].to(self.device).unbind(0))  # [1, 3, S, S] each
            size = network.size_of_batch(len(views), part.permute(0, 3, 1, 2)[0, :, None].shape)
            inputs = network_input(views, batch_size=size, mean=scaling.mean, std=scaling.std)
            with self.profile.span("forward"):
                found.append(network.start(inputs).rows().numpy()[: len(part)])
        return np.concatenate(found) if found else np.zeros((0, self.feature_dim), np.float32)

    @property
    def feature_dim(self) -> int:
        return PRESETS[self.regions.crops].feature_dim if self.regions.crops != "none" else 0

    def finish(self) -> None:
        pass

    def provenance(self) -> dict:
        if self.network is None:
            return {}
        return {
            "device": str(self.network.device),
            "precision": self.network.precision,
            "precision_cosine": self.network.cosine,
        }


def crop_preset(name: str) -> Preset:
    """The preset whose network describes crops. Raises ValueError for one that sees no pictures."""
    known = {
        each.name: each for each in (*IMAGE_PRESETS, *LANGUAGE_PRESETS) if each.backbone and each.scaling
    }
    if name not in known:
        raise ValueError(f"regions.crops is {name!r}, expected none or one of {', '.join(known)}")
    return known[name]


class RegionVideo:
    """The rows of one video, on disk. slower: seconds of the scene per second of the file's clock."""

    pending = 0

    def __init__(self, maker: RegionRows, *, slower: float):
        self.maker, self.slower = maker, slower
        self.frames = RgbStream(maker.preset.resize, torch.device("cpu"), profile=maker.profile)
        self.stream = RegionStream(maker.regions, maker.find)
        self.arrays = RegionArrays(maker.regions, feature_dim=maker.feature_dim)
        # For its spans alone: every sampled frame is a segment.
        self.segments = ClipAssembler(clip_length=1, frame_stride=1, segment_stride=1)
        self.spool = Spool(maker.root)
        self._waiting: list[FrameRegions] = []

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, FramesDecoded)
        self.segments.note(event.frame_index, event.pts_seconds)
        pictures = self.frames.add(event.frames).permute(0, 2, 3, 1).contiguous().numpy()
        with self.maker.profile.span("regions"):
            for frame in self.stream.add(pictures, event.pts_seconds * self.slower):
                self._wait(frame)

    def end(self, report: DecodeReport) -> None:
        for frame in self.stream.end():
            self._wait(frame)
        self._describe()
        self._spans = self.segments.spans(num_frames=report.num_frames, end_seconds=report.end_seconds)

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        return self._spans

    def content(self, _num_segments: int) -> tuple[None, dict[str, np.ndarray]]:
        return self.spool.content("regions")

    def provenance(self) -> dict:
        return {}

    def close(self) -> None:
        self.spool.close()

    def _wait(self, frame: FrameRegions) -> None:
        self._waiting.append(frame)
        if len(self._waiting) == HELD:
            self._describe()

    def _describe(self) -> None:
        """Give the crops of the waiting frames to the network, and put all into the spool."""
        settings: Regions = self.maker.regions
        chosen = [self.arrays.due(frame.track_id) for frame in self._waiting]
        features = np.zeros((0, 0), np.float32)
        if self.maker.network is not None:
            crops = [
                square_crop(
                    frame.picture, frame.boxes[slot], size=settings.crop_size, margin=settings.crop_margin
                )
                for frame, slots in zip(self._waiting, chosen, strict=True)
                for slot in slots
            ]
            features = self.maker.features(crops)
        begin = 0
        for frame, slots in zip(self._waiting, chosen, strict=True):
            rows = self.arrays.rows(frame, slots, features[begin : begin + len(slots)])
            begin += len(slots)
            try:
                self.spool.append(rows)
            except OSError as error:
                raise VideoError(f"its regions cannot be kept: {error.strerror or error}") from None
        self._waiting.clear()
