"""A scene graph as two images: the people, and the graph between them."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from extract.scene.body_direction import body_direction
from extract.scene.people import BONES, JOINTS, UNKNOWN_ID
from extract.scene.person_graph import ClipGraph

# Smaller frames are enlarged to this short side by a whole number.
SHORT_SIDE = 360
# Adjacency matrix -> RGB.
EDGES = (("distance", (255, 210, 60)), ("gaze", (255, 80, 200)), ("target", (70, 220, 255)))
# Edges of lower weight are left out.
MIN_EDGE = 0.05
# Brightness of the frame below the graph.
DIM = 0.45
GREY = (200, 200, 200)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_scene(frame: np.ndarray, graph: ClipGraph, number: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 RGB [H, W, 3] and frame `number` of its clip's graph -> (people, graph), both uint8 RGB [h, w,
    3].

    The first shows boxes in a colour for each identity, joints and bones; the second a disc for each person,
    an arrow where the person faces and a line per adjacency matrix, the thicker the closer.
    """
    height, width = frame.shape[:2]
    factor = max(1, -(-SHORT_SIDE // min(height, width)))
    shown = cv2.resize(frame, (width * factor, height * factor), interpolation=cv2.INTER_LINEAR)
    boxes, keypoints = _in_pixels(graph.nodes[number], width * factor, height * factor)
    people, below = shown.copy(), (shown * DIM).astype(np.uint8)
    seen = np.flatnonzero(graph.node_mask[number])
    for place in seen:
        _draw_person(people, boxes[place], keypoints[place], int(graph.track_id[place]))
    _draw_edges(below, boxes, graph.adjacency[number])
    faces = body_direction(boxes, keypoints, graph.nodes[number, :, 4:6])
    for place in seen:
        _draw_node(below, boxes[place], faces[place], int(graph.track_id[place]))
    _draw_legend(below)
    return people, below


def _in_pixels(nodes: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [P, 4] and joints [P, 17, 3] in pixels out of the numbers of the nodes [P, 60]."""
    scale = np.array([width, height])
    centres, sizes = nodes[:, 0:2] * scale, nodes[:, 2:4] * scale
    joints = nodes[:, 6:57].reshape(-1, len(JOINTS), 3).copy()
    joints[..., :2] = (centres - sizes / 2)[:, None] + joints[..., :2] * sizes[:, None]
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1), joints


def colour_of(track_id: int) -> tuple[int, int, int]:
    """RGB of an identity: neighbours in number are far apart in hue."""
    if track_id == UNKNOWN_ID:
        return GREY
    # steps of the golden angle
    red, green, blue = colorsys.hsv_to_rgb(track_id * 0.381966 % 1, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _draw_person(picture: np.ndarray, box: np.ndarray, joints: np.ndarray, track_id: int) -> None:
    colour = colour_of(track_id)
    left, top, right, bottom = (int(round(value)) for value in box)
    cv2.rectangle(picture, (left, top), (right, bottom), colour, 2, cv2.LINE_AA)
    places = np.round(joints[:, :2]).astype(int).tolist()
    for one, other in BONES:
        if joints[one, 2] > 0 and joints[other, 2] > 0:
            cv2.line(picture, places[one], places[other], (255, 255, 255), 1, cv2.LINE_AA)
    for place, confidence in zip(places, joints[:, 2], strict=True):
        if confidence > 0:
            cv2.circle(picture, place, 2, colour, -1, cv2.LINE_AA)
    name = "?" if track_id == UNKNOWN_ID else str(track_id)
    _write(picture, name, (left, max(top - 4, 12)), colour)


def _draw_edges(picture: np.ndarray, boxes: np.ndarray, adjacency: np.ndarray) -> None:
    """Three lines side by side between the centres of two people."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    for one, other in zip(*np.triu_indices(len(boxes), 1), strict=True):
        along = centres[other] - centres[one]
        aside = np.array([-along[1], along[0]]) / max(np.linalg.norm(along), 1e-6)
        for channel, (_, colour) in enumerate(EDGES):
            if (weight := float(adjacency[channel, one, other])) < MIN_EDGE:
                continue
            shift = 7 * (channel - 1) * aside
            begin, end = (np.round(centres[number] + shift).astype(int).tolist() for number in (one, other))
            shade = tuple(round(part * (0.35 + 0.65 * weight)) for part in colour)
            cv2.line(picture, begin, end, shade, 1 + round(4 * weight), cv2.LINE_AA)
            if channel == 0:
                middle = ((centres[one] + centres[other]) / 2 + [4, -4]).astype(int).tolist()
                _write(picture, f"{weight:.2f}", middle, colour)


def _draw_node(picture: np.ndarray, box: np.ndarray, face: np.ndarray, track_id: int) -> None:
    centre, colour = (box[:2] + box[2:]) / 2, colour_of(track_id)
    middle = tuple(np.round(centre).astype(int).tolist())
    if face.any():
        tip = tuple(np.round(centre + face * max(0.5 * (box[3] - box[1]), 18)).astype(int).tolist())
        cv2.arrowedLine(picture, middle, tip, (255, 255, 255), 2, cv2.LINE_AA, tipLength=0.25)
    cv2.circle(picture, middle, 7, colour, -1, cv2.LINE_AA)
    cv2.circle(picture, middle, 7, (20, 20, 20), 1, cv2.LINE_AA)


def _draw_legend(picture: np.ndarray) -> None:
    for row, (name, colour) in enumerate(EDGES):
        y = 18 + 18 * row
        cv2.line(picture, (8, y - 4), (30, y - 4), colour, 3, cv2.LINE_AA)
        _write(picture, name, (36, y), colour)


def _write(picture: np.ndarray, text: str, place, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, FONT, 0.5, (10, 10, 10), 3, cv2.LINE_AA)
    cv2.putText(picture, text, place, FONT, 0.5, colour, 1, cv2.LINE_AA)
