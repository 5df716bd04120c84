"""The empty scene of a camera, ray-cast once: its colours in light and in shadow, and its depth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from scripts.demo.scene.camera import HEIGHT, WIDTH, Camera

OVERSAMPLING = 2
FAR = 1e4


@dataclass(frozen=True)
class Surface:
    """The look of a face. colour and joint: RGB in [0, 1]; size: metres per tile; grain: how dirty it is."""

    pattern: str
    colour: tuple[float, float, float]
    joint: tuple[float, float, float] = (0.25, 0.25, 0.25)
    size: tuple[float, float] = (1.0, 1.0)
    grain: float = 0.08


@dataclass(frozen=True)
class Box:
    """A thing with six faces between two corners (x, y, z)."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    surface: Surface


@dataclass(frozen=True)
class Background:
    """lit and shadow: uint8 RGB [H, W, 3] of the scene in and out of the light; depth: metres [H, W];
    ground: uint8 [H, W], 255 where a shadow can fall."""

    lit: np.ndarray
    shadow: np.ndarray
    depth: np.ndarray
    ground: np.ndarray


def cast(
    camera: Camera, boxes: list[Box], sun: tuple[float, float, float], ambient: float, seed: int
) -> Background:
    """Look through every pixel at the nearest face.

    sun: direction to the light; ambient: share of the light that reaches shadows; boxes[0] is the ground.
    """
    rays = camera.rays(OVERSAMPLING)
    origin = np.array([0, camera.height, 0], dtype=np.float32)
    depth, which, axis = _nearest_hit(camera, origin, rays, boxes)
    points = origin + rays * depth[..., None]
    noise = _noise_field(np.random.default_rng(seed))
    albedo = np.zeros(rays.shape, dtype=np.float32)
    for number, box in enumerate(boxes):
        for face in range(3):
            chosen = (which == number) & (axis == face)
            if chosen.any():
                albedo[chosen] = _paint(box.surface, points[chosen], face, noise)
    sky = which < 0
    albedo[sky] = np.array([0.72, 0.78, 0.86]) - 0.1 * np.clip(rays[..., 1][sky] * 3, 0, 1)[:, None]
    facing = np.array([0.55, 1.0, 0.7], dtype=np.float32)[axis]  # light on faces across x, y and z
    shaded = _in_shadow(camera, points, np.array(sun, dtype=np.float32), boxes) & ~sky
    dark = albedo * np.where(sky, 1.0, ambient * facing)[..., None]
    light = np.where(shaded[..., None], dark, albedo * np.where(sky, 1.0, facing)[..., None])
    small = (WIDTH, HEIGHT)
    lit, shadow = (
        cv2.resize(np.clip(image * 255, 0, 255), small, interpolation=cv2.INTER_AREA)
        for image in (light, dark)
    )
    half = OVERSAMPLING // 2
    return Background(
        lit=lit.astype(np.uint8),
        shadow=shadow.astype(np.uint8),
        depth=np.ascontiguousarray(depth[half::OVERSAMPLING, half::OVERSAMPLING]),
        ground=np.ascontiguousarray(
            (~sky & (points[..., 1] < 0.15))[half::OVERSAMPLING, half::OVERSAMPLING]
        ).astype(np.uint8)
        * 255,
    )


