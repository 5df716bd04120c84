"""Alarm thresholds: the score from which a frame or a video is an alarm. Never chosen on the test list.

    fixed:T        T for frames and for videos
    percentile:P   at most 1 - P/100 of the frames (videos) of normal validation videos reach it
    gmm            where two Gaussians fitted to all validation scores are equally likely; needs no label.
                   Where one Gaussian describes them as well (by BIC), the score that 1 % of it exceeds
    best-f1        the best F1 on validation videos

Training drops anomaly spans, so "best F1" is about videos: the threshold for frames is the one with which
"some frame of the video is an alarm" separates anomalous from normal videos best; the threshold for videos
does the same with the video score. Where the list of --val has spans for all its anomalous videos, the
threshold for frames is the one with the best F1 over their frames.

Without --threshold every command takes the first of these that is possible:

    1. best-f1 on validation videos of both classes
    2. of one-class heads: the 99th percentile of normal videos, of validation or else of training
    3. 0.5

`evaluate` chooses on the scores of validation videos (`default_rule`). Where there are none, and in
`predict`, which reads none, checkpoints say what training found (`recorded_thresholds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from score.metrics import Curve
from score.metrics.mixture import mixture_threshold

DEFAULT_THRESHOLD = 0.5
NORMAL_PERCENTILE = 99.0  # of normal videos, if no anomalous video helps to choose a threshold
RULES = "fixed:T, percentile:P, gmm or best-f1"


@dataclass(frozen=True)
class Thresholds:
    """Scores of at least these are alarms, one number per seed; a single number holds for all seeds.

    frame: for frame scores. video: for video scores. rule: in the syntax of --threshold. source: who chose
    them, in words. assumed: nobody chose them, so they mean nothing for scores outside [0, 1].
    """

    frame: tuple[float, ...]
    video: tuple[float, ...]
    rule: str
    source: str
    assumed: bool = False

    def of_seed(self, seed: int) -> tuple[float, float]:
        """The thresholds of the seed at this position: (for frames, for videos)."""
        for_frames = seed if len(self.frame) > 1 else 0
        for_videos = seed if len(self.video) > 1 else 0
        return self.frame[for_frames], self.video[for_videos]

    @property
    def mean_frame(self) -> float:
        """The threshold for the mean score of all seeds."""
        return sum(self.frame) / len(self.frame)

    def because(self, source: str) -> Thresholds:
        """The same with another source."""
        return replace(self, source=source)


HALF = Thresholds(
    (DEFAULT_THRESHOLD,), (DEFAULT_THRESHOLD,), f"fixed:{DEFAULT_THRESHOLD}", "the default", assumed=True
)


@dataclass(frozen=True)
class ValidationScores:
    """The scores of one seed for V validation videos.

    anomalous: bool [V]. video_score: float64 [V]. frame_score: [F] of each video. label: uint8 [F] of each
    video; None if some anomalous video is not annotated.
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
    """How thresholds are found. value: the T of fixed, the P of percentile."""

    name: str
    value: float | None = None

    @classmethod
    def parse(cls, text: str) -> ThresholdRule:
        """The rule of --threshold. Raises ValueError."""
        name, colon, number = text.partition(":")
        if name in ("gmm", "best-f1") and not colon:
            return cls(name)
        if name not in ("fixed", "percentile"):
            raise ValueError(f"--threshold {text}: unknown; expected {RULES}")
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"--threshold {text}: {number!r} is not a number; expected {RULES}") from None
        if not np.isfinite(value) or (name == "percentile" and not 0 <= value <= 100):
            raise ValueError(
                f"--threshold {text}: {number} is not a {'percentile' if name != 'fixed' else 'score'}"
            )
        return cls(name, value)

    @property
    def needs_validation(self) -> bool:
        return self.name != "fixed"

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value:g}"

    def choose(self, seeds: Sequence[ValidationScores]) -> Thresholds:
        """Thresholds for every seed; fixed ones need no validation scores.

        Raises ValueError if the validation videos do not determine one.
        """
        if self.name == "fixed":
            return Thresholds((self._number,), (self._number,), str(self), "given")
        find = {"percentile": self._percentile, "gmm": _mixture, "best-f1": _best_f1}[self.name]
        pairs = [find(seed) for seed in seeds]
        source = f"{len(seeds[0].anomalous)} validation videos"
        if self.name == "best-f1" and seeds[0].label is not None:
            source += ", for frames by their spans"
        return Thresholds(
            tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), str(self), source
        )

    @property
    def _number(self) -> float:
        if self.value is None:
            raise ValueError(f"--threshold {self}: expected a number, {self.name}:N")
        return self.value

    def _percentile(self, scores: ValidationScores) -> tuple[float, float]:
        if scores.anomalous.all():
            raise ValueError(f"--threshold {self}: no validation video is normal")
        return (
            above_percentile(scores.normal_frames, self._number),
            above_percentile(scores.video_score[~scores.anomalous], self._number),
        )


def default_rule(anomalous: Sequence[bool], *, one_class: bool) -> ThresholdRule:
    """The rule for validation videos if none is given.

    one_class: whether the head trains on normal videos.
    """
    if one_class and not any(anomalous):
        return ThresholdRule("percentile", NORMAL_PERCENTILE)
    return ThresholdRule("best-f1")


def recorded_thresholds(
    records: Sequence[Mapping[str, float | None]], *, with_videos: bool = False
) -> Thresholds:
    """What training recorded, for a command without validation scores; HALF where it recorded nothing.

    records: Checkpoint.validation of each seed. with_videos: a threshold for video scores is needed too,
    which training records of one-class heads only; without it the threshold for frames stands for both.
    """
    chosen = [record.get("frame_threshold") for record in records]
    if not with_videos and (frame := _all_known(chosen)):
        return Thresholds(frame, frame, "best-f1", "chosen on validation")
    frame = _all_known([record.get("usual_frame_score") for record in records])
    video = _all_known([record.get("usual_video_score") for record in records])
    if frame and video:
        source = f"{NORMAL_PERCENTILE:g} % of the normal training segments are below"
        return Thresholds(frame, video, f"percentile:{NORMAL_PERCENTILE:g}", source)
    return HALF


def _all_known(values: Sequence[float | None]) -> tuple[float, ...]:
    """The values, or nothing if one is missing."""
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else ()


def above_percentile(scores: np.ndarray, percentile: float) -> float:
    """The lowest threshold that at most 1 - percentile / 100 of the scores reach."""
    edge = np.quantile(scores, percentile / 100, method="higher")
    return float(np.nextafter(edge, np.inf))


def best_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the best F1: see Curve.best_f1. Raises ValueError if the labels have one class only.

    labels: 0 or 1, [V] or [F]. scores: finite, of the same shape.
    """
    curve = Curve.of(labels, scores)
    if curve.reason:
        raise ValueError(curve.reason)
    return curve.best_f1()[0]


def _mixture(scores: ValidationScores) -> tuple[float, float]:
    return mixture_threshold(np.concatenate(scores.frame_score)), mixture_threshold(scores.video_score)


def _best_f1(scores: ValidationScores) -> tuple[float, float]:
    flags = scores.anomalous.astype(np.uint8)
    try:
        for_videos = best_f1_threshold(flags, scores.video_score)
        if scores.label is None:
            return best_f1_threshold(flags, scores.peak), for_videos
        return best_f1_threshold(np.concatenate(scores.label), np.concatenate(scores.frame_score)), for_videos
    except ValueError as error:
        raise ValueError(f"--threshold best-f1: of the validation videos {error}") from error
