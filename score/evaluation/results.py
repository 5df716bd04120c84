"""What an evaluation holds: scored videos, measures over seeds, and rows by class and event overlap."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data_lists.video import Video
from score.evaluation.pixel_scores import VideoPixels
from score.metrics import Events, Measure, roc_auc
from score.metrics.thresholds import HALF, Thresholds


@dataclass(frozen=True)
class ScoredVideo:
    """Scores of S seeds for one video.

    label: uint8 [F], 1 in an anomaly, or None where nobody annotated it. frame_score: float64 [S, F].
    video_score: float64 [S]. missing: it was not in the store and scored 0. Of heads that tell classes:
    class_probability: float64 [S, K] of the whole video, and class_events: S times the detections of each of
    K classes; Evaluation.class_report names them. pixels: of each seed, where masks or boxes are given.
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
        return self.frame_score.mean(axis=0)


@dataclass(frozen=True)
class Summary:
    """One measure: each seed, their mean, their sample deviation (0 with one seed), and the 95 % interval
    over videos."""

    per_seed: tuple[float | None, ...]
    interval: tuple[float, float] | None = None
    reason: str = ""

    @property
    def mean(self) -> float | None:
        return None if None in self.per_seed else float(np.mean(self.per_seed))

    @property
    def std(self) -> float | None:
        if None in self.per_seed:
            return None
        return float(np.std(self.per_seed, ddof=1)) if len(self.per_seed) > 1 else 0.0


@dataclass(frozen=True)
class ClassRow:
    """The test videos of one event class, by the mean over seeds.

    frame_auc, frame_ap: its videos alone. ..._with_normal: its videos among all normal ones. alarm_share: of
    its videos, those with a video score of at least the chosen threshold, mean over seeds. None where not
    defined.
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
    """Events against annotated ones at one temporal IoU, each the mean over seeds, None where not defined.

    tiou: overlap that a match needs; 0 = any overlap. precision, recall, f1: of events over the chosen
    threshold. ap: average precision of detections, which need no threshold (score.metrics.event_detection).
    """

    tiou: float
    precision: float | None
    recall: float | None
    f1: float | None
    ap: float | None


@dataclass(frozen=True)
class ClassReport:
    """Which class a head that tells classes gave each test video.

    event_classes: K names. confusion: int64 [K, K], videos of true class (row) called class (column), summed
    over S seeds. precision, recall, f1: K numbers each, mean over seeds, None where not defined.
    """

    event_classes: tuple[str, ...]
    confusion: np.ndarray
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    f1: tuple[float | None, ...]


@dataclass(frozen=True)
class Evaluation:
    """What evaluate found.

    title: whose scores these are. summaries: every measure by its name in evaluation_json.NAMES.
    pairs: per video, the share of its frame pairs in order, or None. convention: how truth was counted.
    notes: all that a reader must know to trust the numbers. details: versions, specs, seeds. thresholds: the
    chosen ones, and how. smoothing: of the scores, "none" or as --smooth takes it. events: a row a temporal
    IoU; empty without frame truth. class_report: of heads that tell classes.
    """

    title: str
    videos: tuple[ScoredVideo, ...]
    summaries: dict[str, Summary]
    oracle: dict[str, Measure]
    pairs: tuple[float | None, ...]
    classes: tuple[ClassRow, ...] = ()
    convention: str = "native"
    notes: tuple[str, ...] = ()
    details: dict = field(default_factory=dict)
    thresholds: Thresholds = HALF
    smoothing: str = "none"
    events: tuple[EventRow, ...] = ()
    class_report: ClassReport | None = None

    @property
    def frames(self) -> int:
        return sum(video.num_frames for video in self.videos)

    @property
    def positives(self) -> int | None:
        if any(video.label is None for video in self.videos):
            return None
        return sum(int(video.label.sum()) for video in self.videos)

    @property
    def macro_videos(self) -> int | None:
        """Videos with both normal and anomalous frames; means over videos are about these."""
        if self.positives is None:
            return None
        return sum(0 < int(video.label.sum()) < video.num_frames for video in self.videos)

    @property
    def num_anomalous(self) -> int:
        return sum(video.video.is_anomalous for video in self.videos)

    @property
    def missing(self) -> list[str]:
        return [video.video.video_id for video in self.videos if video.missing]


def own_auc(video: ScoredVideo) -> float | None:
    """AUC inside one video, of the mean over seeds; None where it has one class of frames."""
    return None if video.label is None else roc_auc(video.label, video.mean_score).value
