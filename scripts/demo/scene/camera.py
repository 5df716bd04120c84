"""A fixed surveillance camera: where points of the world fall in the frame, and how its sensor sees them.

World coordinates are metres: x to the right of the camera, y up from the ground, z away from the camera.
Pixels are (column, row) with (0, 0) in the centre of the upper left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT, FPS = 320, 240, 25


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above the ground, and the habits of its sensor.

    height: metres above the ground; tilt: radians below the horizon; focal: pixels. tint: gain of red, green,
    blue; saturation: 0 grey .. 1; noise: grey levels; flicker: share of the brightness.
    """

    height: float = 4.0
    tilt: float = 0.42
    focal: float = 290.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    noise: float = 3.0
    flicker: float = 0.0
    shake: float = 0.0  # pixels, of a mast in the wind

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [..., 2] and depths in metres [...] of points [..., 3]; those behind it put before it."""
        drop = self.height - points[..., 1]
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        depth = np.maximum(points[..., 2] * cosine + drop * sine, 0.2)
        column = (WIDTH - 1) / 2 + self.focal * points[..., 0] / depth
        row = (HEIGHT - 1) / 2 + self.focal * (drop * cosine - points[..., 2] * sine) / depth
        return np.stack([column, row], axis=-1), depth

    def rays(self, oversampling: int) -> np.ndarray:
        """World directions [H, W, 3] through the pixels of a finer grid; their unit is one metre of depth."""
        columns = (np.arange(WIDTH * oversampling) + 0.5) / oversampling - 0.5
        rows = (np.arange(HEIGHT * oversampling) + 0.5) / oversampling - 0.5
        right = ((columns - (WIDTH - 1) / 2) / self.focal)[None, :]
        down = ((rows - (HEIGHT - 1) / 2) / self.focal)[:, None]
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        parts = np.broadcast_arrays(right, -(down * cosine + sine), cosine - down * sine)
        return np.stack(parts, axis=-1).astype(np.float32)

    def half_width(self, z: float) -> float:
        """How far to the side, in metres, the frame shows a person who stands z metres away."""
        return (WIDTH / 2) / self.focal * (z * np.cos(self.tilt) + (self.height - 1.0) * np.sin(self.tilt))

    def nearest(self) -> float:
        """Distance z from which on a person is hidden below the lower edge of the frame, head included."""
        return (self.height - 1.9) / np.tan(self.tilt + np.arctan(HEIGHT / 2 / self.focal)) - 0.5
