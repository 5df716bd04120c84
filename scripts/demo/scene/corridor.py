"""A corridor with two lanes in which people keep apart, and three things that go wrong in it.

Normal: people walk to the right in the near lane and to the left in the far one, at 1.0 to 1.5 m/s, at least
4.5 m from each other.

    Appearance   somebody pushes a cart, at a walk
    Motion       somebody runs
    Graph        somebody catches up with another, at a walk, and stays close: only the distance is anomalous
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from scripts.demo.scene.background import Box, Surface, cast
from scripts.demo.scene.body import JOINTS, Motion, joints
from scripts.demo.scene.camera import FPS, HEIGHT, WIDTH, Camera
from scripts.demo.scene.drawing import SHIFT, Looks, Shape, paint, person

KINDS = ("Appearance", "Motion", "Graph")
LANES = ((6.5, 1), (12.0, -1))  # metres from the camera, direction
APART = 4.5  # metres between two people of one lane
TOGETHER, CLOSE = 0.7, 1.3  # metres: the distance in the end, and below which one it is anomalous
WALK, RUN = (1.0, 1.5), (3.6, 4.4)  # metres per second
SHIRTS = ((70, 70, 75), (150, 40, 40), (40, 60, 110), (190, 190, 185), (60, 90, 60), (95, 55, 95))
TROUSERS = ((40, 45, 70), (30, 30, 32), (85, 80, 70), (110, 95, 70))
CART = ((225, 60, 190), (245, 220, 60))  # colours of its side and its top
CART_SIZE = (1.0, 0.95, 0.6)  # length, height, depth in metres
NUMBER = {name: number for number, name in enumerate(JOINTS)}


@dataclass(frozen=True)
class Walker:
    """way: metres from where the lane enters the frame, at each frame [T]."""

    lane: int
    way: np.ndarray
    cart: bool = False
    anomalous: np.ndarray | None = None  # bool [T]


@dataclass(frozen=True)
class Body:
    """The truth about one person. boxes: [T, 4] and keypoints: [T, 17, 3] in pixels; present: bool [T]."""

    boxes: np.ndarray
    keypoints: np.ndarray
    present: np.ndarray


class Corridor:
    """The camera and its empty frame, which all videos share."""

    def __init__(self, seed: int):
        self.camera = Camera(height=4.6, tilt=0.46, focal=300.0, noise=2.0)
        floor = Surface("tiles", (0.66, 0.64, 0.58), (0.5, 0.49, 0.46), (0.9, 0.9), grain=0.03)
        wall = Surface("doors", (0.68, 0.67, 0.6), (0.36, 0.28, 0.22), (4.3, 4), grain=0.03)
        boxes = [
            Box((-80.0, -1.0, -6.0), (80.0, 0.0, 120.0), floor),
            Box((-40, 0, 15.0), (40, 6, 16.0), wall),
        ]
        self.sun = (0.05, 1.0, 0.08)
        self.background = cast(self.camera, boxes, self.sun, 0.75, seed)

    def edge(self, lane: int) -> float:
        """How many metres from the middle somebody is out of the frame."""
        return self.camera.half_width(LANES[lane][0]) + 0.7


class CorridorVideo:
    """One video. truth: bool [T]. bodies: indexed by track id. frames() yields frames and masks."""

    def __init__(self, corridor: Corridor, event_class: str, seconds: float, seed: list[int]):
        self.corridor, self.random = corridor, np.random.default_rng(seed)
        self.seconds = np.arange(round(seconds * FPS)) / FPS
        walkers = [walker for lane in range(len(LANES)) for walker in self._lane(lane)]
        if event_class != "Normal":
            walkers = self._with_event(walkers, event_class)
        self.truth = np.zeros(len(self.seconds), bool)
        self.shapes: list[Shape] = []
        self.anomalous: list[tuple[Shape, np.ndarray]] = []
        self.bodies: list[Body] = []
        for walker in walkers:
            self._add(walker)

    def _lane(self, lane: int) -> list[Walker]:
        """People one after the other, never closer than APART."""
        walkers, length = [], 2 * self.corridor.edge(lane)
        start, speed = float(self.random.uniform(-6, 1)), float(self.random.uniform(*WALK))
        while start < self.seconds[-1]:
            walkers.append(Walker(lane, speed * (self.seconds - start)))
            following = float(self.random.uniform(*WALK))
            soonest = max(start + APART / speed, start + length / speed - (length - APART) / following)
            start, speed = soonest + float(self.random.uniform(0.5, 5)), following
        return walkers

    def _with_event(self, walkers: list[Walker], event_class: str) -> list[Walker]:
        """Replace whoever is in the way in one lane."""
        lane, random, time = int(self.random.integers(len(LANES))), self.random, self.seconds
        length, middle = 2 * self.corridor.edge(lane), float(self.random.uniform(0.4, 0.6)) * self.seconds[-1]
        speed = float(random.uniform(*(RUN if event_class == "Motion" else WALK)))
        if event_class == "Graph":
            speed, faster = float(random.uniform(1.0, 1.1)), float(random.uniform(1.4, 1.5))
            leader = speed * (time - middle) + 0.55 * length
            gap = np.maximum(1.6 - (faster - speed) * (time - middle), TOGETHER)
            pair = [Walker(lane, leader), Walker(lane, leader - gap, anomalous=gap < CLOSE)]
            new = [replace(pair[0], anomalous=gap < CLOSE), pair[1]]
        else:
            way = speed * (time - middle) + (0.5 * length if event_class == "Motion" else 0)
            new = [Walker(lane, way, cart=event_class == "Appearance", anomalous=np.ones(len(time), bool))]
        others = [walker for walker in walkers if walker.lane != lane or not self._meets(walker, new, length)]
        return others + new

    def _meets(self, walker: Walker, new: list[Walker], length: float) -> bool:
        here = (walker.way > -1) & (walker.way < length + 1)
        return any((np.abs(walker.way - each.way)[here] < APART).any() for each in new)

    def _add(self, walker: Walker) -> None:
        camera, (z, direction) = self.corridor.camera, LANES[walker.lane]
        edge = self.corridor.edge(walker.lane)
        x = direction * (walker.way - edge)
        heading = np.full(len(x), direction * np.pi / 2)
        speed = np.abs(np.gradient(walker.way, 1 / FPS))
        rhythm, looks = float(self.random.uniform(0, 2 * np.pi)), self._looks()
        motion = Motion(np.stack([x, np.full(len(x), z)], axis=1), heading, speed, {}, self.seconds, rhythm)
        world = joints(motion, looks.stature)
        present = (walker.way > 0) & (walker.way < 2 * edge)
        shape = person(camera, world, looks, self.corridor.sun, present)
        self.shapes.append(shape)
        inside = shape.present & (np.abs(x) < edge - 0.7)
        self.bodies.append(Body(_boxes(shape), _keypoints(camera, world, direction), shape.present))
        if walker.anomalous is None:
            return
        planted = shape
        if walker.cart:
            planted = _cart(camera, x + 0.95 * direction, z, present)
            self.shapes.append(planted)
        self.anomalous.append((planted, walker.anomalous))
        self.truth |= walker.anomalous & inside

    def _looks(self) -> Looks:
        random = self.random
        shirt, trousers = (
            tuple(np.clip(np.array(table[random.integers(len(table))]) + random.uniform(-12, 12, 3), 0, 255))
            for table in (SHIRTS, TROUSERS)
        )
        return Looks(
            shirt=shirt, trousers=trousers, stature=random.normal(1.74, 0.06), bulk=random.uniform(0.95, 1.15)
        )

    def frames(self, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Frames, uint8 RGB [h, w, 3], and masks of the anomalous pixels, bool [h, w]; size is (w, h)."""
        noise = np.random.default_rng(self.random.integers(1 << 62))
        for frame in range(len(self.seconds)):
            picture = cv2.resize(
                paint(self.corridor.background, self.shapes, frame), size, interpolation=cv2.INTER_AREA
            )
            grain = noise.normal(0, self.corridor.camera.noise, picture.shape[:2])[..., None]
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            for shape, anomalous in self.anomalous if self.truth[frame] else ():
                if shape.present[frame] and anomalous[frame]:
                    for polygon in shape.polygons[frame]:
                        cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_8, SHIFT)
            small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 127
            yield np.clip(picture + grain, 0, 255).astype(np.uint8), small


