"""The camera's own motion in a flow field, fitted robustly so that moving objects do not count."""

from __future__ import annotations

import numpy as np

SAMPLE_STEP = 8  # pixels between the flow vectors that are fitted
ROUNDS = 4  # rounds of reweighting
NOISE = 0.02  # pixels: residuals below it are noise and all weigh about the same
RIDGE = 1e-3  # keeps the fit defined for the smallest frames


class CameraMotion:
    """Pan, roll and zoom (a similarity, four numbers) of flow fields of one size."""

    def __init__(self, height: int, width: int):
        y, x = np.mgrid[:height, :width].astype(np.float32)
        self.x, self.y = (x - (width - 1) / 2) / height, (y - (height - 1) / 2) / height
        start = SAMPLE_STEP // 2
        self._sample = np.s_[start::SAMPLE_STEP, start::SAMPLE_STEP]
        u_rows = np.stack([self.x, -self.y, np.ones_like(x), np.zeros_like(x)], axis=-1)
        v_rows = np.stack([self.y, self.x, np.zeros_like(x), np.ones_like(x)], axis=-1)
        self._design = np.concatenate([rows[self._sample].reshape(-1, 4) for rows in (u_rows, v_rows)])

    def remove(self, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flow float32 [H, W, 2] minus the camera's motion: two fields [H, W], right and down."""
        zoom, roll, right, down = self.fit(flow)
        u = flow[..., 0] - (zoom * self.x - roll * self.y + right)
        v = flow[..., 1] - (roll * self.x + zoom * self.y + down)
        return u, v

    def fit(self, flow: np.ndarray) -> np.ndarray:
        """zoom, roll, right, down of u = zoom x - roll y + right, v = roll x + zoom y + down.

        Iteratively reweighted least squares (Geman-McClure) that start from the median: nearly half of the
        frame may move independently.
        """
        u, v = flow[..., 0][self._sample].ravel(), flow[..., 1][self._sample].ravel()
        observed = np.concatenate([u, v])
        # The median ignores independent motion in nearly half of the frame.
        motion = np.array([0.0, 0.0, np.median(u), np.median(v)], dtype=np.float32)
        for _ in range(ROUNDS):
            residual = (observed - self._design @ motion).reshape(2, -1)
            distance = np.hypot(residual[0], residual[1])
            # Geman-McClure weights, scaled by 1.5 times the median residual.
            weight = 1 / (1 + (distance / (1.5 * np.median(distance) + NOISE)) ** 2) ** 2
            weighted = self._design * np.concatenate([weight, weight])[:, None]
            motion = np.linalg.solve(weighted.T @ self._design + RIDGE * np.eye(4), weighted.T @ observed)
        return motion.astype(np.float32)
