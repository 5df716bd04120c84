"""Where the cameras hang: five kinds of places, each a list of boxes, and where people may walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.demo.scene.background import Box, Surface
from scripts.demo.scene.camera import Camera

EVERYWHERE = ((-80.0, -1.0, -6.0), (80.0, 0.0, 120.0))
GREY, DARK, GLASS = (0.55, 0.55, 0.54), (0.12, 0.12, 0.13), (0.16, 0.2, 0.25)
CAR_COLOURS = (
    (0.62, 0.1, 0.1),
    (0.75, 0.76, 0.78),
    (0.15, 0.2, 0.4),
    (0.1, 0.1, 0.11),
    (0.3, 0.42, 0.35),
    (0.8, 0.78, 0.7),
)


@dataclass(frozen=True)
class Place:
    """boxes: what stands there, the ground first. area: x from, x to, z from, z to of where people walk.

    gates: (x, z) out of sight where they come from and go to; indoor places have soft light from above.
    """

    boxes: list[Box]
    area: tuple[float, float, float, float]
    gates: list[tuple[float, float]]
    sun: tuple[float, float, float] = (-0.6, 1.0, -0.5)
    ambient: float = 0.6


def _box(x: float, y: float, z: float, size: tuple[float, float, float], surface: Surface) -> Box:
    """A box by the centre of its lower face, its width, height and depth."""
    width, height, depth = size
    return Box((x - width / 2, y, z - depth / 2), (x + width / 2, y + height, z + depth / 2), surface)


def _car(x: float, z: float, colour: tuple[float, float, float], along: bool = False) -> list[Box]:
    """A parked car, lengthwise along z or across the frame."""
    paint, glass, tyre = (
        Surface("plain", colour, grain=0.02),
        Surface("plain", GLASS, grain=0.02),
        Surface("plain", DARK),
    )
    turned = (lambda w, h, d: (d, h, w)) if along else (lambda w, h, d: (w, h, d))
    wheels = [(side * 1.3, front * 0.8) for side in (-1, 1) for front in (-1, 1)]
    parts = [
        _box(x + (b if along else a), 0, z + (a if along else b), turned(0.62, 0.6, 0.2), tyre)
        for a, b in wheels
    ]
    parts.append(_box(x, 0.28, z, turned(4.2, 0.6, 1.75), paint))
    parts.append(_box(x, 0.88, z, turned(2.3, 0.46, 1.6), glass))
    return [*parts, _box(x, 1.34, z, turned(2.1, 0.08, 1.5), paint)]


def _side_gates(camera: Camera, depths: tuple[float, ...]) -> list[tuple[float, float]]:
    return [(side * (camera.half_width(z) + 1.0), z) for z in depths for side in (-1, 1)]


def plaza(camera: Camera, random: np.random.Generator) -> Place:
    """Paving before a building, planters at the edges."""
    paving = Surface(
        "tiles", tuple(np.array([0.6, 0.57, 0.52]) * random.uniform(0.85, 1.1)), (0.4, 0.38, 0.36), (1.2, 1.2)
    )
    wall = Surface(
        "windows", tuple(random.uniform([0.5, 0.36, 0.3], [0.72, 0.55, 0.45])), (0.2, 0.26, 0.32), (2.6, 3.0)
    )
    green, stone = Surface("plain", (0.2, 0.34, 0.14), grain=0.4), Surface("plain", GREY)
    boxes = [Box(*EVERYWHERE, paving), _box(0, 0, 23, (70, 9, 6), wall)]
    for x, z in ((-6.0, 15.5), (-1.5, 17.5), (4.0, 17.5), (8.5, 15.5)):
        x += random.uniform(-1, 1)
        boxes += [_box(x, 0, z, (1.6, 0.5, 1.0), stone), _box(x, 0.5, z, (1.4, 0.5, 0.8), green)]
    post = random.uniform(-3, 3)
    boxes.append(_box(post, 0, 9.5, (0.14, 5, 0.14), Surface("plain", (0.2, 0.22, 0.22))))
    gates = [*_side_gates(camera, (6.5, 9.0, 12.0, 14.0)), (-1.5, camera.nearest()), (1.5, camera.nearest())]
    return Place(boxes, (-4.5, 4.5, 5.5, 14.0), gates, sun=(random.choice([-0.7, 0.7]), 1.0, -0.45))


def street(camera: Camera, random: np.random.Generator) -> Place:
    """A pavement, a road with parked cars on its far side, houses."""
    slabs = Surface("tiles", (0.56, 0.55, 0.53), (0.42, 0.42, 0.41), (0.8, 0.8))
    asphalt = Surface("plain", (0.3, 0.3, 0.31), grain=0.1)
    houses = Surface(
        "windows", tuple(random.uniform([0.45, 0.4, 0.33], [0.7, 0.62, 0.55])), GLASS, (2.2, 3.2)
    )
    white, kerb = Surface("plain", (0.8, 0.8, 0.77)), Surface("plain", (0.66, 0.65, 0.63))
    boxes = [Box(*EVERYWHERE, slabs), Box((-80, -0.5, 9.6), (80, 0.01, 16.4), asphalt)]
    boxes += [Box((-80, 0, z), (80, 0.1, z + 0.2), kerb) for z in (9.4, 16.4)]
    boxes += [Box((x, 0, 12.9), (x + 1.5, 0.02, 13.05), white) for x in range(-24, 24, 4)]
    boxes.append(_box(0, 0, 22, (90, 10, 6), houses))
    for x in np.arange(-12, 13, 5.4) + random.uniform(-2, 2):
        if random.random() < 0.7:
            boxes += _car(x, 15.3, CAR_COLOURS[random.integers(len(CAR_COLOURS))])
    boxes.append(_box(random.uniform(-3, 3), 0, 9.0, (0.12, 4.5, 0.12), Surface("plain", (0.25, 0.26, 0.25))))
    gates = [*_side_gates(camera, (6.0, 7.5, 8.6, 12.0)), (random.uniform(-1, 1), camera.nearest())]
    return Place(boxes, (-4.0, 4.0, 5.2, 12.5), gates, sun=(random.choice([-0.5, 0.8]), 1.0, -0.3))


def car_park(camera: Camera, random: np.random.Generator) -> Place:
    """Asphalt with bays, a row of cars at the back and single ones at the sides."""
    asphalt = Surface("plain", tuple(np.array([0.4, 0.4, 0.41]) * random.uniform(0.8, 1.2)), grain=0.12)
    white, fence = (
        Surface("plain", (0.78, 0.78, 0.74)),
        Surface("bricks", (0.5, 0.4, 0.34), (0.4, 0.33, 0.3), (0.6, 0.3)),
    )
    boxes = [Box(*EVERYWHERE, asphalt), _box(0, 0, 20.5, (80, 2.4, 0.4), fence)]
    offset = random.uniform(-1, 1)
    for bay in np.arange(-13.5, 14, 2.7) + offset:
        boxes.append(Box((bay, 0, 14.4), (bay + 0.12, 0.02, 19.4), white))
        if random.random() < 0.65:
            boxes += _car(
                bay + 1.4,
                17.0 + random.uniform(-0.3, 0.3),
                CAR_COLOURS[random.integers(len(CAR_COLOURS))],
                along=True,
            )
    side = random.choice([-1, 1])
    boxes += _car(
        side * random.uniform(5.2, 6.0), 9.5, CAR_COLOURS[random.integers(len(CAR_COLOURS))], along=True
    )
    gates = [*_side_gates(camera, (5.5, 7.0, 12.5, 13.6)), (0.8, camera.nearest()), (-2.0, camera.nearest())]
    return Place(boxes, (-3.8, 3.8, 5.0, 13.5), gates, sun=(side * 0.9, 1.0, -0.2), ambient=0.55)


def hall(camera: Camera, random: np.random.Generator) -> Place:
    """A hall with doors at the back, openings in both side walls and pillars."""
    floor = Surface(
        "tiles",
        tuple(random.uniform([0.62, 0.6, 0.55], [0.78, 0.76, 0.7])),
        (0.5, 0.49, 0.46),
        (0.9, 0.9),
        grain=0.03,
    )
    wall = Surface(
        "doors",
        tuple(random.uniform([0.6, 0.6, 0.55], [0.78, 0.75, 0.68])),
        (0.34, 0.26, 0.2),
        (4.3, 4),
        grain=0.03,
    )
    pillar = Surface("plain", (0.5, 0.5, 0.48), grain=0.03)
    half = 5.2
    boxes = [
        Box(*EVERYWHERE, floor),
        _box(0, 0, 18.5, (30, 5, 1), wall),
        Box((-40, 4.6, -6), (40, 5, 60), pillar),
    ]
    for side in (-1, 1):
        for start, stop in ((1.0, 6.2), (8.4, 12.4), (14.4, 18.2)):
            boxes.append(_box(side * (half + 0.25), 0, (start + stop) / 2, (0.5, 4.6, stop - start), wall))
        boxes.append(_box(side * (half + 6), 0, 10, (0.5, 4.6, 30), pillar))
    boxes += [_box(side * 3.9, 0, z, (0.5, 4.6, 0.5), pillar) for side in (-1, 1) for z in (10.5,)]
    gates = [(side * (half + 1.6), z) for side in (-1, 1) for z in (7.3, 13.4)]
    gates += [(-1.2, camera.nearest()), (1.4, camera.nearest())]
    return Place(boxes, (-2.9, 2.9, 5.5, 14.5), gates, sun=(0.05, 1.0, 0.08), ambient=0.72)


def park(camera: Camera, random: np.random.Generator) -> Place:
    """A wide path between lawns, hedges and trees."""
    lawn = Surface("plain", tuple(random.uniform([0.24, 0.34, 0.15], [0.34, 0.44, 0.2])), grain=0.22)
    gravel, wood = (
        Surface("plain", (0.6, 0.54, 0.44), grain=0.12),
        Surface("plain", (0.3, 0.23, 0.17), grain=0.15),
    )
    leaves = Surface("plain", (0.16, 0.27, 0.12), grain=0.5)
    boxes = [Box(*EVERYWHERE, lawn), Box((-80, -0.5, 6.4), (80, 0.02, 11.0), gravel)]
    boxes += [_box(x, 0, 15.5, (5.5, random.uniform(0.9, 1.5), 1.2), leaves) for x in (-9.0, -2.6, 4.0, 11.0)]
    boxes += [
        _box(x, 0, z, (0.36, 7, 0.36), wood)
        for x, z in ((-5.0, 13.5), (2.0 + random.uniform(-1, 1), 12.8), (7.5, 14.0))
    ]
    boxes += [
        Box((x, y, 19 + x % 2), (x + 4.2, y + 4.5, 24), leaves)
        for x, y in zip(range(-24, 24, 4), random.uniform(0, 1.2, 12), strict=True)
    ]
    boxes += [_box(-1.5 + random.uniform(-2, 2), 0.0, 11.6, (1.8, 0.45, 0.5), wood)]
    gates = [*_side_gates(camera, (7.0, 8.5, 10.0, 10.6)), (1.0, camera.nearest())]
    return Place(
        boxes, (-4.2, 4.2, 5.8, 11.0), gates, sun=(random.choice([-1.1, 1.1]), 1.0, 0.4), ambient=0.5
    )


PLACES = {"plaza": plaza, "street": street, "car_park": car_park, "hall": hall, "park": park}
