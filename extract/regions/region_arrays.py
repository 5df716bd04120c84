"""The regions of a frame as arrays of fixed shapes, as a store keeps them.

region_box      float32 [P, 4]        left, top, right, bottom as shares of the frame; 0 without a region
region_track    int32 [P]             -1 without a region
region_speed    float32 [P, S]        see extract/regions/region_speed.py, in frame heights per second
region_pose     float16 [P, 17, 3]    joints as shares of the box, confidence; of detectors with poses
region_second   float64 [1]           when the frame was seen, by the true clock
speed           float32 [R, C]        of the frame's cells, see cell_speed.py; with regions.cells
crop_slot       int16 [K]             the region of each crop, -1 without one
crop_feature    float16 [K, D]        what a network says of the crop; without these two if there is none
"""

from __future__ import annotations

import numpy as np

from extract.presets.region_preset import SPEEDS, Regions
from extract.regions.region_stream import FrameRegions

NOTHING = -1
LARGEST = np.finfo(np.float16).max


class RegionArrays:
    """The frames of one video, in order. feature_dim: D, 0 without a network."""

    def __init__(self, settings: Regions, *, feature_dim: int):
        self.settings, self.feature_dim = settings, feature_dim
        self._frame = 0

    def due(self, track_id: np.ndarray) -> list[int]:
        """The regions of the next frame that a crop is made of: each track takes its turn."""
        if not self.feature_dim:
            return []
        every = self.settings.crop_every
        turn = [slot for slot, each in enumerate(track_id.tolist()) if (self._frame + each) % every == 0]
        self._frame += 1
        return turn[: self.settings.crops_kept]

    def rows(self, frame: FrameRegions, slots: list[int], features: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of one frame. slots, features [n, D]: of its crops."""
        most, count = self.settings.most, len(frame.boxes)
        height, width = frame.picture.shape[:2]
        box = np.zeros((most, 4), np.float32)
        box[:count] = frame.boxes / np.array([width, height] * 2, np.float32)
        track = np.full(most, NOTHING, np.int32)
        track[:count] = frame.track_id
        speed = np.zeros((most, len(SPEEDS)), np.float32)
        speed[:count] = frame.speed
        rows = {"region_box": box, "region_track": track, "region_speed": speed}
        rows["region_second"] = np.array([frame.second])
        if self.settings.cells:
            rows["speed"] = frame.cells
        if self.settings.has_pose:
            rows["region_pose"] = _poses(frame, most)
        if self.feature_dim:
            slot = np.full(self.settings.crops_kept, NOTHING, np.int16)
            slot[: len(slots)] = slots
            feature = np.zeros((self.settings.crops_kept, self.feature_dim), np.float16)
            feature[: len(slots)] = np.clip(features, -LARGEST, LARGEST)
            rows |= {"crop_slot": slot, "crop_feature": feature}
        return rows


def _poses(frame: FrameRegions, most: int) -> np.ndarray:
    pose = np.zeros((most, *frame.keypoints.shape[1:]), np.float16)
    corner, size = frame.boxes[:, None, :2], frame.boxes[:, None, 2:] - frame.boxes[:, None, :2]
    place = (frame.keypoints[..., :2] - corner) / np.maximum(size, 1e-6)
    known = frame.keypoints[..., 2:] > 0
    pose[: len(frame.boxes), :, :2] = np.clip(place * known, -10, 10)
    pose[: len(frame.boxes), :, 2:] = frame.keypoints[..., 2:]
    return pose
