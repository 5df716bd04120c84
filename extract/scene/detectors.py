"""Who looks for people: one small interface over networks, OpenCV's detector, files and nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extract.presets.scene import Scene
from extract.scene.people import NOBODY, People
from extract.scene.track_files import read_track_file, read_tracks
from extract.scene.tracking import make_tracker

Find = Callable[[np.ndarray], list[People]]  # uint8 [n, H, W, 3] -> the people of each frame
BATCH = (1, 8)  # pictures of one forward pass on a CPU and on a GPU


@dataclass(frozen=True)
class Detector:
    """What finds people in videos. Made by make_detector.

    find: from pixels, None for `files` and `none`. digest: of the weights, "" without. tracks: root of the
    files, or one of them. videos: root of the data set.
    """

    settings: Scene
    find: Find | None = None
    digest: str = ""
    tracks: Path | None = None
    videos: Path | None = None

    def for_video(self, video_id: str, *, fps: float, first: int = 0) -> PeopleTracker:
        """A fresh one for each video, whose sampled frames come `fps` a second. Raises ValueError without its
        tracks.

        first: the number of the video's first picture, for tracks that are of this video alone; for those of
        a data set it is looked up.
        """
        settings = self.settings
        if settings.detector != "files":
            return PeopleTracker(
                self.find, make_tracker(settings.tracker, fps=fps, least_score=settings.least_score)
            )
        if self.videos is None or (self.tracks is not None and self.tracks.is_file()):
            found = read_track_file(self.tracks, first=first)
        else:
            found = read_tracks(self.tracks or self.videos, video_id, videos=self.videos)
        named = found.identified or settings.tracker == "none"
        tracker = None if named else make_tracker(settings.tracker, fps=fps, least_score=settings.least_score)
        return PeopleTracker(None, tracker, found)


class PeopleTracker:
    """People of one video, frame after frame, with identities."""

    def __init__(self, find: Find | None, tracker, found=None):
        self.find, self.tracker, self.found = find, tracker, found

    def __call__(self, frames: np.ndarray, frame_index: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] and their native numbers [n] -> the people of each, clipped to the picture."""
        if self.found is not None:
            seen = [self.found.at(int(index)) for index in frame_index]
        elif self.find is not None:
            seen = self.find(frames)
        else:
            return [NOBODY] * len(frames)
        height, width = frames.shape[1:3]
        seen = [_inside(each, width, height) for each in seen]
        return seen if self.tracker is None else [self.tracker(each) for each in seen]


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

    weights: of the networks, a known name, a file, or none for random ones; None = the published ones.
    tracks: where the files are, None = beside the videos. Raises ValueError for what is not installed or does
    not fit.
    """
    make_tracker(settings.tracker, fps=25, least_score=settings.least_score)  # says now what is not installed
    if tracks is not None and settings.detector != "files":
        raise ValueError(
            f"tracks are given, but the detector is {settings.detector}; take --set scene.detector=files"
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
    return Detector(settings, find, digest, tracks, videos)


def _keypoint_rcnn(device: str, weights: str | None, seed: int) -> tuple[Find, str]:
    import torch

    from extract.scene.keypoint_rcnn import KeypointRCNN, KeypointRCNNDetector
    from extract.weights import load_weights

    network = KeypointRCNN()
    digest = load_weights(network, weights or "keypointrcnn", seed=seed)
    place = torch.device(device)
    return KeypointRCNNDetector(network, device=place, batch_size=BATCH[place.type != "cpu"]), digest


def _inside(seen: People, width: int, height: int) -> People:
    """Boxes cut at the border; who is wholly outside is left out."""
    boxes = np.clip(seen.boxes, 0, np.array([width, height, width, height], np.float32))
    here = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return People(boxes, seen.scores, seen.keypoints, seen.track_id).where(here)
