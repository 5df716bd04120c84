"""The regions of one video: frames in, the regions of a frame out once what follows it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from extract.descriptors.shots import plain_cut
from extract.presets.region_preset import SPEEDS, Regions
from extract.regions.cell_speed import cells_of
from extract.regions.frame_flow import FrameFlow
from extract.regions.held_frames import HeldFrame, interval_at, motion_along_paths, shots, usual_interval
from extract.regions.region_boxes import components, region_boxes
from extract.regions.region_mask import region_mask
from extract.regions.region_speed import region_speed, speed_of_parts
from extract.regions.still_picture import still_picture
from extract.regions.usual_size import UsualSize
from extract.scene.overlap_tracker import OverlapTracker, overlap
from extract.scene.people import People, make_people

WINDOW = 200  # frames whose still picture is one
SIZES_EVERY = 4  # frames
# Of a path, back and ahead, as far as MOST_REACH frames reach. Chosen on UCSD Ped2, at four frames.
REACH_SECONDS, MOST_REACH = 0.4, 12
PAUSE_SECONDS = 1.0  # frames that are further apart show no motion
LOST_SECONDS = 0.8  # a region out of sight for longer returns as another track
LEAST_OVERLAP = 0.1  # intersection over union of boxes of one track
COVERED = 0.3  # of a detected box: above it, a component shows the same thing


@dataclass
class FrameRegions:
    """The regions of one frame, the largest first, at most Regions.most.

    picture: uint8 [H, W, 3], the frame at the working size. boxes: float32 [n, 4], left, top, right, bottom
    in its pixels. track_id: int64 [n]. speed: float32 [n, S], see region_speed, in working heights per
    second. keypoints: float32 [n, 17, 3] in its pixels, zero without a pose. second: when it was seen. cells:
    float32 [ROWS, COLUMNS] of speed_map, the length of steps in each cell, in working heights per second.
    """

    picture: np.ndarray
    boxes: np.ndarray
    track_id: np.ndarray
    speed: np.ndarray
    keypoints: np.ndarray
    second: float
    cells: np.ndarray


class RegionStream:
    """Call add() with the frames of one video at their working size, then end().

    find: uint8 [n, H, W, 3] -> People of each, for a detector beside the foreground.
    """

    def __init__(self, settings: Regions, find: Callable[[np.ndarray], list[People]] | None = None):
        self.settings, self.find = settings, find
        self._usual: UsualSize | None = None
        self.tracker = OverlapTracker(least_score=0.0, lost_frames=1, min_overlap=LEAST_OVERLAP)
        self._flow: FrameFlow | None = None
        self._large: np.ndarray | None = None
        self._held: list[HeldFrame] = []
        self._done = 0  # of the held frames, those whose regions are out
        self._count = 0
        self._found: People | None = None

    def add(self, pictures: np.ndarray, seconds: np.ndarray) -> Iterator[FrameRegions]:
        """uint8 [n, H, W, 3] and times [n] of the next frames -> the frames that are ready."""
        for picture, time in zip(pictures, seconds.tolist(), strict=True):
            self._hold(picture, time)
            if len(self._held) - self._done >= WINDOW + MOST_REACH:
                yield from self._regions(WINDOW)

    def end(self) -> Iterator[FrameRegions]:
        """The frames that are left."""
        yield from self._regions(len(self._held) - self._done)

    def _hold(self, picture: np.ndarray, seconds: float) -> None:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        self._flow = self._flow or FrameFlow(*grey.shape)
        large, before = self._flow.prepared(grey), self._held[-1] if self._held else None
        moment = HeldFrame(picture.copy(), grey, seconds, follows=False)
        if before is not None and 0 <= seconds - before.seconds <= PAUSE_SECONDS:
            moment.follows = not plain_cut(before.grey, grey)
        if moment.follows and before is not None and self._large is not None:
            before.ahead, moved = self._flow.between(self._large, large)
            moment.back, moved_back = self._flow.between(large, self._large)
            before.camera |= moved
            moment.camera |= moved_back
        self._large = large
        self._held.append(moment)

    def _regions(self, count: int) -> Iterator[FrameRegions]:
        """The next frames, shot by shot; then forget all but what later paths need."""
        stop = self._done + count
        interval = usual_interval(self._held)
        reach = int(np.clip(round(REACH_SECONDS / interval), 1, MOST_REACH))
        self.tracker.lost_frames = max(1, round(LOST_SECONDS / interval))
        for first, last in shots(self._held, done=self._done, stop=stop):
            shot = self._held[first:last]
            picture = still_picture([each.grey for each in shot])
            due = range(max(first, self._done), min(last, stop))
            motions = [motion_along_paths(self._held, place, reach=reach) for place in due]
            masks = [
                region_mask(
                    self._held[place].grey,
                    None if self._held[place].camera else picture,
                    velocity,
                    interval=interval_at(self._held, place),
                )
                for place, (velocity, _) in zip(due, motions, strict=True)
            ]
            # Before the first frame is described, so that it knows sizes, too. A cut leads to another place.
            if self._usual is None or (first >= self._done and not shot[0].follows):
                self._usual = UsualSize(shot[0].grey.shape)
            for mask in masks[::SIZES_EVERY]:
                self._usual.add(components(mask)[1])
            for place, motion, mask in zip(due, motions, masks, strict=True):
                yield self._describe(place, motion, mask)
        kept = max(0, stop - MOST_REACH)
        del self._held[:kept]
        self._done = stop - kept

    def _describe(self, place: int, motion: tuple[np.ndarray, np.ndarray], mask: np.ndarray) -> FrameRegions:
        moment, (velocity, steps) = self._held[place], motion
        assert self._usual is not None
        boxes = region_boxes(mask, self._usual)
        people = self._with_detected(make_people(boxes), moment.picture)
        people = self.tracker(people.select(np.arange(min(len(people), self.settings.most))))
        small = cv2.resize(mask.astype(np.uint8), velocity.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
        height, width = mask.shape
        reduced = np.array([small.shape[1] / width, small.shape[0] / height] * 2)
        per_second = np.float32(1 / (height * interval_at(self._held, place)))
        length = np.sqrt(velocity[..., 0] ** 2 + velocity[..., 1] ** 2) * per_second
        parts = [speed_of_parts(each, small) for each in (length, steps * per_second)]
        speed = [region_speed(length, parts, small, box * reduced) for box in people.boxes]
        self._count += 1
        return FrameRegions(
            moment.picture,
            people.boxes,
            people.track_id,
            np.array(speed, np.float32).reshape(-1, len(SPEEDS)),
            people.keypoints,
            moment.seconds,
            cells_of(steps * per_second),
        )

    def _with_detected(self, found: People, picture: np.ndarray) -> People:
        """Regions that the detector found, first, and the components that none of them covers."""
        if self.find is None:
            return found
        if self._count % self.settings.detect_every == 0 or self._found is None:
            (self._found,) = self.find(picture[None])
        detected = self._found
        if not len(detected) or not len(found):
            return detected if len(detected) else found
        alone = overlap(found.boxes.astype(float), detected.boxes.astype(float)).max(axis=1) < COVERED
        left = found.select(alone)
        return make_people(
            np.concatenate([detected.boxes, left.boxes]),
            np.concatenate([detected.scores, left.scores]),
            np.concatenate([detected.keypoints, left.keypoints]),
        )