def _boxes(shape: Shape) -> np.ndarray:
    flat = shape.polygons.reshape(len(shape.polygons), -1, 2) / (1 << SHIFT)
    boxes = np.concatenate([flat.min(axis=1), flat.max(axis=1)], axis=1)
    return np.clip(boxes, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])


def _keypoints(camera: Camera, world: np.ndarray, direction: int) -> np.ndarray:
    """COCO's 17 joints [T, 17, 3] of bodies that walk across; those outside the frame have confidence 0."""
    head = world[:, NUMBER["head"]]
    ahead = np.array([direction, 0.0, 0.0])
    left = np.array([0.0, 0.0, direction])  # away from the camera, or towards it
    face = [head + 0.11 * ahead]
    face += [head + 0.08 * ahead + side * 0.035 * left + [0, 0.03, 0] for side in (1, -1)]
    face += [head + side * 0.075 * left for side in (1, -1)]
    rest = [
        world[:, NUMBER[f"{name}_{side}"]]
        for name in ("shoulder", "elbow", "hand", "hip", "knee", "ankle")
        for side in "lr"
    ]
    pixels, _ = camera.project(np.stack(face + rest, axis=1))
    inside = np.asarray(((pixels >= 0) & (pixels < [WIDTH, HEIGHT])).all(axis=-1))
    return np.concatenate([pixels * inside[..., None], inside[..., None]], axis=-1)


def _cart(camera: Camera, x: np.ndarray, z: float, present: np.ndarray) -> Shape:
    """A box on the ground: its side towards the camera and its top."""
    length, height, depth = CART_SIZE
    near, far = z - depth / 2, z + depth / 2
    faces = [
        [
            (-length / 2, 0.1, near),
            (length / 2, 0.1, near),
            (length / 2, height, near),
            (-length / 2, height, near),
        ],
        [
            (-length / 2, height, near),
            (length / 2, height, near),
            (length / 2, height, far),
            (-length / 2, height, far),
        ],
    ]
    corners = np.array(faces)[None].repeat(len(x), axis=0)  # [T, 2, 4, 3]
    corners[..., 0] += x[:, None, None]
    pixels, away = camera.project(corners)
    polygons = np.clip(np.round(pixels * (1 << SHIFT)), -30000, 30000).astype(np.int32)
    ground = corners.copy()
    ground[..., 1] = 0.01
    shadow, _ = camera.project(ground)
    shadows = np.clip(np.round(shadow * (1 << SHIFT)), -30000, 30000).astype(np.int32)
    return Shape(polygons, away.mean(axis=2) - 0.2, list(CART), present=present, shadows=shadows)
