"""Bodies, bicycles and stones as rounded polygons, made for all frames at once, painted far before near."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from scripts.demo.scene.background import Background
from scripts.demo.scene.body import JOINTS
from scripts.demo.scene.camera import HEIGHT, WIDTH, Camera

SHIFT = 4  # binary digits below the pixel
NUMBER = {name: number for number, name in enumerate(JOINTS)}
Colour = tuple[float, float, float]  # RGB 0..255


@dataclass(frozen=True)
class Looks:
    """Clothes and build. bulk widens the body; coat: how far the jacket covers the thighs, 0..1."""

    shirt: Colour = (120, 60, 50)
    trousers: Colour = (40, 45, 70)
    skin: Colour = (205, 160, 130)
    hair: Colour = (50, 35, 25)
    shoes: Colour = (25, 25, 25)
    stature: float = 1.74
    bulk: float = 1.0
    coat: float = 0.0
    backpack: Colour | None = None


@dataclass
class Shape:
    """Something to paint.

    polygons: int32 [T, P, points, 2] in 1/16 pixel; shadows: the same, cast on the ground; colours: P;
    depths: metres [T, P]; present: bool [T]; box: int [T, 4], left, top, right, bottom; order: far first.
    """

    polygons: np.ndarray
    depths: np.ndarray
    colours: list[Colour]
    present: np.ndarray
    shadows: np.ndarray
    order: np.ndarray = field(init=False)
    box: np.ndarray = field(init=False)

    def __post_init__(self):
        self.order = np.argsort(-self.depths, axis=1, kind="stable")
        flat = self.polygons.reshape(len(self.polygons), -1, 2) >> SHIFT
        low, high = flat.min(axis=1) - 1, flat.max(axis=1) + 3
        limit = np.array([WIDTH, HEIGHT])
        self.box = np.concatenate([np.clip(low, 0, limit), np.clip(high, 0, limit)], axis=1)
        self.present = self.present & (self.box[:, 2] > self.box[:, 0]) & (self.box[:, 3] > self.box[:, 1])


def capsules(
    start: np.ndarray, end: np.ndarray, radius_start: np.ndarray, radius_end: np.ndarray
) -> np.ndarray:
    """Rounded limbs between pixels [..., 2] with radii [...], as polygons of ten points [..., 10, 2]."""
    along = end - start
    angle = np.arctan2(along[..., 1], along[..., 0])[..., None]
    quarter = np.linspace(-np.pi / 2, np.pi / 2, 5)
    points = []
    for centre, radius, turn in ((end, radius_end, 0.0), (start, radius_start, np.pi)):
        direction = angle + quarter + turn
        points.append(
            centre[..., None, :]
            + radius[..., None, None] * np.stack([np.cos(direction), np.sin(direction)], axis=-1)
        )
    return np.concatenate(points, axis=-2)


def person(
    camera: Camera, world: np.ndarray, looks: Looks, sun: tuple[float, float, float], present: np.ndarray
) -> Shape:
    """A clothed body of the joints [T, J, 3]."""
    polygons, depths, colours = _clothed(camera, world, looks)
    cast, _, _ = _clothed(camera, _on_ground(world, sun), looks)
    return Shape(polygons, depths, colours, present=present, shadows=cast)


def _on_ground(world: np.ndarray, sun: tuple[float, float, float]) -> np.ndarray:
    direction = np.array(sun, dtype=float)
    landed = world - direction * (world[..., 1:2] / direction[1])
    landed[..., 1] = 0.01
    return landed


def _clothed(camera: Camera, world: np.ndarray, looks: Looks) -> tuple[np.ndarray, np.ndarray, list[Colour]]:
    pixels, depth = camera.project(world)
    scale = camera.focal / depth * looks.stature * looks.bulk  # pixels of one body length

    def limb(first, last, radii, colour, reach=1.0, nearer=0.0):
        a, b = NUMBER[first], NUMBER[last]
        end = pixels[:, a] + reach * (pixels[:, b] - pixels[:, a])
        shape = capsules(pixels[:, a], end, radii[0] * scale[:, a], radii[1] * scale[:, b])
        return shape, (depth[:, a] + depth[:, b]) / 2 - nearer, colour

    dim = tuple(0.82 * part for part in looks.trousers)
    parts = []
    for side, cloth in (("l", dim), ("r", looks.trousers)):
        sleeve = tuple(part * (0.85 if side == "l" else 1.0) for part in looks.shirt)
        parts += [
            limb(f"ankle_{side}", f"toe_{side}", (0.028, 0.02), looks.shoes),
            limb(f"knee_{side}", f"ankle_{side}", (0.036, 0.026), cloth),
            limb(f"hip_{side}", f"knee_{side}", (0.052, 0.038), cloth),
            limb(f"shoulder_{side}", f"elbow_{side}", (0.034, 0.027), sleeve),
            limb(f"elbow_{side}", f"hand_{side}", (0.026, 0.02), sleeve, reach=0.85),
            limb(f"hand_{side}", f"hand_{side}", (0.024, 0.024), looks.skin),
        ]
        if looks.coat > 0:
            parts.append(
                limb(
                    f"hip_{side}", f"knee_{side}", (0.058, 0.056), looks.shirt, reach=looks.coat, nearer=0.02
                )
            )
    parts += [
        limb("pelvis", "neck", (0.068, 0.07), looks.shirt),
        limb("shoulder_l", "shoulder_r", (0.042, 0.042), looks.shirt),
        limb(
            "hip_l", "hip_r", (0.055, 0.055), looks.shirt if looks.coat > 0 else looks.trousers, nearer=-0.01
        ),
        limb("neck", "head", (0.028, 0.028), looks.skin),
        limb("head", "head", (0.056, 0.056), looks.skin),
        limb("hair", "hair", (0.055, 0.055), looks.hair),
    ]
    if looks.backpack:
        behind = world[:, NUMBER["hair"]] - world[:, NUMBER["head"]]  # the hair lies to the back of the head
        shifted = world[:, [NUMBER["pelvis"], NUMBER["neck"]]] + 3.6 * behind[:, None] * np.array([1, 0, 1])
        ends, far = camera.project(shifted)
        low, high = (ends[:, 0] + share * (ends[:, 1] - ends[:, 0]) for share in (0.35, 0.85))
        parts.append(
            (capsules(low, high, 0.065 * scale[:, 0], 0.06 * scale[:, 0]), far.mean(axis=1), looks.backpack)
        )
    polygons = np.stack([part[0] for part in parts], axis=1)
    return _fixed(polygons), np.stack([part[1] for part in parts], axis=1), [part[2] for part in parts]


def bicycle(
    camera: Camera, place: np.ndarray, heading: np.ndarray, colour: Colour, sun, present: np.ndarray
) -> Shape:
    """Two wheels and a frame under the rider at place [T, 2]."""
    hub, bracket, seat, bar = (-0.5, 0.33), (0.0, 0.3), (-0.15, 0.85), (0.38, 0.95)
    front, rim = (0.52, 0.33), [(0.33 * np.cos(a), 0.33 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 11)]
    black = (22, 22, 24)
    tubes = [
        (hub, bracket, colour),
        (bracket, seat, colour),
        (seat, (0.33, 0.75), colour),
        (bracket, (0.33, 0.75), colour),
        (hub, seat, colour),
        (front, bar, colour),
    ]
    for wheel in (hub, front):
        turned = [(wheel[0] + x, wheel[1] + y) for x, y in rim]
        tubes += [(a, b, black) for a, b in zip(turned, turned[1:], strict=False)]

    def world(point):
        x, z = place[:, 0] + point[0] * np.sin(heading), place[:, 1] + point[0] * np.cos(heading)
        return np.stack([x, np.full_like(x, point[1]), z], axis=-1)

    ends = np.stack([np.stack([world(a), world(b)], axis=1) for a, b, _ in tubes], axis=1)  # [T, P, 2, 3]
    colours = [tube[2] for tube in tubes]
    polygons, depths = _sticks(camera, ends)
    cast, _ = _sticks(camera, _on_ground(ends, sun))
    return Shape(polygons, depths, colours, present=present, shadows=cast)


def _sticks(camera: Camera, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels, depth = camera.project(ends)
    radius = 0.022 * camera.focal / depth
    return _fixed(capsules(pixels[:, :, 0], pixels[:, :, 1], radius[:, :, 0], radius[:, :, 1])), depth.mean(
        axis=2
    )


def ball(camera: Camera, world: np.ndarray, radius: float, colour: Colour, sun, present: np.ndarray) -> Shape:
    """A thrown thing at [T, 3], drawn long in the direction of its flight, as an exposure would show it."""
    trail = np.concatenate([world[:1], world[:-1]])
    trail = world + 0.35 * (trail - world)

    def blobs(start, end):
        (a, depth), (b, _) = camera.project(start), camera.project(end)
        size = np.maximum(radius * camera.focal / depth, 0.9)
        return _fixed(capsules(a, b, size, size)[:, None]), depth[:, None]

    polygons, depths = blobs(trail, world)
    cast, _ = blobs(_on_ground(trail, sun), _on_ground(world, sun))
    return Shape(polygons, depths, [colour], present=present, shadows=cast)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.clip(np.round(points * (1 << SHIFT)), -30000, 30000).astype(np.int32)


def paint(background: Background, shapes: list[Shape], frame: int) -> np.ndarray:
    """One frame, uint8 RGB [H, W, 3], as the light makes it; what stands before a person hides the person."""
    picture = background.lit.copy()
    here = [shape for shape in shapes if shape.present[frame]]
    _darken(picture, background, here, frame)
    for shape in sorted(here, key=lambda shape: -shape.depths[frame].mean()):
        left, top, right, bottom = shape.box[frame]
        region = (slice(top, bottom), slice(left, right))
        hidden = background.depth[region] < shape.depths[frame].mean() - 0.4
        before = picture[region].copy() if hidden.any() else None
        for part in shape.order[frame]:
            cv2.fillConvexPoly(picture, shape.polygons[frame, part], shape.colours[part], cv2.LINE_AA, SHIFT)
        if before is not None:
            np.copyto(picture[region], before, where=hidden[..., None])
    return picture


def _darken(picture: np.ndarray, background: Background, here: list[Shape], frame: int) -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    low, high = np.array([WIDTH, HEIGHT]), np.array([0, 0])
    for shape in here:
        polygons = shape.shadows[frame]
        for polygon in polygons:
            cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_AA, SHIFT)
        flat = polygons.reshape(-1, 2) >> SHIFT
        low, high = np.minimum(low, flat.min(axis=0) - 2), np.maximum(high, flat.max(axis=0) + 3)
    (left, top), (right, bottom) = np.clip(low, 0, None), np.minimum(high, [WIDTH, HEIGHT])
    if left >= right or top >= bottom:
        return
    region = (slice(top, bottom), slice(left, right))
    share = cv2.bitwise_and(mask[region], background.ground[region]).astype(np.int16)[..., None]
    lit, shadow = background.lit[region].astype(np.int16), background.shadow[region].astype(np.int16)
    picture[region] = lit + (shadow - lit) * (share >> 1) // 128
