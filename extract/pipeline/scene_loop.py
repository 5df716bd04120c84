"""Videos to a store of scenes: the device loop, with clips of pixels and people in place of a network's
rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.clips.assembler import Clip, ClipAssembler
from extract.clips.scene_stream import SceneStream
from extract.clips.streams import RgbStream
from extract.decode.decode_events import FramesDecoded, VideoOpened
from extract.decode.idle_workers import IdleWorkers
from extract.pipeline.device_loop import DeviceLoop
from extract.pipeline.settings import RunReport, RunSettings
from extract.pipeline.spool import Spool
from extract.pipeline.video_work import VideoError, VideoWork
from extract.presets import Preset
from extract.runtime.device import choose_device
from extract.runtime.progress import Progress
from extract.scene.detectors import Detector
from extract.scene.person_graph import clip_graph
from extract.scene.track_interpolation import fill_gaps
from extract.store import FeatureStore, VideoFeatures


class SceneWork(VideoWork):
    """One video between its first frame and its file. stream, assembler, size: set with its first frame."""

    def __init__(self, video_id: str, folder: Path | None):
        super().__init__(video_id)
        self.spool = Spool(folder)
        self.stream: SceneStream | None = None
        self.assembler: ClipAssembler | None = None
        self.size = (0, 0)

    def features(self, provenance: dict, *, list_num_frames: int | None) -> VideoFeatures:
        """Everything for the store, with the name and the digest of the file that the people came from."""
        found = self.stream.follow.detections if self.stream else None
        people = {} if found is None else {"people": found.record()}
        return super().features(provenance | people, list_num_frames=list_num_frames)

    def _content(self, count: int) -> tuple[None, dict[str, np.ndarray]]:
        try:
            return None, self.spool.arrays()
        except OSError as error:
            raise VideoError(f"its clips cannot be kept: {error.strerror or error}") from None


class SceneLoop(DeviceLoop):
    """One run over the videos that a store lacks."""

    def __init__(
        self,
        preset: Preset,
        store: FeatureStore,
        detector: Detector,
        settings: RunSettings,
        idle_workers: IdleWorkers,
        report: RunReport,
        progress: Progress,
    ):
        super().__init__(preset, store, None, settings, idle_workers, report, progress)
        self.detector, self.device = detector, choose_device(settings.device)
        self.rates: dict[str, float] = {}  # video id -> frames a second
        self.estimate = None
        if preset.flow is not None:
            from extract.flow.estimator import make_estimator

            flow = preset.flow
            self.estimate = make_estimator(
                flow.method, variant=flow.variant, device=self.device, weights=flow.weights
            )

    def _take(self, event) -> None:
        if isinstance(event, VideoOpened):
            self.rates[event.video_id] = event.fps
        super()._take(event)

    def _new_work(self, video_id: str) -> SceneWork:
        root = self.store.root  # of a store at an address there is no folder: the system's serves
        return SceneWork(video_id, root if isinstance(root, Path) else None)

    def _open(self, work: SceneWork, event: FramesDecoded) -> tuple[SceneStream, ClipAssembler]:
        preset = self.preset
        fps = (preset.fps or self.rates[work.video_id]) / (self.every * preset.scene.detect_every)
        try:
            follow = self.detector.for_video(work.video_id, fps=fps)
        except ValueError as error:
            raise VideoError(str(error)) from None
        work.stream = SceneStream(
            RgbStream(preset.resize, self.device, profile=self.profile),
            follow,
            detect_every=preset.scene.detect_every,
            estimate=self.estimate,
            clamp=preset.flow.clamp if preset.flow else 1.0,
        )
        work.assembler = self._assembler()
        work.size = event.frames.shape[2], event.frames.shape[1]
        return work.stream, work.assembler

    def _add(self, stream: SceneStream, event: FramesDecoded):
        return stream.add(event.frames, event.frame_index)

    def _enqueue(self, work: SceneWork, clips: list[Clip]) -> None:
        for clip in clips:
            try:
                with self.profile.span("graph"):
                    rows = self._rows(work, clip)
                with self.profile.span("write"):
                    work.spool.append(rows)
            except OSError as error:
                raise VideoError(
                    f"its clips cannot be kept in {self.store.root}: {error.strerror or error}"
                ) from None
            work.stream.forget(int(clip.positions[0]))

    def _rows(self, work: SceneWork, clip: Clip) -> dict[str, np.ndarray]:
        """What one segment adds to every array."""
        preset, planes = self.preset, clip.frames.cpu().numpy()  # [T, 3 or 5, H, W]
        flow = planes[:, 3:].view(np.int8) if preset.flow else None
        seconds = np.array([work.assembler.pts_seconds[position] for position in clip.positions])
        fresh = np.diff(clip.positions, prepend=-1) > 0
        seen = fill_gaps(work.stream.people_at(clip.positions[fresh]), detect_every=preset.scene.detect_every)
        seen += seen[-1:] * int((~fresh).sum())
        graph = clip_graph(
            seen,
            seconds=seconds,
            size=work.size,
            settings=preset.scene,
            flow=None if flow is None else flow.astype(np.float32) * (preset.flow.clamp / 127),
        )
        rows = {
            "rgb": planes[:, :3].transpose(0, 2, 3, 1),
            "nodes": graph.nodes,
            "node_mask": graph.node_mask,
            "adjacency": graph.adjacency,
            "track_id": graph.track_id,
            "frame_mask": fresh,
            "clip_frame": np.array([work.assembler.frame_index[position] for position in clip.positions]),
        }
        return rows if flow is None else rows | {"flow": flow.transpose(0, 2, 3, 1)}

    def _drop(self, work: SceneWork) -> None:
        super()._drop(work)
        work.spool.close()
