"""The judgement of scores: every measure over seeds with its interval, the oracle beside it, and a row a
video.

Knows neither stores nor heads: score.evaluate brings the scores of a run or of files here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_lists.video import NORMAL, Video
from score import bootstrap
from score.metrics import (
    Measure,
    false_alarm_rate,
    frame_measures,
    oracle_measures,
    pairs_in_order,
    roc_auc,
    video_measures,
)

FRAME_MEASURES = ("frame_auc", "frame_ap", "frame_ap_trapezoid", "frame_auc_abnormal", "frame_auc_macro")
RESAMPLES = 1000
FEWEST_ANOMALOUS = 2  # with one anomalous video every draw holds the same one: no interval
NAMED = 5  # videos that a message names before it says "and n more"


@dataclass(frozen=True)
class ScoredVideo:
    """Scores of S seeds for one video.

    label: uint8 [F], 1 in an anomaly, or None where nobody annotated it. frame_score: float64 [S, F].
    video_score: float64 [S]. missing: it was not in the store and scored 0.
    """

    video: Video
    label: np.ndarray | None
    frame_score: np.ndarray
    video_score: np.ndarray
    fps: float = 0.0
    missing: bool = False

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

    frame_auc: its videos alone. frame_auc_with_normal: its videos among all normal ones. None where not
    defined.
    """

    event_class: str
    videos: int
    frames: int
    positives: int | None
    video_score: float
    frame_auc: float | None
    frame_auc_with_normal: float | None


@dataclass(frozen=True)
class Evaluation:
    """What evaluate found.

    title: whose scores these are. convention: how truth was counted. notes: all that a reader must know to
    trust the numbers. details: versions, specs, seeds. pairs: per video, the share of its frame pairs in
    order, or None.
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

    @property
    def frames(self) -> int:
        return sum(video.num_frames for video in self.videos)

    @property
    def positives(self) -> int | None:
        if any(video.label is None for video in self.videos):
            return None
        return sum(int(video.label.sum()) for video in self.videos)

    @property
    def num_anomalous(self) -> int:
        return sum(video.video.is_anomalous for video in self.videos)

    @property
    def missing(self) -> list[str]:
        return [video.video.video_id for video in self.videos if video.missing]


def judge(
    videos: Sequence[ScoredVideo],
    *,
    title: str,
    convention: str = "native",
    notes: Sequence[str] = (),
    details: dict | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure the scores of all test videos. seed decides the draws of the interval. Raises ValueError for no
    video."""
    if not videos:
        raise ValueError("there is no video to evaluate")
    if len({len(video.video_score) for video in videos}) > 1:
        raise ValueError("the videos have scores of different numbers of seeds")
    anomalous = np.array([video.video.is_anomalous for video in videos])
    resamples = resamples if anomalous.sum() >= FEWEST_ANOMALOUS else 0
    weights = bootstrap.draw_weights(len(videos), resamples=resamples, seed=seed)
    summaries = _video_summaries(videos, anomalous, weights)
    reason = lacks_truth(videos)
    if reason:
        summaries |= {
            name: Summary((None,) * len(videos[0].video_score), reason=reason) for name in FRAME_MEASURES
        }
        oracle = {name: Measure(None, reason) for name in ("oracle_frame_auc", "oracle_frame_ap")}
        pairs: list[float | None] = [None] * len(videos)
    else:
        labels = [video.label for video in videos]
        summaries |= _frame_summaries(videos, labels, anomalous, weights)
        oracle = oracle_measures(labels, anomalous)
        pairs = pairs_in_order(labels, [video.mean_score for video in videos])
    return Evaluation(
        title,
        tuple(videos),
        summaries,
        oracle,
        tuple(pairs),
        tuple(class_rows(videos)),
        convention,
        tuple(notes),
        details or {},
    )


