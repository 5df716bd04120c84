"""Rows of scenes: clips of pixels and flow with the people in them, spooled to disk until the video ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.clips.assembler import Clip
from extract.clips.scene_stream import SceneStream
from extract.clips.streams import RgbStream, flow_estimator
from extract.clips.video_clips import VideoClips
from extract.decode.decode_events import DecodeReport, FramesDecoded, SegmentsDescribed, VideoOpened
from extract.descriptors.speed_map import SpeedMap
from extract.pipeline.row_makers import Run
from extract.pipeline.run_settings import RunSettings
from extract.pipeline.spool import Spool
from extract.pipeline.video_error import VideoError
from extract.presets import Flow, Preset
from extract.presets.scene_preset import Scene
from extract.runtime.device import choose_device
from extract.scene.detectors import make_detector
from extract.scene.person_graph import clip_graph


class SceneRows:
    """The row maker of presets with a scene."""

    precision, batch_shape = "fp32", None

    def __init__(self, preset: Preset, settings: RunSettings, *, root: Path):
        if preset.scene is None:
            raise ValueError(f"the preset {preset.name} has no scene")
        if settings.precision != "fp32":
            raise ValueError(
                f"precision is {settings.precision!r}, expected fp32: detectors run in nothing else"
            )
        if preset.flow is not None and preset.segment_stride % preset.frame_stride:
            raise ValueError(
                f"segment_stride is {preset.segment_stride}, expected a multiple of frame_stride "
                f"({preset.frame_stride}), because flow lies between the frames of a clip"
            )
        self.preset, self.scene = preset, preset.scene
        self.device = choose_device(settings.device)
        self.detector = make_detector(
            preset.scene,
            device=str(self.device),
            weights=settings.weights,
            seed=settings.seed,
            tracks=settings.tracks,
            videos=root,
        )
        self.digest = self.detector.digest

    def start(self, run: Run) -> None:
        flow, self.run, self.profile = self.preset.flow, run, run.progress.profile
        self.estimate = None if flow is None else flow_estimator(flow, self.device)

    def open(self, opened: VideoOpened) -> SceneVideo:
        preset, detect_every = self.preset, self.scene.detect_every
        fps = (preset.fps or opened.fps) / preset.keep_every
        try:
            people = self.detector.for_video(opened.video_id, fps=fps / detect_every)
        except ValueError as error:
            raise VideoError(str(error)) from None
        stream = SceneStream(
            RgbStream(preset.resize, self.device, profile=self.profile),
            people,
            detect_every=detect_every,
            estimate=self.estimate,
            clamp=preset.flow.clamp if preset.flow else 1.0,
            speed_map=SpeedMap(fps) if self.scene.speed else None,
        )
        return SceneVideo(self, stream, size=(opened.width, opened.height))

    def finish(self) -> None:
        pass

    def provenance(self) -> dict:
        return {}


class SceneVideo:
    """The clips of one video, on disk. size: (width, height) of its frames in pixels."""

    pending = 0

    def __init__(self, maker: SceneRows, stream: SceneStream, *, size: tuple[int, int]):
        self.maker, self.stream, self.size = maker, stream, size
        self.clips = VideoClips(stream, maker.preset)
        root = maker.run.store.root
        # a store at an address has no folder to spool into, so the system's temporary folder is used
        self.spool = Spool(root if isinstance(root, Path) else None)

    def take(self, event: FramesDecoded | SegmentsDescribed) -> None:
        assert isinstance(event, FramesDecoded)
        self._append(self.clips.add(event))

    def end(self, report: DecodeReport) -> None:
        self._append(self.clips.end())
        self._spans = self.clips.spans(report)

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        return self._spans

    def content(self, _num_segments: int) -> tuple[None, dict[str, np.ndarray]]:
        return self.spool.content("clips")

    def provenance(self) -> dict:
        """Name and digest of the file that the people came from."""
        found = self.stream.people_tracker.detections
        return {} if found is None else {"people": found.record()}

    def close(self) -> None:
        self.spool.close()

    def _append(self, clips: list[Clip]) -> None:
        for clip in clips:
            try:
                with self.maker.profile.span("graph"):
                    rows = self._rows(clip, self.maker.scene, self.maker.preset.flow)
                with self.maker.profile.span("write"):
                    self.spool.append(rows)
            except OSError as error:
                raise VideoError(
                    f"its clips cannot be kept in {self.maker.run.store.root}: {error.strerror or error}"
                ) from None
            self.stream.forget(int(clip.positions[0]))

    def _rows(self, clip: Clip, scene: Scene, flow: Flow | None) -> dict[str, np.ndarray]:
        """What one segment adds to every array."""
        planes = clip.frames.cpu().numpy()  # [T, 3 or 5, H, W]
        levels = None if flow is None else planes[:, 3:].view(np.int8)  # [T, 2, H, W]
        people = self.stream.people_of(clip)
        people += people[-1:] * int((~clip.fresh).sum())
        graph = clip_graph(
            people,
            seconds=self.clips.seconds(clip),
            size=self.size,
            settings=scene,
            flow=None if flow is None or levels is None else levels.astype(np.float32) * (flow.clamp / 127),
        )
        rows = {
            "rgb": planes[:, :3].transpose(0, 2, 3, 1),
            "nodes": graph.nodes,
            "node_mask": graph.node_mask,
            "adjacency": graph.adjacency,
            "track_id": graph.track_id,
            "frame_mask": clip.fresh,
            "clip_frame": self.clips.frame_index(clip),
        }
        if scene.speed:
            preset = self.maker.preset
            frames = max(1, preset.segment_stride // preset.keep_every)
            rows["speed"] = self.stream.speed_of(clip, frames=frames)
        return rows if levels is None else rows | {"flow": levels.transpose(0, 2, 3, 1)}
