"""The people of a clip as a graph: one node per person and frame, three adjacency matrices between them.

The distance kernel follows Social-STGCNN (Mohamed et al., CVPR 2020, https://arxiv.org/abs/2002.11927);
velocity and pose as node features follow Reiss & Hoshen (https://arxiv.org/abs/2212.00789). The layout is in
extract/scene/__init__.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.presets.scene_preset import NODE_DIM, Scene
from extract.scene.body_direction import body_direction
from extract.scene.people import JOINTS, UNKNOWN_ID, People

VELOCITY_REACH = 2  # frames on either side between which velocity is measured, because boxes jitter
MIN_ANGLE = 0.17  # sine of the angle between two lines of sight; flatter ones have no usable intersection


@dataclass(frozen=True)
class ClipGraph:
    """The graph of one clip of T frames with P slots for people."""

    nodes: np.ndarray  # float32 [T, P, 60]
    node_mask: np.ndarray  # bool [T, P]
    adjacency: np.ndarray  # float32 [T, 3, P, P]
    track_id: np.ndarray  # int64 [P]


def clip_graph(
    frames: Sequence[People],
    *,
    seconds: np.ndarray,
    size: tuple[int, int],
    settings: Scene,
    flow: np.ndarray | None = None,
) -> ClipGraph:
    """The graph of one clip.

    frames: the people of each of its T frames. seconds: [T], when each frame is shown. size: width and height
    of the decoded frames. flow: [T, 2, H, W] to the next frame in pixels of the resized frame, or None.
    """
    length, slots = len(frames), settings.persons
    nodes = np.zeros((length, slots, NODE_DIM), np.float32)
    mask = np.zeros((length, slots), bool)
    boxes, keypoints = np.zeros((length, slots, 4)), np.zeros((length, slots, len(JOINTS), 3))
    track_id, assignment = _assign_slots(frames, slots)
    for frame, (people, pairs) in enumerate(zip(frames, assignment, strict=True)):
        for slot, person in pairs:
            mask[frame, slot] = True
            boxes[frame, slot], keypoints[frame, slot] = people.boxes[person], people.keypoints[person]
            nodes[frame, slot, 59] = people.scores[person]
    seconds = np.asarray(seconds, float)
    centres, sizes = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    velocity = _velocity(centres, sizes[..., 1], mask, seconds, identified=track_id != UNKNOWN_ID)
    nodes[..., 0:2], nodes[..., 2:4] = centres / size, sizes / size
    nodes[..., 4:6] = velocity
    nodes[..., 6:57] = _relative_joints(keypoints, boxes).reshape(length, slots, -1)
    if flow is not None:
        nodes[..., 57:59] = _flow_in_boxes(flow, boxes, mask, seconds, size=size)
    nodes[~mask] = 0
    directions = [body_direction(*each) for each in zip(boxes, keypoints, velocity, strict=True)]
    adjacency = [frame_adjacency(*each, settings) for each in zip(boxes, directions, mask, strict=True)]
    return ClipGraph(nodes, mask, np.stack(adjacency), track_id)


def frame_adjacency(
    boxes: np.ndarray, directions: np.ndarray, mask: np.ndarray, settings: Scene
) -> np.ndarray:
    """float32 [3, P, P] of one frame: distance, mutual gaze and shared target of every two people.

    boxes: [P, 4] in pixels. directions: [P, 2], unit vectors or zero for unknown. mask: bool [P].
    """
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    unit = (heights[:, None] + heights[None]) / 2  # mean box height of two people
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    offset = (centres[None] - centres[:, None]) / unit[..., None]  # [i, j]: from i to j
    distance = np.linalg.norm(offset, axis=-1)
    toward = offset / np.maximum(distance, 1e-9)[..., None]
    gaze = np.maximum(np.einsum("ix,ijx->ij", directions, toward), 0)  # how directly i faces j
    channels = np.stack(
        [
            np.exp(-((distance / settings.sigma) ** 2)),
            gaze * gaze.T,
            _shared_target(offset, directions, settings.reach),
        ]
    )
    # No self loops: a head adds them itself.
    both = mask[:, None] & mask[None] & ~np.eye(len(mask), dtype=bool)
    return np.where(both, channels, 0).astype(np.float32)


def _shared_target(offset: np.ndarray, directions: np.ndarray, reach: float) -> np.ndarray:
    """[P, P]: exp(-(a / reach)^2), 0 where the lines of sight of i and j do not meet in front of both.

    a: the longer of the two distances to their intersection. offset: [i, j] from i to j, in box heights.
    """
    own, other = directions[:, None], directions[None]
    cross = own[..., 0] * other[..., 1] - own[..., 1] * other[..., 0]
    meets = np.abs(cross) > MIN_ANGLE
    # Solve offset = a * own - b * other for the distances a and b; 1 avoids a division by zero.
    safe = np.where(meets, cross, 1.0)
    along_own = (offset[..., 0] * other[..., 1] - offset[..., 1] * other[..., 0]) / safe
    along_other = (offset[..., 0] * own[..., 1] - offset[..., 1] * own[..., 0]) / safe
    ahead = meets & (along_own > 0) & (along_other > 0)
    farther = np.where(ahead, np.maximum(along_own, along_other), 0)
    return np.where(ahead, np.exp(-((farther / reach) ** 2)), 0)


def _assign_slots(frames: Sequence[People], slots: int) -> tuple[np.ndarray, list[list[tuple[int, int]]]]:
    """track_id [P], and for each frame its pairs (slot, person).

    The people visible in most frames get a slot each, ordered by id. People without identity fill the slots
    that are left, the most confident first, separately in each frame.
    """
    visible: dict[int, int] = {}  # track id -> number of frames
    for people in frames:
        for name in set(people.track_id.tolist()) - {UNKNOWN_ID}:
            visible[name] = visible.get(name, 0) + 1
    chosen = sorted(sorted(visible, key=lambda name: (-visible[name], name))[:slots])
    track_id = np.full(slots, UNKNOWN_ID, np.int64)
    track_id[: len(chosen)] = chosen
    slot_of = {name: slot for slot, name in enumerate(chosen)}
    assignment = []
    for people in frames:
        # Most confident first; ties keep the detector's order.
        order = np.lexsort((np.arange(len(people)), -people.scores))
        pairs = {
            slot_of[name]: person
            for person in order[::-1]  # so that of two people with one id, the more confident stays
            if (name := int(people.track_id[person])) in slot_of
        }
        free = range(len(chosen), slots)
        unidentified = [person for person in order if people.track_id[person] == UNKNOWN_ID]
        assignment.append([*pairs.items(), *zip(free, unidentified, strict=False)])
    return track_id, assignment


def _velocity(
    centres: np.ndarray, heights: np.ndarray, mask: np.ndarray, seconds: np.ndarray, *, identified: np.ndarray
) -> np.ndarray:
    """[T, P, 2] box heights per second, between the outermost frames within reach that show the person."""
    velocity = np.zeros_like(centres)
    for frame, slot in np.argwhere(mask & identified):
        first = max(0, frame - VELOCITY_REACH)
        near = first + np.flatnonzero(mask[first : frame + VELOCITY_REACH + 1, slot])
        begin, end = near[0], near[-1]
        if (elapsed := seconds[end] - seconds[begin]) > 0:
            moved = centres[end, slot] - centres[begin, slot]
            velocity[frame, slot] = moved / (elapsed * max(heights[frame, slot], 1e-6))
    return velocity


def _relative_joints(keypoints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Joints [T, P, 17, 3] relative to their boxes; zero where the confidence is zero."""
    corner, size = boxes[..., None, :2], np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-6)[..., None, :]
    known = keypoints[..., 2:] > 0
    return np.concatenate([(keypoints[..., :2] - corner) / size * known, keypoints[..., 2:]], axis=-1)


