"""The people of a clip as a graph: one node a person and frame, three adjacency matrices between them.

After Social-STGCNN (Mohamed et al., CVPR 2020, https://arxiv.org/abs/2002.11927) for the kernel of the
distance, and Reiss & Hoshen (https://arxiv.org/abs/2212.00789) for velocity and pose as what a person is. The
layout is in extract/scene/__init__.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.presets.scene import NODE_DIM, Scene
from extract.scene.body_direction import body_direction
from extract.scene.people import JOINTS, UNKNOWN_ID, People

AROUND = 2  # frames on either side between which a velocity is measured: boxes tremble
LEAST_ANGLE = 0.17  # sine between two lines of sight that still meet somewhere


@dataclass(frozen=True)
class ClipGraph:
    """nodes: float32 [T, P, 60]. node_mask: bool [T, P]. adjacency: float32 [T, 3, P, P].

    track_id: int64 [P].
    """

    nodes: np.ndarray
    node_mask: np.ndarray
    adjacency: np.ndarray
    track_id: np.ndarray


def clip_graph(
    frames: Sequence[People],
    *,
    seconds: np.ndarray,
    size: tuple[int, int],
    settings: Scene,
    flow: np.ndarray | None = None,
) -> ClipGraph:
    """The graph of one clip.

    frames: the people of each of its T frames. seconds: [T] when each is shown. size: width and height of the
    decoded frames. flow: [T, 2, H, W] in pixels of the resized picture to the next frame, or None.
    """
    length, places = len(frames), settings.persons
    nodes = np.zeros((length, places, NODE_DIM), np.float32)
    mask = np.zeros((length, places), bool)
    boxes, keypoints = np.zeros((length, places, 4)), np.zeros((length, places, len(JOINTS), 3))
    track_id, who = _places(frames, places)
    for frame, (seen, chosen) in enumerate(zip(frames, who, strict=True)):
        for place, person in chosen:
            mask[frame, place] = True
            boxes[frame, place], keypoints[frame, place] = seen.boxes[person], seen.keypoints[person]
            nodes[frame, place, 59] = seen.scores[person]
    width, height = size
    centres, sizes = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    velocity = _velocity(
        centres, sizes[..., 1], mask, np.asarray(seconds, float), identified=track_id != UNKNOWN_ID
    )
    nodes[..., 0:2], nodes[..., 2:4] = centres / (width, height), sizes / (width, height)
    nodes[..., 4:6] = velocity
    nodes[..., 6:57] = _relative(keypoints, boxes).reshape(length, places, -1)
    if flow is not None:
        nodes[..., 57:59] = _flow_in_boxes(flow, boxes, mask, np.asarray(seconds, float), size=size)
    nodes[~mask] = 0
    adjacency = np.stack(
        [
            frame_adjacency(
                boxes[frame],
                body_direction(boxes[frame], keypoints[frame], velocity[frame]),
                mask[frame],
                settings,
            )
            for frame in range(length)
        ]
    )
    return ClipGraph(nodes, mask, adjacency, track_id)


def frame_adjacency(boxes: np.ndarray, faces: np.ndarray, mask: np.ndarray, settings: Scene) -> np.ndarray:
    """float32 [3, P, P] of one frame: boxes [P, 4] in pixels, facing directions [P, 2] (zero = unknown), mask
    [P]."""
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    unit = (heights[:, None] + heights[None]) / 2  # what one box height is between two people
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    way = (centres[None] - centres[:, None]) / unit[..., None]  # [i, j]: from i to j
    distance = np.linalg.norm(way, axis=-1)
    toward = way / np.maximum(distance, 1e-9)[..., None]
    looks = np.maximum(np.einsum("ix,ijx->ij", faces, toward), 0)  # how far i faces j
    channels = np.stack(
        [np.exp(-((distance / settings.sigma) ** 2)), looks * looks.T, _target(way, faces, settings.reach)]
    )
    both = mask[:, None] & mask[None] & ~np.eye(len(mask), dtype=bool)
    return np.where(both, channels, 0).astype(np.float32)


def _target(way: np.ndarray, faces: np.ndarray, reach: float) -> np.ndarray:
    """Where the lines of sight of i and j meet before both: exp(-(a / reach)^2) of the longer way a to it,
    else 0."""
    own, other = faces[:, None], faces[None]
    cross = own[..., 0] * other[..., 1] - own[..., 1] * other[..., 0]
    meets = np.abs(cross) > LEAST_ANGLE
    safe = np.where(meets, cross, 1.0)
    along_own = (way[..., 0] * other[..., 1] - way[..., 1] * other[..., 0]) / safe
    along_other = (way[..., 0] * own[..., 1] - way[..., 1] * own[..., 0]) / safe
    ahead = meets & (along_own > 0) & (along_other > 0)
    farther = np.where(ahead, np.maximum(along_own, along_other), 0)
    return np.where(ahead, np.exp(-((farther / reach) ** 2)), 0)


def _places(frames: Sequence[People], places: int) -> tuple[np.ndarray, list[list[tuple[int, int]]]]:
    """(track_id [P], for each frame the pairs of place and person): who is seen longest, in order of ids.

    People without identity take the places that are left, the surest first, in each frame anew.
    """
    seen: dict[int, int] = {}
    for each in frames:
        for name in set(each.track_id.tolist()) - {UNKNOWN_ID}:
            seen[name] = seen.get(name, 0) + 1
    chosen = sorted(sorted(seen, key=lambda name: (-seen[name], name))[:places])
    track_id = np.full(places, UNKNOWN_ID, np.int64)
    track_id[: len(chosen)] = chosen
    place_of = {name: place for place, name in enumerate(chosen)}
    who = []
    for each in frames:
        order = np.lexsort((np.arange(len(each)), -each.scores))
        pairs = {
            place_of[name]: person
            for person in order[::-1]
            if (name := int(each.track_id[person])) in place_of
        }
        free = range(len(chosen), places)
        unnamed = [person for person in order if each.track_id[person] == UNKNOWN_ID]
        who.append([*pairs.items(), *zip(free, unnamed)])
    return track_id, who


def _velocity(
    centres: np.ndarray, heights: np.ndarray, mask: np.ndarray, seconds: np.ndarray, *, identified: np.ndarray
) -> np.ndarray:
    """[T, P, 2] box heights a second, between the outermost frames within AROUND with the person in them."""
    velocity = np.zeros_like(centres)
    for frame, place in zip(*np.nonzero(mask & identified)):
        first = max(0, frame - AROUND)
        near = first + np.flatnonzero(mask[first : frame + AROUND + 1, place])
        begin, end = near[0], near[-1]
        if (elapsed := seconds[end] - seconds[begin]) > 0:
            moved = centres[end, place] - centres[begin, place]
            velocity[frame, place] = moved / (elapsed * max(heights[frame, place], 1e-6))
    return velocity


def _relative(keypoints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Joints [T, P, 17, 3] as shares of their boxes; without confidence, zero."""
    corner, size = boxes[..., None, :2], np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-6)[..., None, :]
    known = keypoints[..., 2:] > 0
    return np.concatenate([(keypoints[..., :2] - corner) / size * known, keypoints[..., 2:]], axis=-1)


