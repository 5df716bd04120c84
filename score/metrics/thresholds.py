"""Above which score an alarm is raised: fixed, or chosen on validation videos, never on the test list.

    fixed:T        T for frames and for videos
    percentile:P   at most 1 - P/100 of the frames (videos) of normal validation videos score as much
    gmm            where two Gaussians fitted to all validation scores are equally likely; needs no label. Where one
                   Gaussian describes them as well (by BIC), the score that 1 % of it lie above
    best-f1        the best F1 on validation videos

Training drops anomaly spans, so "best F1" is about whole videos: the threshold for frames is the one with
which "some frame of the video is an alarm" tells anomalous from normal videos best, that for videos does the
same with the head's video score. Where the list given with --val has spans for all its anomalous videos, the
threshold for frames is the one with the best F1 over their frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from score.metrics import Curve

DEFAULT_THRESHOLD = 0.5
NORMAL_PERCENTILE = 99.0  # of normal training videos: the threshold where nothing else chose one
RULES = "fixed:T, percentile:P, gmm or best-f1"
ONE_GROUP = 2.326  # deviations above its mean lies 1 % of a Gaussian
MOST_FITTED = 50_000  # scores in one fit of a mixture; evenly spaced ones of more


@dataclass(frozen=True)
class Thresholds:
    """Scores of at least these are alarms, one number a seed; a single number stands for all seeds.

    frame: for frame scores. video: for video scores. rule: as --threshold takes it. source: what chose them,
    for a reader. assumed: nobody chose, so scores outside [0, 1] have no measures at it.
    """

    frame: tuple[float, ...]
    video: tuple[float, ...]
    rule: str
    source: str
    assumed: bool = False

    def of_seed(self, seed: int) -> tuple[float, float]:
        """Of the seed at this position: for frames, for videos."""
        return tuple(values[seed] if len(values) > 1 else values[0] for values in (self.frame, self.video))

    def because(self, source: str) -> Thresholds:
        """The same from another source."""
        return replace(self, source=source)


@dataclass(frozen=True)
class ValidationScores:
    """What one seed gives V validation videos.

    anomalous: bool [V]. video_score: float64 [V]. frame_score: [F] of each video. label: uint8 [F] of each,
    None where not all anomalous ones are annotated.
    """

    anomalous: np.ndarray
    video_score: np.ndarray
    frame_score: tuple[np.ndarray, ...]
    label: tuple[np.ndarray, ...] | None = None

    @property
    def peak(self) -> np.ndarray:
        """The highest frame score of each video, [V]."""
        return np.array([scores.max() for scores in self.frame_score])

    @property
    def normal_frames(self) -> np.ndarray:
        """The frame scores of all normal videos."""
        normal = [scores for scores, flag in zip(self.frame_score, self.anomalous, strict=True) if not flag]
        return np.concatenate(normal or [np.zeros(0)])


@dataclass(frozen=True)
class ThresholdRule:
    """How thresholds are found. value: of fixed the threshold, of percentile the P in it."""

    name: str
    value: float | None = None

    @classmethod
    def parse(cls, text: str) -> ThresholdRule:
        """As --threshold takes it. Raises ValueError."""
        name, colon, number = text.partition(":")
        if name in ("gmm", "best-f1") and not colon:
            return cls(name)
        if name not in ("fixed", "percentile"):
            raise ValueError(f"--threshold {text}: unknown; expected {RULES}")
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"--threshold {text}: {number!r} is no number; expected {RULES}") from None
        if not np.isfinite(value) or (name == "percentile" and not 0 <= value <= 100):
            raise ValueError(
                f"--threshold {text}: {number} is no {'percentile' if name != 'fixed' else 'score'}"
            )
        return cls(name, value)

    @property
    def needs_validation(self) -> bool:
        return self.name != "fixed"

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value:g}"

    def choose(self, seeds: Sequence[ValidationScores]) -> Thresholds:
        """Thresholds for every seed; fixed ones need no validation scores. Raises ValueError where the
        videos cannot tell."""
        if self.name == "fixed":
            return Thresholds((self.value,), (self.value,), str(self), "given")
        find = {"percentile": self._percentile, "gmm": _mixture, "best-f1": _best_f1}[self.name]
        pairs = [find(seed) for seed in seeds]
        count = f"{len(seeds[0].anomalous)} validation videos"
        by_frames = self.name == "best-f1" and seeds[0].label is not None
        source = f"{count}, for frames by their spans" if by_frames else count
        return Thresholds(
            tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), str(self), source
        )

    def _percentile(self, scores: ValidationScores) -> tuple[float, float]:
        if scores.anomalous.all():
            raise ValueError(f"--threshold {self}: no validation video is normal")
        return (
            above_percentile(scores.normal_frames, self.value),
            above_percentile(scores.video_score[~scores.anomalous], self.value),
        )


def above_percentile(scores: np.ndarray, percentile: float) -> float:
    """The lowest threshold that at most 1 - percentile / 100 of the scores reach."""
    edge = np.quantile(scores, percentile / 100, method="higher")
    return float(np.nextafter(edge, np.inf))


def mixture_threshold(scores: np.ndarray) -> float:
    """Where the two components of a Gaussian mixture, fitted to scores [N], are equally likely.

    It lies between their means; where no such point does, halfway. Scores of one group only, as of normal videos, have
    no such point: where BIC (Schwarz, 1978) prefers one Gaussian, the threshold lies ONE_GROUP of its deviations above
    its mean. Raises ValueError for fewer than two distinct scores.
    """
    from sklearn.mixture import GaussianMixture

    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    if not len(ordered) or ordered[0] == ordered[-1]:
        raise ValueError("--threshold gmm: all validation scores are equal; two groups cannot be told apart")
    step = -(-len(ordered) // MOST_FITTED)
    # scaled: the fit adds 1e-6 to its variances, which must be little beside them
    low, span = ordered[0], ordered[-1] - ordered[0]
    rows = ((ordered[step // 2 :: step] - low) / span)[:, None]
    one, fit = (GaussianMixture(count, random_state=0).fit(rows) for count in (1, 2))
    if one.bic(rows) <= fit.bic(rows):
        return float(low + span * (one.means_[0, 0] + ONE_GROUP * one.covariances_[0, 0, 0] ** 0.5))
    order = np.argsort(fit.means_[:, 0])
    mean, variance = fit.means_[order, 0], fit.covariances_[order, 0, 0]
    return float(low + span * _crossing(mean, variance, fit.weights_[order]))


def _crossing(mean: np.ndarray, variance: np.ndarray, weight: np.ndarray) -> float:
    """The point between two means at which both weighted densities are the same."""
    height = np.log(weight) - 0.5 * np.log(variance) - 0.5 * mean**2 / variance
    slope, bend = mean / variance, -0.5 / variance
    roots = np.roots([bend[1] - bend[0], slope[1] - slope[0], height[1] - height[0]])
    inside = [root.real for root in roots if abs(root.imag) < 1e-12 and mean[0] <= root.real <= mean[1]]
    return min(inside, default=float(mean.mean()))


def _mixture(scores: ValidationScores) -> tuple[float, float]:
    return mixture_threshold(np.concatenate(scores.frame_score)), mixture_threshold(scores.video_score)


def _best_f1(scores: ValidationScores) -> tuple[float, float]:
    flags = scores.anomalous.astype(np.uint8)
    videos = Curve.of(flags, scores.video_score)
    if videos.reason:
        raise ValueError(f"--threshold best-f1: of the validation videos {videos.reason}")
    if scores.label is None:
        frames = Curve.of(flags, scores.peak)
    else:
        frames = Curve.of(np.concatenate(scores.label), np.concatenate(scores.frame_score))
    return frames.best_f1()[0], videos.best_f1()[0]


HALF = Thresholds(
    (DEFAULT_THRESHOLD,), (DEFAULT_THRESHOLD,), f"fixed:{DEFAULT_THRESHOLD}", "nothing chose it", assumed=True
)
