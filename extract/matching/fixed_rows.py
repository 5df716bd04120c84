"""How a video of any length is brought to a fixed number of rows: a literal table of what people do."""

from __future__ import annotations

import numpy as np


def _means(edges: np.ndarray, count: int) -> np.ndarray:
    """Weights [N, count] of the means over [edges[i], edges[i + 1]), of edges[i] where that is empty."""
    weights = np.zeros((len(edges) - 1, count))
    for row, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        start = min(int(start), count - 1)
        stop = min(max(int(stop), start + 1), count)
        weights[row, start:stop] = 1 / (stop - start)
    return weights


def _taken(places: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count)[np.clip(places.astype(int), 0, count - 1)]


def even_means(count: int, rows: int) -> np.ndarray:
    """Means over floor(linspace(0, count, rows + 1)): RTFM's process_feat and most code after it."""
    return _means(np.floor(np.linspace(0, count, rows + 1)), count)


def sultani_means(count: int, rows: int) -> np.ndarray:
    """Means over round(linspace(1, count, rows + 1)): Sultani et al., Save_C3DFeatures_32Segments.m."""
    return _means(np.floor(np.linspace(1, count, rows + 1) + 0.5) - 1, count)


def taken_evenly(count: int, rows: int) -> np.ndarray:
    """Single rows floor(linspace(0, count - 1, rows)): uniform sampling."""
    return _taken(np.linspace(0, count - 1, rows), count)


def taken_by_step(count: int, rows: int) -> np.ndarray:
    """Single rows k * floor(count / rows)."""
    return _taken(np.arange(rows) * max(count // rows, 1), count)


def taken_in_the_middle(count: int, rows: int) -> np.ndarray:
    """Single rows floor((k + 0.5) * count / rows): the middle of each part, as TSN does."""
    return _taken((np.arange(rows) + 0.5) * count / rows, count)


def interpolated(count: int, rows: int) -> np.ndarray:
    """Linear interpolation at linspace(0, count - 1, rows)."""
    places = np.linspace(0, count - 1, rows)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, count - 1)
    part = places - low
    return (1 - part)[:, None] * np.eye(count)[low] + part[:, None] * np.eye(count)[high]


# Name -> weights [rows, count] of a video's `count` rows.
FIXED_ROWS = {
    "means over floor(linspace(0, n, N + 1))": even_means,
    "means over round(linspace(1, n, N + 1)), as Sultani's script": sultani_means,
    "rows floor(linspace(0, n - 1, N))": taken_evenly,
    "rows k floor(n / N)": taken_by_step,
    "the middle row of N parts": taken_in_the_middle,
    "linear interpolation at linspace(0, n - 1, N)": interpolated,
}