def _flow_in_boxes(
    flow: np.ndarray, boxes: np.ndarray, mask: np.ndarray, seconds: np.ndarray, *, size: tuple[int, int]
) -> np.ndarray:
    """[T, P, 2]: mean and largest length of the flow in each box, in box heights a second."""
    rows, columns = flow.shape[-2:]
    width, height = size
    frame_seconds = np.diff(seconds)
    frame_seconds = frame_seconds[frame_seconds > 0].mean() if (frame_seconds > 0).any() else 1.0
    lengths = np.hypot(
        flow[:, 0] * (width / columns), flow[:, 1] * (height / rows)
    )  # in pixels of the decoded frame
    found = np.zeros((*mask.shape, 2))
    for frame, place in zip(*np.nonzero(mask)):
        box = boxes[frame, place] * np.array([columns / width, rows / height] * 2)
        left, top = np.clip(np.floor(box[:2]).astype(int), 0, (columns - 1, rows - 1))
        right, bottom = np.maximum(
            np.ceil(np.minimum(box[2:], (columns, rows))).astype(int), (left + 1, top + 1)
        )
        inside = lengths[frame, top:bottom, left:right]
        unit = max(boxes[frame, place, 3] - boxes[frame, place, 1], 1e-6) * frame_seconds
        found[frame, place] = inside.mean() / unit, inside.max() / unit
    return found
