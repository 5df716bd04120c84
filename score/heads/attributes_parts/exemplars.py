"""What is compared with normal examples: the vectors of crops and of poses, each with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from score.heads.attributes_parts.region_table import NOTHING, RegionTable

JOINTS = 17
POSE_WIDTH = 2 * JOINTS
SURE = 0.2  # confidence from which a joint is compared
FEWEST = 6  # joints of a pose


@dataclass(frozen=True)
class Exemplars:
    """n vectors [n, D] of the regions at frame [n] and place [n] of a table."""

    rows: Tensor
    frame: Tensor
    place: Tensor

    def spread(self, values: Tensor, like: Tensor) -> Tensor:
        """Values [n] at their regions [T, P], NaN at the others. like: any [T, P]."""
        spread = torch.full(like.shape, torch.nan, dtype=values.dtype, device=values.device)
        spread[self.frame, self.place] = values
        return spread

    def thinned(self, every: int) -> Exemplars:
        return Exemplars(self.rows[::every], self.frame[::every], self.place[::every])


def crops_of(table: RegionTable) -> Exemplars:
    """The features of crops as they are stored."""
    frame, number = (table.slot != NOTHING).nonzero(as_tuple=True)
    place = table.slot[frame, number]
    known = table.present[frame, place]
    frame, number, place = frame[known], number[known], place[known]
    return Exemplars(table.feature[frame, number], frame, place)


def poses_of(table: RegionTable) -> Exemplars:
    """Joints as shares of the box; those that are not seen lie in its middle."""
    if not table.pose.shape[1]:
        nothing = table.track.new_zeros(0)
        return Exemplars(table.pose.new_zeros(0, POSE_WIDTH), nothing, nothing)
    seen = table.pose[..., 2] >= SURE
    frame, place = (table.present & (seen.sum(dim=2) >= FEWEST)).nonzero(as_tuple=True)
    joints = torch.where(seen[..., None], table.pose[..., :2], 0.5)[frame, place]
    return Exemplars(joints.flatten(1), frame, place)


def examples_of(
    table: RegionTable, *, space: Callable[[Tensor], Tensor] | None, pose: bool
) -> dict[str, Exemplars]:
    """Attribute -> what is compared. space: of crops, None to leave them out."""
    found = {}
    if space is not None:
        crops = crops_of(table)
        found["crop"] = Exemplars(space(crops.rows), crops.frame, crops.place)
    if pose:
        found["pose"] = poses_of(table)
    return found
