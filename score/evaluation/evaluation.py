"""The data of an evaluation: scored videos, measures over seeds, and rows by class and event overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_lists.video import Video
from score.evaluation.online.online_results import OnlineResults
from score.evaluation.pixel_scores import VideoPixels
from score.metrics import Events, Measure, roc_auc
from score.metrics.thresholds import HALF, Thresholds
from score.scoring.smoothing import Smoothing


@dataclass(frozen=True)
class ScoredVideo:
    """Scores of S seeds for one video.

    label: uint8 [F], 1 in an anomaly; None if nobody annotated the video. frame_score: float64 [S, F].
    video_score: float64 [S]. missing: the video is not in the store and was scored 0. class_probability:
    float64 [S, K] of the video, and class_events: per seed the detections of each of K classes; both of heads
    that predict classes, which ClassReport names. pixels: per seed, where masks or boxes are given.
    """

    video: Video
    label: np.ndarray | None
    frame_score: np.ndarray
    video_score: np.ndarray
    fps: float = 0.0
    missing: bool = False
    class_probability: np.ndarray | None = None
    class_events: tuple[tuple[Events, ...], ...] = ()
    pixels: tuple[VideoPixels, ...] = ()

    def __post_init__(self):
        shape = self.frame_score.shape
        if len(shape) != 2 or self.video_score.shape != shape[:1]:
            raise ValueError(
                f"{self.video.video_id}: frame scores have shape {list(shape)}, "
                f"video scores {list(self.video_score.shape)}; expected [S, F] and [S]"
            )
        if self.label is not None and self.label.shape != shape[1:]:
            raise ValueError(
                f"{self.video.video_id}: {shape[1]} frame scores, but the truth has {len(self.label)} frames"
            )
        if self.class_probability is not None and self.class_probability.shape[:1] != shape[:1]:
            raise ValueError(
                f"{self.video.video_id}: class probabilities have shape "
                f"{list(self.class_probability.shape)}, expected [{shape[0]}, K]"
            )

    @property
    def num_frames(self) -> int:
        return self.frame_score.shape[1]

    @property
    def mean_score(self) -> np.ndarray:
        """Mean over seeds, [F]."""
        return self.frame_score[0] if len(self.frame_score) == 1 else self.frame_score.mean(axis=0)


@dataclass(frozen=True)
class Summary:
    """One measure: per seed, with the 95 % interval of the mean over videos.

    reason: why there is no number.
    """

    per_seed: tuple[float | None, ...]
    interval: tuple[float, float] | None = None
    reason: str = ""

    @property
    def mean(self) -> float | None:
        known = self._known
        return None if known is None else float(np.mean(known))

    @property
    def std(self) -> float | None:
        """The sample standard deviation over seeds; 0 with one seed."""
        known = self._known
        if known is None:
            return None
        return float(np.std(known, ddof=1)) if len(known) > 1 else 0.0

    @property
    def _known(self) -> list[float] | None:
        """The numbers of all seeds; None if one has none."""
        known = [value for value in self.per_seed if value is not None]
        return known if len(known) == len(self.per_seed) else None


@dataclass(frozen=True)
class ClassRow:
    """The test videos of one event class, by the mean over seeds; None if a number is not defined.

    frame_auc, frame_ap: over its videos alone. ..._with_normal: over its videos and all normal videos.
    alarm_share: the share of its videos whose video score reaches the threshold, mean over seeds.
    """

    event_class: str
    videos: int
    frames: int
    positives: int | None
    video_score: float
    frame_auc: float | None
    frame_auc_with_normal: float | None
    frame_ap: float | None = None
    frame_ap_with_normal: float | None = None
    alarm_share: float | None = None


@dataclass(frozen=True)
class EventRow:
    """Detected against annotated events at one temporal IoU: means over seeds, None if not defined.

    tiou: overlap that a match needs; 0 = any overlap. precision, recall, f1: of events over the threshold.
    ap: average precision of detections, which need no threshold (score.metrics.event_detection).
    """

    tiou: float
    precision: float | None
    recall: float | None
    f1: float | None
    ap: float | None


@dataclass(frozen=True)
class ClassReport:
    """The class that a head predicts for each test video.

    event_classes: K names. confusion: int64 [K, K], videos by true class (row) and predicted class (column),
    summed over S seeds. precision, recall, f1: K numbers each, mean over seeds; None if not defined.
    """

    event_classes: tuple[str, ...]
    confusion: np.ndarray
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    f1: tuple[float | None, ...]


@dataclass(frozen=True)
class ClassResults:
    """rows: one per event class of the test videos, normal videos last.

    report: of heads that predict classes.
    """

    rows: tuple[ClassRow, ...]
    report: ClassReport | None = None


@dataclass(frozen=True)
class Provenance:
    """Where the scores come from, and what a reader must know to trust the numbers.

    title: whose scores they are. convention: how truth counts frames. details: versions, specs, seeds.
    """

    title: str
    convention: str = "native"
    notes: tuple[str, ...] = ()
    details: dict = field(default_factory=dict)


@dataclass(frozen=True)
class OperatingPoint:
    """How scores become alarms. notes: what a reader must know about the choice."""

    thresholds: Thresholds = HALF
    smoothing: Smoothing = Smoothing()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    summaries: every measure by its name in score.evaluation.measure_names. oracle: measures of the
    video-level oracle. pair_accuracy: per video, the pairwise ranking accuracy of its frames; None if
    there is no pair. events: one row per temporal IoU; empty without frame truth. online: as the run would do
    live, where that was asked for.
    """

    provenance: Provenance
    operating_point: OperatingPoint
    videos: tuple[ScoredVideo, ...]
    summaries: dict[str, Summary]
    oracle: dict[str, Measure]
    pair_accuracy: tuple[float | None, ...]
    events: tuple[EventRow, ...]
    classes: ClassResults
    online: OnlineResults | None = None

    @property
    def title(self) -> str:
        return self.provenance.title

    @property
    def notes(self) -> tuple[str, ...]:
        return self.provenance.notes

    @property
    def thresholds(self) -> Thresholds:
        return self.operating_point.thresholds

    @property
    def num_seeds(self) -> int:
        return len(self.videos[0].video_score)

    @property
    def frames(self) -> int:
        return sum(video.num_frames for video in self.videos)

    @property
    def labels(self) -> list[np.ndarray] | None:
        """uint8 [F] of every video; None if a video is not annotated."""
        return labels_of(self.videos)

    @property
    def positives(self) -> int | None:
        """Anomalous frames; None if a video is not annotated."""
        labels = self.labels
        return None if labels is None else sum(int(label.sum()) for label in labels)

    @property
    def macro_videos(self) -> int | None:
        """Videos with both normal and anomalous frames, over which means of videos are taken."""
        labels = self.labels
        return None if labels is None else sum(0 < int(label.sum()) < len(label) for label in labels)

    @property
    def num_anomalous(self) -> int:
        return sum(video.video.is_anomalous for video in self.videos)

    @property
    def missing(self) -> list[str]:
        return [video.video.video_id for video in self.videos if video.missing]


def labels_of(videos: Sequence[ScoredVideo]) -> list[np.ndarray] | None:
    """The frame labels of all videos; None if a video is not annotated."""
    known = [video.label for video in videos if video.label is not None]
    return known if len(known) == len(videos) else None


def own_auc(video: ScoredVideo) -> float | None:
    """AUC inside one video, by the mean score over seeds; None if its frames are of one class."""
    return None if video.label is None else roc_auc(video.label, video.mean_score).value
