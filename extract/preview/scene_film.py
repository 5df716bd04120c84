"""A video and the scene graph of its clips, drawn frame by frame into an mp4."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from extract.clips.assembler import Clip, ClipAssembler
from extract.clips.scene_stream import SceneStream
from extract.clips.streams import RgbStream
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
from extract.scene.track_interpolation import fill_gaps


@dataclass
class SceneCount:
    """What a film showed. sightings: people over all frames. stopped: why the video ended early, "" when it
    did not."""

    frames: int = 0
    sightings: int = 0
    identities: int = 0
    stopped: str = ""


def write_scene_film(
    video: Path, out: Path, *, preset: Preset, detector: Detector, num_frames: int | None = None
) -> SceneCount:
    """Draw the frames that the clips of a preset show, left the people, right the graph; at their own pace.

    video: a file or a folder of frames. num_frames: stop after so many drawn frames. Clips that overlap are
    drawn once. Raises ValueError for a video that cannot be decoded, and for one without its tracks.
    """
    with single_video_job(video) as job:
        return _write(job, Path(video).absolute().name, out, preset, detector, num_frames)


def _write(
    job: DecodeJob, name: str, out: Path, preset: Preset, detector: Detector, num_frames: int | None
) -> SceneCount:
    every = math.gcd(preset.frame_stride, preset.segment_stride)
    settings = DecodeSettings(workers=1, on_damage="salvage", fps=preset.fps, keep_every=every)
    drawn: _Drawing | None = None
    try:
        with DecodePool([job], settings) as pool:
            for event in pool:
                if isinstance(event, VideoFailed):
                    raise ValueError(f"{name}: {event.reason.removeprefix(f'{job.video_id}: ')}")
                if isinstance(event, VideoRestarted) and drawn is not None:
                    drawn.discard()
                if isinstance(event, VideoOpened):
                    fps = preset.fps or event.fps
                    drawn = _Drawing(out, preset, detector, job, fps=fps, every=every, most=num_frames)
                elif isinstance(event, FramesDecoded):
                    drawn.add(event)
                elif isinstance(event, VideoEnded):
                    drawn.count.stopped = event.report.stopped
                if drawn is not None and drawn.full:
                    break
        drawn.finish()
    except BaseException:
        if drawn is not None:
            drawn.discard()
        raise
    return drawn.count


class _Drawing:
    """One run over the video; frames are drawn when their clip is whole, at most `most` of them."""

    def __init__(
        self,
        out: Path,
        preset: Preset,
        detector: Detector,
        job: DecodeJob,
        *,
        fps: float,
        every: int,
        most: int | None,
    ):
        self.preset, self.most, self.count, self.names = preset, most, SceneCount(), set()
        follow = detector.for_video(
            job.video_id,
            fps=fps / (every * preset.scene.detect_every),
            first=first_frame_number(job.root, job.video_id),
        )
        self.stream = SceneStream(
            RgbStream(None, torch.device("cpu")), follow, detect_every=preset.scene.detect_every
        )
        self.assembler = ClipAssembler(
            clip_length=preset.clip_length,
            frame_stride=preset.frame_stride,
            segment_stride=preset.segment_stride,
            every=every,
            tail="pad",
        )
        self.film = SideBySide(out, fps=fps / preset.frame_stride)
        self.drawn_to = -1  # last position that was drawn

    @property
    def full(self) -> bool:
        return self.most is not None and self.count.frames >= self.most

    def add(self, event: FramesDecoded) -> None:
        try:
            self.assembler.note(event.frame_index, event.pts_seconds)
            clips = self.assembler.add(self.stream.add(event.frames, event.frame_index))
        finally:
            event.release()
        for clip in clips:
            self._draw(clip)

    def _draw(self, clip: Clip) -> None:
        fresh = np.diff(clip.positions, prepend=-1) > 0
        positions = clip.positions[fresh]
        pictures = clip.frames[torch.from_numpy(fresh)].permute(0, 2, 3, 1).numpy()
        seen = fill_gaps(self.stream.people_at(positions), detect_every=self.preset.scene.detect_every)
        size = pictures.shape[2], pictures.shape[1]
        seconds = np.array(self.assembler.pts_seconds)[positions]
        graph = clip_graph(seen, seconds=seconds, size=size, settings=self.preset.scene)
        for number, position in enumerate(positions):
            if position > self.drawn_to and not self.full:
                self.film.add(*draw_scene(pictures[number], graph, number))
                self.drawn_to = int(position)
                self.count.frames += 1
                self.count.sightings += int(graph.node_mask[number].sum())
        self.names |= set(graph.track_id[graph.node_mask.any(axis=0)].tolist()) - {-1}
        self.count.identities = len(self.names)
        self.stream.forget(int(clip.positions[0]))

    def finish(self) -> None:
        """Draw the last clips, unless enough is drawn, and give the film its name."""
        with self.film:
            for clip in () if self.full else self.assembler.end():
                self._draw(clip)

    def discard(self) -> None:
        """Close and remove what was written so far."""
        self.film.discard()
