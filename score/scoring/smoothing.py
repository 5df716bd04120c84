"""Smoothing of the scores of one video along time: exponential, Gaussian, median.

Works on the segment scores of a run. The exponential mean is causal: a score depends on itself and earlier
ones only, so it may run live; the other two look ahead. Validation videos choose one
(score.evaluation.operating_point), never the test list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REACH = 4  # standard deviations at which the Gaussian is cut off


@dataclass(frozen=True)
class Smoothing:
    """kind: none, ema, gaussian or median.

    strength: for ema the share of the past in [0, 1), for gaussian the standard deviation in segments, for
    median the odd number of segments.
    """

    kind: str = "none"
    strength: float = 0.0

    def __post_init__(self):
        legal = {
            "none": self.strength == 0,
            "ema": 0 <= self.strength < 1,
            "gaussian": 0 < self.strength < np.inf,
            "median": self.strength in range(1, 10_000, 2),
        }
        if self.kind not in legal:
            raise ValueError(f"unknown smoothing {self.kind!r}; known: {', '.join(legal)}")
        if not legal[self.kind]:
            raise ValueError(
                f"{self} has a wrong strength; expected ema:A with 0 <= A < 1, gaussian:S with S > 0 rows, "
                "median:N with an odd number of rows N"
            )

    @classmethod
    def parse(cls, text: str) -> Smoothing:
        """The smoothing of --smooth: none, ema:0.9, gaussian:2, median:5. Raises ValueError."""
        kind, _, strength = text.partition(":")
        try:
            number = float(strength) if strength else 0.0 if kind == "none" else np.nan
        except ValueError:
            raise ValueError(f"--smooth {text}: {strength!r} is not a number") from None
        try:
            return cls(kind, number)
        except ValueError as error:
            raise ValueError(f"--smooth {text}: {error}") from None

    def __str__(self) -> str:
        return self.kind if self.kind == "none" else f"{self.kind}:{self.strength:g}"

    @property
    def is_causal(self) -> bool:
        """Whether a score depends on itself and earlier ones only."""
        return self.kind in ("none", "ema")

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Scores [N] -> smoothed scores [N], never outside the range of the input."""
        if self.kind == "none" or not len(scores):
            return scores
        values = np.asarray(scores, dtype=np.float64)
        smooth = {"ema": _exponential, "gaussian": _gaussian, "median": _median}[self.kind]
        # Rounding may leave the range by a bit.
        return np.clip(smooth(values, self.strength), values.min(), values.max())


# The choices of --smooth auto, the weakest first.
CANDIDATES = tuple(
    Smoothing.parse(text)
    for text in (
        "none", "ema:0.5", "median:3", "gaussian:1", "ema:0.7", "median:5", "gaussian:2", "ema:0.9",
        "median:9", "gaussian:4",
    )
)  # fmt: skip


def _exponential(values: np.ndarray, past: float) -> np.ndarray:
    """y[0] = x[0]; y[n] = past * y[n - 1] + (1 - past) * x[n]."""
    from scipy.signal import lfilter  # takes a second, and few runs smooth

    return lfilter([1 - past], [1, -past], values, zi=[past * values[0]])[0]


def _gaussian(values: np.ndarray, deviation: float) -> np.ndarray:
    """Weights beyond the ends are left out, and the rest are scaled to sum to one."""
    reach = max(1, int(np.ceil(REACH * deviation)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    total, share = (
        np.convolve(each, weights)[reach:][: len(values)] for each in (values, np.ones(len(values)))
    )
    return total / share


def _median(values: np.ndarray, rows: float) -> np.ndarray:
    """Beyond the ends the first and the last score are repeated."""
    from scipy.ndimage import median_filter

    return median_filter(values, size=int(rows), mode="nearest")
