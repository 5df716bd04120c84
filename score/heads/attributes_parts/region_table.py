"""The regions of one bag, frame by frame, and means along their tracks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from score.bags.bags import Bags

NOTHING = -1  # of track and crop_slot: no region, no crop
FRAMES_AT_ONCE = 2048
USUAL_RATE = 10.0  # frames per second of stores that state no times: those that the settings were chosen at
LEAST_RATE, MOST_RATE = 0.1, 1000.0  # a store may come from anybody


@dataclass(frozen=True)
class RegionTable:
    """T frames of one video with P places for regions each.

    box: float32 [T, P, 4], left, top, right, bottom as shares of the frame. track: int64 [T, P], NOTHING
    where there is no region. speed: float32 [T, P, S] in frame heights per second. second: float64 [T], when
    each frame was seen. slot: int64 [T, K], the region of each crop, NOTHING without one. feature: [T, K, D].
    pose: float32 [T, P, 17, 3]. cells: float32 [T, R, C], the speed of each cell of the frame. The last four
    have no places in a store without them.
    """

    box: Tensor
    track: Tensor
    speed: Tensor
    second: Tensor
    slot: Tensor
    feature: Tensor
    pose: Tensor
    cells: Tensor

    @classmethod
    def of(cls, arrays: dict[str, Tensor]) -> RegionTable:
        """From the rows [T, ...] of the arrays of a store, as the preset regions makes them."""
        track = arrays["region_track"].long()
        length = len(track)
        slot = arrays.get("crop_slot", track.new_zeros(length, 0)).long()
        feature = arrays.get("crop_feature", torch.zeros(length, 0, 0, device=track.device))
        pose = arrays.get("region_pose", torch.zeros(length, 0, 17, 3, device=track.device))
        # A store may come from anybody: what is no number is no motion.
        nothing = track.new_zeros(length, 0, 0)
        speed, cells = (
            rows.float().nan_to_num(0.0, posinf=0.0, neginf=0.0)
            for rows in (arrays["region_speed"], arrays.get("speed", nothing))
        )
        slot = torch.where((slot >= 0) & (slot < track.shape[1]), slot, NOTHING)
        # A joint without a place has not been seen.
        known = pose.isfinite().all(dim=-1, keepdim=True)
        pose = torch.where(known, pose.float(), 0.0)
        usual = torch.arange(length, device=track.device)[:, None] / USUAL_RATE
        second = arrays.get("region_second", usual)[:, 0].double().nan_to_num(0.0)
        box = arrays["region_box"].float().nan_to_num(0.0)
        return cls(box, track, speed, second, slot, feature, pose, cells)

    @property
    def rate(self) -> float:
        """Frames per second, by the median of what lies between neighbouring frames."""
        apart = self.second.diff()
        apart = apart[(apart > 0) & apart.isfinite()]
        rate = 1 / float(apart.median()) if len(apart) else USUAL_RATE
        return min(max(rate, LEAST_RATE), MOST_RATE)

    @property
    def present(self) -> Tensor:
        """Bool [T, P]."""
        return self.track != NOTHING

    def highest(self, values: Tensor) -> Tensor:
        """The highest region of each frame, 0 without one: [T, P] -> [T]."""
        return values.masked_fill(~self.present, 0.0).amax(dim=1)

    def along_tracks(self, values: Tensor, *, reach: int) -> Tensor:
        """The mean of known values of the same track within `reach` frames: [T, P] -> [T, P].

        NaN = unknown, and where nothing is known within reach.
        """
        length = len(values)
        parts = [
            self._mean(values, first, min(first + FRAMES_AT_ONCE, length), reach)
            for first in range(0, length, FRAMES_AT_ONCE)
        ]
        return torch.cat(parts) if parts else values

    def _mean(self, values: Tensor, first: int, last: int, reach: int) -> Tensor:
        track = self.track[first:last]
        total, count = torch.zeros_like(values[first:last]), torch.zeros_like(values[first:last])
        for offset in range(-reach, reach + 1):
            begin, end = max(first + offset, 0), min(last + offset, len(values))
            if begin >= end:
                continue
            own = slice(begin - offset - first, end - offset - first)
            other = values[begin:end]
            same = track[own, :, None] == self.track[begin:end, None, :]  # [t, P, P]
            same &= (track[own] != NOTHING)[..., None] & ~other.isnan()[:, None, :]
            total[own] += (same * other.nan_to_num(0.0)[:, None, :]).sum(dim=2)
            count[own] += same.sum(dim=2)
        return torch.where(count > 0, total / count.clamp(min=1), torch.nan)


def tables_of(bags: Bags) -> list[RegionTable]:
    """The table of each bag, with its padding."""
    return [
        RegionTable.of({name: rows[place] for name, rows in bags.arrays.items()})
        for place in range(len(bags))
    ]
