"""What is anomalous where in the frames of test videos: masks and boxes as data sets publish them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects, label

from data_lists import ListError, Video
from data_lists.boxes import Boxes, open_boxes
from data_lists.masks import Masks, open_masks, shared_problems
from score.metrics.regions import EIGHT, Regions

SLACK = 1  # frames that masks may be more or fewer: decoders disagree about the last one


@dataclass(frozen=True)
class VideoTruth:
    """num_frames: F. size: width and height of the masks. masks: frame -> bool [H, W], of the frames with an
    anomalous pixel; None where only boxes are known. regions: boxes as shares of the picture, values are
    tracks."""

    num_frames: int
    size: tuple[int, int]
    masks: dict[int, np.ndarray] | None
    regions: Regions


@dataclass(frozen=True)
class PixelTruth:
    """Folders with the truth of anomalous videos; normal ones need none. boxes count for regions where both are
    given."""

    masks: Path | None = None
    boxes: Path | None = None

    def check(self, videos: Sequence[Video], num_frames: Mapping[str, int]) -> None:
        """Open the truth of all videos. num_frames: as they are stored. Raises ListError with all problems."""
        problems: list[str] = []
        for folder, opened in ((self.masks, open_masks), (self.boxes, open_boxes)):
            paths: dict[str, Path] = {}
            for video in videos if folder is not None else ():
                if not video.is_anomalous:
                    continue
                try:
                    found = opened(folder, video.video_id)
                except ListError as error:
                    problems += error.problems
                    continue
                paths[video.video_id] = found.path
                problems += _length_problems(found, video.video_id, num_frames[video.video_id])
            problems += shared_problems(paths)
        if problems:
            raise ListError(problems)

    def of_video(self, video: Video, *, num_frames: int, size: tuple[int, int]) -> VideoTruth:
        """size: width and height of the stored video. Raises ListError."""
        masks: dict[int, np.ndarray] | None = None if self.masks is None else {}
        if video.is_anomalous and self.masks is not None:
            found = open_masks(self.masks, video.video_id)
            last = len(found) - 1
            masks = {frame: mask for frame in range(num_frames) if (mask := found[min(frame, last)]).any()}
            size = found.size
        if not video.is_anomalous:
            regions = _regions([], size)
        elif self.boxes is None:
            regions = regions_of_masks(masks, size)
        else:
            regions = _of_boxes(open_boxes(self.boxes, video.video_id), size)
        return VideoTruth(num_frames, size, masks, regions)


def regions_of_masks(masks: Mapping[int, np.ndarray], size: tuple[int, int]) -> Regions:
    """Connected pixels are a region, its box as shares of the picture; it goes on the track of the region of the
    frame before that it overlaps most, else it begins one. masks: frame -> bool [H, W], in order."""
    rows, tracks, last = [], 0, -2
    before = np.zeros(size[::-1], np.int64)
    for frame, mask in masks.items():
        if frame != last + 1:
            before = np.zeros(size[::-1], np.int64)
        names, last = np.zeros(size[::-1], np.int64), frame
        labels, _ = label(mask, structure=EIGHT)
        for number, place in enumerate(find_objects(labels), start=1):
            own = labels[place] == number
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
    """Rows of frame, track, left, top, right, bottom in pixels."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Regions(
        table[:, 0].astype(np.int64), table[:, 2:] / np.tile(size, 2), table[:, 1].astype(np.int64)
    )


def _length_problems(found: Masks | Boxes, video_id: str, num_frames: int) -> list[str]:
    if isinstance(found, Boxes):
        last = int(found.frame.max(initial=-1))
        told = f"a box in frame {last}" if last >= num_frames else ""
    else:
        told = f"{len(found)} masks" if abs(len(found) - num_frames) > SLACK else ""
    return [f"{found.path}: {told}, but {video_id} has {num_frames} frames in the store"] if told else []