def _flow_in_boxes(
    flow: np.ndarray, boxes: np.ndarray, mask: np.ndarray, seconds: np.ndarray, *, size: tuple[int, int]
) -> np.ndarray:
    """[T, P, 2]: mean and maximum magnitude of the flow in each box, in box heights per second."""
    rows, columns = flow.shape[-2:]
    width, height = size
    steps = np.diff(seconds)
    frame_seconds = steps[steps > 0].mean() if (steps > 0).any() else 1.0
    # In pixels of the decoded frame, as the boxes are.
    magnitude = np.hypot(flow[:, 0] * (width / columns), flow[:, 1] * (height / rows))
    result = np.zeros((*mask.shape, 2))
    for frame, slot in np.argwhere(mask):
        box = boxes[frame, slot] * np.array([columns / width, rows / height] * 2)
        # At least one pixel, so that a box thinner than a pixel of the flow still has a mean.
        left, top = np.clip(np.floor(box[:2]).astype(int), 0, (columns - 1, rows - 1))
        right, bottom = np.maximum(
            np.ceil(np.minimum(box[2:], (columns, rows))).astype(int), (left + 1, top + 1)
        )
        inside = magnitude[frame, top:bottom, left:right]
        unit = max(boxes[frame, slot, 3] - boxes[frame, slot, 1], 1e-6) * frame_seconds
        result[frame, slot] = inside.mean() / unit, inside.max() / unit
    return result
