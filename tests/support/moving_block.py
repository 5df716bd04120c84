"""Pictures of a block that moves before a still wall, and the regions that a stream finds in them."""

from __future__ import annotations

import cv2
import numpy as np

from extract.presets import Regions
from extract.regions.region_stream import FrameRegions, RegionStream

HEIGHT, WIDTH = 120, 160
SETTINGS = Regions(crops="none", most=6)


def street(length: int, *, speed: float, seed: int = 0) -> np.ndarray:
    """uint8 [length, H, W, 3]: a textured block of 14 x 26 pixels moves right before a still wall."""
    random = np.random.default_rng(seed)
    wall = cv2.GaussianBlur(random.uniform(90, 160, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3)
    block = cv2.GaussianBlur(random.uniform(0, 255, (26, 14)).astype(np.float32), (0, 0), 1.2) / 2
    frames = np.empty((length, HEIGHT, WIDTH, 3), np.uint8)
    for number in range(length):
        place = np.array([[1, 0, 20 + speed * number], [0, 1, 50]], np.float32)
        moved = cv2.warpAffine(block, place, (WIDTH, HEIGHT), borderValue=-1)
        frames[number] = np.where(moved >= 0, moved, wall).astype(np.uint8)[..., None]
    return frames


def described(frames: np.ndarray, *, chunk: int = 1000, settings: Regions = SETTINGS) -> list[FrameRegions]:
    stream, found = RegionStream(settings), []
    for first in range(0, len(frames), chunk):
        part = frames[first : first + chunk]
        found += stream.add(part, (first + np.arange(len(part))) / 25)
    return found + list(stream.end())
