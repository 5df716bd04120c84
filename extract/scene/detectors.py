"""What finds people and other regions: one interface to networks, OpenCV, motion, files, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extract.presets.scene_preset import Scene
from extract.scene.detections import Detections
from extract.scene.people import NOBODY, People
from extract.scene.track_files import read_track_file, read_tracks
from extract.scene.tracking import Tracker, make_tracker

Find = Callable[[np.ndarray], list[People]]  # uint8 [n, H, W, 3] -> the people of each frame
CPU_BATCH, GPU_BATCH = 1, 8  # frames per forward pass


@dataclass(frozen=True)
class Detector:
    """What finds people in videos; create it with make_detector."""

    settings: Scene
    find: Find | None = None  # from pixels; None for the detectors `foreground`, `files` and `none`
    digest: str = ""  # digest of the weights, "" without weights
    tracks: Path | None = None  # root of the track files, or one of them
    videos: Path | None = None  # root of the data set

    def for_video(self, video_id: str, *, fps: float, first: int = 0) -> PeopleTracker:
        """A new tracker for one video that is sampled at `fps` frames per second.

        first: the number of the video's first image, for a track file of this video alone; for those of a
        data set it is looked up. Raises TracksError without tracks for this video.
        """
        settings = self.settings
        if settings.detector != "files":
            tracker = make_tracker(settings.tracker, fps=fps, least_score=settings.least_score)
            if settings.detector == "foreground":
                from extract.scene.foreground import ForegroundDetector

                # It remembers the frames before, so that every video has its own.
                return PeopleTracker(ForegroundDetector(fps), tracker)
            return PeopleTracker(self.find, tracker)
        detections = self._read(video_id, first=first)
        if detections.identified or settings.tracker == "none":
            return PeopleTracker(None, None, detections)
        tracker = make_tracker(settings.tracker, fps=fps, least_score=settings.least_score)
        return PeopleTracker(None, tracker, detections)

    def _read(self, video_id: str, *, first: int) -> Detections:
        if self.tracks is not None and (self.videos is None or self.tracks.is_file()):
            return read_track_file(self.tracks, first=first)
        folder = self.tracks or self.videos
        if folder is None:
            raise ValueError("the detector files needs --tracks, or track files next to the videos")
        return read_tracks(folder, video_id, videos=self.videos)


class PeopleTracker:
    """People of one video, frame after frame, with identities.

    detections: people from a file, None for people that `find` finds.
    """

    def __init__(self, find: Find | None, tracker: Tracker | None, detections: Detections | None = None):
        self.find, self.tracker, self.detections = find, tracker, detections

    def __call__(self, frames: np.ndarray, frame_index: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] and native frame numbers [n] -> the people of each, clipped to the frame."""
        if self.detections is not None:
            people = [self.detections.at(int(index)) for index in frame_index]
        elif self.find is not None:
            people = self.find(frames)
        else:
            return [NOBODY] * len(frames)
        height, width = frames.shape[1:3]
        # Networks and files place boxes partly outside; the graph's features are relative to the frame.
        people = [_clipped(each, width, height) for each in people]
        return people if self.tracker is None else [self.tracker(each) for each in people]


def make_detector(
    settings: Scene,
    *,
    device: str = "cpu",
    weights: str | None = None,
    seed: int = 0,
    tracks: Path | None = None,
    videos: Path | None = None,
) -> Detector:
    """The detector that the settings name.

    weights: of the networks: a known name, a file, or none for random ones; None = the published ones.
    tracks: where the track files are, None = next to the videos. Raises ValueError for a package that is not
    installed and for options that contradict each other.
    """
    # Only to report a missing package now rather than at the first video.
    make_tracker(settings.tracker, fps=25, least_score=settings.least_score)
    if tracks is not None and settings.detector != "files":
        raise ValueError(
            f"tracks are given, but the detector is {settings.detector}; use --set scene.detector=files"
        )
    find, digest = None, ""
    if settings.detector == "keypointrcnn":
        find, digest = _keypoint_rcnn(device, weights, seed)
    elif settings.detector == "ultralytics":
        from extract.scene.ultralytics_pose import UltralyticsDetector

        find = UltralyticsDetector(weights, device=device)
        digest = find.digest
    elif settings.detector == "hog":
        from extract.scene.hog import HogDetector

        find = HogDetector()
    elif settings.detector == "onnx":
        from extract.scene.onnx_detector import OnnxDetector

        find = OnnxDetector(weights, classes=settings.classes, device=device)
        digest = find.digest
    return Detector(settings, find, digest, tracks, videos)


def _keypoint_rcnn(device: str, weights: str | None, seed: int) -> tuple[Find, str]:
    import torch

    from extract.scene.keypoint_rcnn import KeypointRCNN, KeypointRCNNDetector
    from extract.weights import load_weights

    network = KeypointRCNN()
    digest = load_weights(network, weights or "keypointrcnn", seed=seed)
    target = torch.device(device)
    batch_size = CPU_BATCH if target.type == "cpu" else GPU_BATCH
    return KeypointRCNNDetector(network, device=target, batch_size=batch_size), digest


def _clipped(people: People, width: int, height: int) -> People:
    """Boxes clipped at the border; people entirely outside are dropped."""
    boxes = np.clip(people.boxes, 0, np.array([width, height, width, height], np.float32))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return People(boxes, people.scores, people.keypoints, people.track_id).select(inside)
