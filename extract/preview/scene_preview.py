"""A video and the scene graph of its clips, drawn frame by frame into an mp4."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from extract.clips.assembler import Clip
from extract.clips.scene_stream import SceneStream
from extract.clips.streams import RgbStream
from extract.clips.video_clips import VideoClips
from extract.decode import (
    DecodeJob,
    DecodePool,
    DecodeSettings,
    FramesDecoded,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.single_video import single_video_job
from extract.presets import Preset
from extract.preview.scene_drawing import draw_scene
from extract.preview.side_by_side import SideBySide
from extract.scene.detectors import Detector
from extract.scene.person_graph import clip_graph
from extract.scene.track_files import first_frame_number


@dataclass
class SceneSummary:
    """What a drawn video shows."""

    frames: int = 0
    # people, summed over all frames
    sightings: int = 0
    identities: int = 0
    # why the video ended early, "" when it did not
    stopped: str = ""


def write_scene_video(
    video: Path, out: Path, *, preset: Preset, detector: Detector, num_frames: int | None = None
) -> SceneSummary:
    """Draw the frames that the clips of a preset show, left the people, right the graph; at their own pace.

    video: a file or a folder of frames. num_frames: stop after this many drawn frames. Frames of overlapping
    clips are drawn once. Raises ValueError for a video that cannot be decoded, and for one without tracks.
    """
    settings = DecodeSettings(workers=1, on_damage="salvage", fps=preset.fps, keep_every=preset.keep_every)
    drawing: _Drawing | None = None
    try:
        with single_video_job(video) as job, DecodePool([job], settings) as pool:
            for event in pool:
                if isinstance(event, VideoFailed):
                    name = Path(video).absolute().name
                    raise ValueError(f"{name}: {event.reason.removeprefix(f'{job.video_id}: ')}")
                if isinstance(event, VideoOpened):
                    drawing = _Drawing(out, preset, detector, job, event, max_frames=num_frames)
                elif drawing is not None:
                    drawing.take(event)
                    if drawing.full:
                        break
        if drawing is None:
            raise ValueError(f"{video}: no frame can be decoded")
        drawing.finish()
    except BaseException:
        if drawing is not None:
            drawing.output.discard()
        raise
    return drawing.summary


class _Drawing:
    """One pass over the video. Frames are drawn when their clip is complete, at most max_frames of them."""

    def __init__(
        self,
        out: Path,
        preset: Preset,
        detector: Detector,
        job: DecodeJob,
        opened: VideoOpened,
        *,
        max_frames: int | None,
    ):
        assert preset.scene is not None
        self.scene, self.max_frames, self.summary = preset.scene, max_frames, SceneSummary()
        fps, detect_every = preset.fps or opened.fps, preset.scene.detect_every
        people_tracker = detector.for_video(
            job.video_id,
            fps=fps / (preset.keep_every * detect_every),
            first=first_frame_number(job.root, job.video_id),
        )
        # without resizing, because people are drawn on the original frames
        rgb = RgbStream(None, torch.device("cpu"))
        self.stream = SceneStream(rgb, people_tracker, detect_every=detect_every)
        # every frame is drawn, whatever the preset does with the tail
        self.clips = VideoClips(self.stream, replace(preset, tail="pad"))
        self.output = SideBySide(out, kind="scene video", fps=fps / preset.frame_stride)
        self._identities: set[int] = set()
        self._drawn_to = -1  # position in the stream of the last drawn frame

    @property
    def full(self) -> bool:
        return self.max_frames is not None and self.summary.frames >= self.max_frames

    def take(self, event) -> None:
        """What decoding delivers next."""
        if isinstance(event, VideoRestarted):
            self.output.discard()
        elif isinstance(event, VideoEnded):
            self.summary.stopped = event.report.stopped
        elif isinstance(event, FramesDecoded):
            try:
                clips = self.clips.add(event)
            finally:
                event.release()
            for clip in clips:
                self._draw(clip)

    def finish(self) -> None:
        """Draw the last clips, unless enough is drawn, and give the file its name."""
        with self.output:
            for clip in () if self.full else self.clips.end():
                self._draw(clip)

    def _draw(self, clip: Clip) -> None:
        fresh = clip.fresh
        positions = clip.positions[fresh]
        frames = clip.frames[torch.from_numpy(fresh)].permute(0, 2, 3, 1).numpy()  # [n, H, W, 3]
        graph = clip_graph(
            self.stream.people_of(clip),
            seconds=self.clips.seconds(clip)[fresh],
            size=(frames.shape[2], frames.shape[1]),
            settings=self.scene,
        )
        for number, position in enumerate(positions):
            if position > self._drawn_to and not self.full:
                self.output.add(*draw_scene(frames[number], graph, number))
                self._drawn_to = int(position)
                self.summary.frames += 1
                self.summary.sightings += int(graph.node_mask[number].sum())
        self._identities |= set(graph.track_id[graph.node_mask.any(axis=0)].tolist()) - {-1}
        self.summary.identities = len(self._identities)
        self.stream.forget(int(clip.positions[0]))