def class_rows(videos: Sequence[ScoredVideo]) -> list[ClassRow]:
    """A row for every event class, normal videos last."""
    normal = [video for video in videos if not video.video.is_anomalous]
    names = sorted({video.video.event_class for video in videos if video.video.is_anomalous})
    rows = []
    for name in [*names, *([NORMAL] if normal else [])]:
        members = [video for video in videos if video.video.event_class == name]
        annotated = all(video.label is not None for video in members)
        rows.append(
            ClassRow(
                event_class=name,
                videos=len(members),
                frames=sum(video.num_frames for video in members),
                positives=sum(int(video.label.sum()) for video in members) if annotated else None,
                video_score=float(np.mean([video.video_score.mean() for video in members])),
                frame_auc=_pooled_auc(members) if annotated else None,
                frame_auc_with_normal=_pooled_auc(members + normal) if annotated and name != NORMAL else None,
            )
        )
    return rows


def lacks_truth(videos: Sequence[ScoredVideo]) -> str:
    """Why there are no frame measures, with what to do; empty when every video has frame labels."""
    lacking = [video.video.video_id for video in videos if video.label is None]
    if not lacking:
        return ""
    total = sum(video.video.is_anomalous for video in videos)
    return (
        f"frame measures need anomaly_spans (start-stop in frames) for every anomalous video of the list; "
        f"{len(lacking)} of {total} have none: {some(lacking)}"
    )


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def own_auc(video: ScoredVideo) -> float | None:
    """AUC inside one video, of the mean over seeds; None where it has one class of frames."""
    return None if video.label is None else roc_auc(video.label, video.mean_score).value


def _pooled_auc(videos: Sequence[ScoredVideo]) -> float | None:
    labels, scores = [video.label for video in videos], [video.mean_score for video in videos]
    return roc_auc(np.concatenate(labels), np.concatenate(scores)).value


def _video_summaries(
    videos: Sequence[ScoredVideo], anomalous: np.ndarray, weights: np.ndarray
) -> dict[str, Summary]:
    scores = np.stack([video.video_score for video in videos], axis=1)  # [S, V]
    measures = [
        video_measures(anomalous, row)
        | {"false_alarm_rate": false_alarm_rate([video.frame_score[index] for video in videos], anomalous)}
        for index, row in enumerate(scores)
    ]
    ones = anomalous.astype(np.uint8)[:, None]
    draws = [bootstrap.draw_measures(bootstrap.Counts.of(ones, row[:, None]), weights) for row in scores]
    drawn = {"video_auc": [draw.auc for draw in draws], "video_ap": [draw.ap for draw in draws]}
    return _summaries(measures, drawn)


def _frame_summaries(
    videos: Sequence[ScoredVideo], labels: Sequence[np.ndarray], anomalous: np.ndarray, weights: np.ndarray
) -> dict[str, Summary]:
    measures, drawn = [], {"frame_auc": [], "frame_ap": [], "frame_auc_abnormal": []}
    for index in range(len(videos[0].video_score)):
        scores = [video.frame_score[index] for video in videos]
        measures.append(frame_measures(labels, scores, anomalous=anomalous))
        counts = bootstrap.Counts.of(labels, scores)
        draws = bootstrap.draw_measures(counts, weights)
        drawn["frame_auc"].append(draws.auc)
        drawn["frame_ap"].append(draws.ap)
        drawn["frame_auc_abnormal"].append(bootstrap.draw_measures(counts, weights * anomalous).auc)
    return _summaries(measures, drawn)


def _summaries(
    measures: Sequence[dict[str, Measure]], drawn: dict[str, list[np.ndarray]]
) -> dict[str, Summary]:
    found = {}
    for name in measures[0]:
        values = tuple(measure[name].value for measure in measures)
        reason = next((measure[name].reason for measure in measures if measure[name].value is None), "")
        # the mean over seeds of every draw: the same videos for all seeds
        span = bootstrap.interval(np.mean(drawn[name], axis=0)) if name in drawn and not reason else None
        found[name] = Summary(values, span, reason)
    return found
