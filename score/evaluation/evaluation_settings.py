"""What a caller chooses about an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_lists import Video
from score.evaluation.frame_truth import NATIVE
from score.evaluation.given_truth import GivenTruth
from score.evaluation.pixel_truth import PixelTruth
from score.metrics.online_alerts import AlertRaiser
from score.metrics.thresholds import HALF, ThresholdRule, Thresholds

MISSING = ("error", "zero")
RESAMPLES = 1000


@dataclass(frozen=True)
class EvaluationSettings:
    """For the scores of a run and of any other program."""

    # How truth counts frames: native, or a published convention of data_lists.
    convention: str = NATIVE
    # Test videos without features or scores: refuse ("error"), or score them 0 ("zero").
    missing: str = "error"
    # In the syntax of --threshold; None lets validation videos decide if there are any, else 0.5.
    threshold: str | None = None
    # Draws of videos behind each 95 % interval; 0 for no intervals.
    resamples: int = RESAMPLES
    # Frame truth in place of the list's spans; the videos to evaluate are then its videos.
    given: GivenTruth | None = None

    def __post_init__(self):
        if self.missing not in MISSING:
            raise ValueError(f"missing is {self.missing!r}, expected one of {', '.join(MISSING)}")

    @property
    def threshold_rule(self) -> ThresholdRule | None:
        """Raises ValueError for a threshold that is not a rule."""
        return None if self.threshold is None else ThresholdRule.parse(self.threshold)

    def fixed_thresholds(self) -> Thresholds:
        """For scores without validation videos. Raises ValueError for a rule that needs some."""
        rule = self.threshold_rule
        if rule is not None and rule.needs_validation:
            raise ValueError(
                f"--threshold {self.threshold} needs validation videos; for --scores give fixed:T"
            )
        return HALF if rule is None else rule.choose([])


@dataclass(frozen=True)
class RunOptions(EvaluationSettings):
    """For the scores of a run."""

    # Continue although test videos were used in training; a note then says that this is not a test result.
    allow_leak: bool = False
    # Smoothing of segment scores over time, in the syntax of --smooth; "auto" chooses on validation videos.
    smooth: str = "none"
    # For threshold and smoothing; empty = the videos that training held out.
    validation: Sequence[Video] = ()
    # Where in the frame the anomalies are, for heads that look at pixels.
    pixel_truth: PixelTruth | None = None
    # How several stores are joined, as data.segments.join; None = as in training.
    join: str | None = None
    # Also measure the run as it would do live, with alerts that are raised by this rule.
    online: AlertRaiser | None = None
    # Weights of several runs, in the syntax of --run-weights.
    run_weights: str = "auto"
    device: str = "cpu"
