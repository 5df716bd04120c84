"""Pixel truth of test videos: masks and boxes as data sets publish them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists import ListError, Video
from data_lists.boxes import Boxes, open_boxes
from data_lists.masks import Masks, open_masks, shared_problems
from score.metrics.regions import Regions, connected

SLACK = 1  # frames by which masks may differ in number: decoders disagree about the last frame


@dataclass(frozen=True)
class VideoTruth:
    """num_frames: F. size: width and height of the masks.

    masks: frame -> bool [H, W] of frames with an anomalous pixel; None if only boxes are known. regions:
    boxes as shares of the frame; their values are track numbers.
    """

    num_frames: int
    size: tuple[int, int]
    masks: dict[int, np.ndarray] | None
    regions: Regions


@dataclass(frozen=True)
class PixelTruth:
    """Folders with the truth of anomalous videos; normal videos need none.

    Boxes define the regions if both are given.
    """

    masks: Path | None = None
    boxes: Path | None = None

    def check(self, videos: Sequence[Video], num_frames: Mapping[str, int]) -> None:
        """Open the truth of all videos.

        num_frames: as they are stored. Raises ListError with all problems.
        """
        anomalous = [video.video_id for video in videos if video.is_anomalous]
        problems: list[str] = []
        if self.masks is not None:
            problems += _problems(self.masks, open_masks, anomalous, num_frames)
        if self.boxes is not None:
            problems += _problems(self.boxes, open_boxes, anomalous, num_frames)
        if problems:
            raise ListError(problems)

    def of_video(self, video: Video, *, num_frames: int, size: tuple[int, int]) -> VideoTruth:
        """size: width and height of the stored video. Raises ListError."""
        masks: dict[int, np.ndarray] = {}
        if video.is_anomalous and self.masks is not None:
            found = open_masks(self.masks, video.video_id)
            # The last mask stands for a last frame that only our decoder returned.
            last = len(found) - 1
            masks = {frame: mask for frame in range(num_frames) if (mask := found[min(frame, last)]).any()}
            size = found.size
        if not video.is_anomalous:
            regions = _regions([], size)
        elif self.boxes is None:
            regions = regions_of_masks(masks, size)
        else:
            regions = _of_boxes(open_boxes(self.boxes, video.video_id), size)
        return VideoTruth(num_frames, size, None if self.masks is None else masks, regions)


def regions_of_masks(masks: Mapping[int, np.ndarray], size: tuple[int, int]) -> Regions:
    """Boxes of connected pixels, as shares of the frame. masks: frame -> bool [H, W], in order.

    A region continues the track of the region of the previous frame that it overlaps most, else it begins a
    track.
    """
    from scipy.ndimage import find_objects  # not for runs without masks

    rows, tracks, last = [], 0, -2
    before = np.zeros(size[::-1], np.int64)
    for frame, mask in masks.items():
        if frame != last + 1:
            before = np.zeros(size[::-1], np.int64)
        names, last = np.zeros(size[::-1], np.int64), frame
        numbers = connected(mask)
        for number, place in enumerate(find_objects(numbers), start=1):
            own = numbers[place] == number
            overlapped = np.bincount(before[place][own])[1:]
            if overlapped.any():
                track = int(overlapped.argmax()) + 1
            else:
                track = tracks = tracks + 1
            names[place][own] = track
            rows.append((frame, track, place[1].start, place[0].start, place[1].stop, place[0].stop))
        before = names
    return _regions(rows, size)


def _of_boxes(boxes: Boxes, size: tuple[int, int]) -> Regions:
    return _regions(np.column_stack([boxes.frame, boxes.track, boxes.box]), size)


def _regions(rows, size: tuple[int, int]) -> Regions:
    """rows: frame, track, left, top, right, bottom in pixels."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Regions(
        table[:, 0].astype(np.int64), table[:, 2:] / np.tile(size, 2), table[:, 1].astype(np.int64)
    )


def _problems(
    folder: Path,
    opened: Callable[[Path, str], Masks | Boxes],
    video_ids: Sequence[str],
    num_frames: Mapping[str, int],
) -> list[str]:
    problems: list[str] = []
    paths: dict[str, Path] = {}
    for video_id in video_ids:
        try:
            found = opened(folder, video_id)
        except ListError as error:
            problems += error.problems
            continue
        paths[video_id] = found.path
        problems += _length_problems(found, video_id, num_frames[video_id])
    return problems + shared_problems(paths)


def _length_problems(found: Masks | Boxes, video_id: str, num_frames: int) -> list[str]:
    if isinstance(found, Boxes):
        last = int(found.frame.max(initial=-1))
        content = f"a box in frame {last}" if last >= num_frames else ""
    else:
        content = f"{len(found)} masks" if abs(len(found) - num_frames) > SLACK else ""
    return (
        [f"{found.path}: {content}, but {video_id} has {num_frames} frames in the store"] if content else []
    )
