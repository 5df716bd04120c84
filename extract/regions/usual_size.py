"""How large a thing is at each height of the picture, from the components of many frames."""

from __future__ import annotations

import numpy as np

KEPT = 20_000  # components that are remembered, the latest
PLACES = 31  # lower edges at which the size is known, from the top to the bottom; linear in between
NEAR = 1 / 16  # standard deviation of nearness, in heights of the picture
PRIOR = 5.0  # as many components count everywhere
# Of the pixels of all components: most of them belong to things, while most components may be specks. Below
# the median, because many components are several things; on UCSD Ped2's training videos it is one walker.
QUANTILE = 0.2
LEAST_PIXELS = 60


class UsualSize:
    """Width, height and number of pixels of single things, by the lower edge of their box.

    shape: height and width of the picture in pixels.
    """

    def __init__(self, shape: tuple[int, int]):
        self.shape = shape
        self._known = np.zeros((0, 4))  # bottom, width, height, pixels
        self._places = np.linspace(0, shape[0], PLACES)
        self._sizes: list[list[float]] | None = None  # [PLACES][3]

    def add(self, stats: np.ndarray) -> None:
        """Components as OpenCV describes them, [n, 5]: left, top, width, height, pixels."""
        height, width = self.shape
        left, top, across, down, pixels = np.asarray(stats, float).reshape(-1, 5).T
        whole = (left > 0) & (top > 0) & (left + across < width) & (top + down < height)
        whole &= pixels >= LEAST_PIXELS
        found = np.stack([top + down, across, down, pixels], axis=1)[whole]
        self._known = np.concatenate([self._known, found])[-KEPT:]
        self._sizes = None

    def at(self, bottom: float) -> tuple[float, float, float] | None:
        """(width, height, pixels) of a thing whose lower edge is there; None before any component."""
        if not len(self._known):
            return None
        if self._sizes is None:
            self._sizes = self._quantiles()
        place = min(max(bottom / self.shape[0], 0.0), 1.0) * (PLACES - 1)
        lower = min(int(place), PLACES - 2)
        share = place - lower
        width, height, pixels = (
            one * (1 - share) + other * share
            for one, other in zip(self._sizes[lower], self._sizes[lower + 1], strict=True)
        )
        return width, height, pixels

    def _quantiles(self) -> list[list[float]]:
        order = np.argsort(self._known[:, 1:], axis=0, kind="stable")
        sizes = np.zeros((PLACES, 3))
        for number, place in enumerate(self._places):
            distance = (self._known[:, 0] - place) / (NEAR * self.shape[0])
            weight = (np.exp(-0.5 * distance**2) + PRIOR / len(self._known)) * self._known[:, 3]
            for column in range(3):
                rising = np.cumsum(weight[order[:, column]])
                found = order[np.searchsorted(rising, QUANTILE * rising[-1]), column]
                sizes[number, column] = self._known[found, 1 + column]
        return sizes.tolist()