def _entry(origin: np.ndarray, rays: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """How far along each ray the box begins (FAR where it is missed), and the axis of the face it meets."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low = (np.array(box.low, dtype=np.float32) - origin) / rays
        high = (np.array(box.high, dtype=np.float32) - origin) / rays
    enter, leave = np.fmin(low, high), np.fmax(low, high)
    start, stop = enter.max(axis=-1), leave.min(axis=-1)
    return np.where((start < stop) & (start > 1e-3), start, FAR).astype(np.float32), enter.argmax(axis=-1)


def _nearest_hit(
    camera: Camera, origin: np.ndarray, rays: np.ndarray, boxes: list[Box]
) -> tuple[np.ndarray, ...]:
    """Depth, number of the box (-1 for the sky) and axis of the face, each [H, W]."""
    depth = np.full(rays.shape[:2], FAR, dtype=np.float32)
    which = np.full(rays.shape[:2], -1)
    axis = np.zeros(rays.shape[:2], dtype=int)
    for number, box in enumerate(boxes):
        window = _window(camera, _corners(box))
        start, face = _entry(origin, rays[window], box)
        nearer = start < depth[window]
        depth[window][nearer], which[window][nearer], axis[window][nearer] = (
            start[nearer],
            number,
            face[nearer],
        )
    return depth, which, axis


def _in_shadow(camera: Camera, points: np.ndarray, sun: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """bool [H, W]: where the way to the sun is blocked. Things as flat as paint cast no shadow."""
    shaded = np.zeros(points.shape[:2], dtype=bool)
    for box in boxes[1:]:
        if box.high[1] < 0.15:
            continue
        corners = _corners(box)
        landed = corners - sun * (corners[:, 1:2] / sun[1])
        window = _window(camera, np.concatenate([corners, landed]))
        start, _ = _entry(points[window], sun, box)
        shaded[window] |= (start < FAR) & (start > 0.02)
    return shaded


def _corners(box: Box) -> np.ndarray:
    x, y, z = zip(box.low, box.high, strict=True)
    return np.array([(a, b, c) for a in x for b in y for c in z])


def _window(camera: Camera, points: np.ndarray) -> tuple[slice, slice]:
    """The part of the frame that can show what lies between the points; all of it if one is behind us."""
    pixels, depth = camera.project(points)
    if depth.min() < 0.5:
        return slice(None), slice(None)
    low, high = pixels.min(axis=0) * OVERSAMPLING - 3, pixels.max(axis=0) * OVERSAMPLING + 3
    low, high = np.maximum(low, 0).astype(int), np.maximum(high, 0).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _noise_field(random: np.random.Generator) -> np.ndarray:
    """Smooth noise with detail of several sizes, repeating without a seam: float32 [512, 512]."""
    field = np.zeros((512, 512), dtype=np.float32)
    for cells in (16, 64, 256):
        grid = np.pad(random.standard_normal((cells, cells)).astype(np.float32), 2, mode="wrap")
        margin, size = 2 * 512 // cells, 512 // cells * (cells + 4)
        field += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)[margin:-margin, margin:-margin]
    return field / field.std()


def _paint(surface: Surface, points: np.ndarray, face: int, noise: np.ndarray) -> np.ndarray:
    """Colours [n, 3] of points [n, 3] on a face across the given axis."""
    u, v = {
        0: (points[:, 2], points[:, 1]),
        1: (points[:, 0], points[:, 2]),
        2: (points[:, 0], points[:, 1]),
    }[face]
    colour = PATTERNS[surface.pattern](surface, u, v, face)
    dirt = noise[np.floor(v * 40).astype(int) % 512, np.floor(u * 40).astype(int) % 512]
    return np.clip(colour * (1 + surface.grain * dirt[:, None]), 0, 1)


def _joints(u: np.ndarray, v: np.ndarray, size: tuple[float, float], width: float) -> np.ndarray:
    return (u % size[0] < width) | (v % size[1] < width)


def _plain(surface: Surface, u: np.ndarray, _v: np.ndarray, _face: int) -> np.ndarray:
    return np.tile(np.array(surface.colour, dtype=np.float32), (len(u), 1))


def _tiles(surface: Surface, u: np.ndarray, v: np.ndarray, face: int) -> np.ndarray:
    colour = _plain(surface, u, v, face)
    column, row = (
        np.floor(part / size).astype(np.int64) for part, size in zip((u, v), surface.size, strict=True)
    )
    # A hash in integers is the same on every processor.
    shade = (column * 7919 + row * 104729) * 2654435761 % 4096 / 4096
    colour *= (1 + 0.16 * (shade - 0.5))[:, None].astype(np.float32)
    colour[_joints(u, v, surface.size, 0.05)] = surface.joint
    return colour


def _bricks(surface: Surface, u: np.ndarray, v: np.ndarray, face: int) -> np.ndarray:
    shifted = u + (np.floor(v / surface.size[1]) % 2) * surface.size[0] / 2
    return _tiles(surface, shifted, v, face)


def _windows(surface: Surface, u: np.ndarray, v: np.ndarray, face: int) -> np.ndarray:
    red, green, blue = surface.colour
    colour = _bricks(
        Surface("bricks", surface.colour, (0.8 * red, 0.8 * green, 0.8 * blue), (0.5, 0.25)),
        u,
        v,
        face,
    )
    across, up = (u / surface.size[0]) % 1, (v / surface.size[1]) % 1
    frame = (across > 0.2) & (across < 0.8) & (up > 0.3) & (up < 0.85)
    glass = (across > 0.24) & (across < 0.76) & (up > 0.34) & (up < 0.81) & (abs(across - 0.5) > 0.02)
    colour[frame], colour[glass] = (0.75, 0.75, 0.72), surface.joint
    return colour


def _doors(surface: Surface, u: np.ndarray, v: np.ndarray, face: int) -> np.ndarray:
    colour = _plain(surface, u, v, face)
    across = u % surface.size[0]
    colour[v < 0.25] *= 0.6
    colour[(across < 1.3) & (v < 2.25)] *= 0.5
    colour[(across > 0.1) & (across < 1.2) & (v < 2.15)] = surface.joint
    return colour


def _lines(surface: Surface, u: np.ndarray, v: np.ndarray, face: int) -> np.ndarray:
    colour = _plain(surface, u, v, face)
    if face == 1:
        colour[(u % surface.size[0] < 0.14) | (v % surface.size[1] < 0.14)] = surface.joint
    return colour


PATTERNS = {
    "plain": _plain,
    "tiles": _tiles,
    "bricks": _bricks,
    "windows": _windows,
    "doors": _doors,
    "lines": _lines,
}
