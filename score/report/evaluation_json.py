"""The JSON of an evaluation for other programs; its schema is evaluation.schema.json next to this file.

python -m score.report.evaluation_json    writes the schema again after a change
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from extract.runtime.atomic import write_text
from score.evaluation.evaluation import ClassReport, Evaluation, Summary, own_auc
from score.evaluation.measure_names import NAMES, ORACLE_NAMES
from score.evaluation.online.online_results import OnlineResults
from score.evaluation.protocols import ProtocolResult
from score.report.summary import undefined

SCHEMA = Path(__file__).with_name("evaluation.schema.json")


class Strict(BaseModel):
    """No key that the schema does not name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class SummaryJson(Strict):
    mean: float | None = Field(description="over seeds; null where the data do not define the measure")
    std: float | None = Field(description="sample standard deviation over seeds, 0 with one seed")
    per_seed: list[float | None]
    interval: tuple[float, float] | None = Field(description="95 % interval of the mean, over videos")


class ThresholdJson(Strict):
    rule: str = Field(description="in the syntax of --threshold")
    source: str = Field(description="who chose the thresholds")
    frame: list[float] = Field(description="one per seed, or one for all seeds")
    video: list[float] = Field(description="one per seed, or one for all seeds")


class EventJson(Strict):
    tiou: float = Field(description="temporal IoU that a match needs; 0 = any overlap")
    precision: float | None
    recall: float | None
    f1: float | None
    ap: float | None = Field(description="average precision of detections, which need no threshold")


class ClassJson(Strict):
    event_class: str
    videos: int
    frames: int
    positives: int | None = Field(description="anomalous frames")
    video_score: float = Field(description="mean over videos and seeds")
    frame_auc: float | None = Field(description="over the videos of the class")
    frame_auc_with_normal: float | None = Field(description="over these and all normal videos")
    frame_ap: float | None
    frame_ap_with_normal: float | None
    alarm_share: float | None = Field(description="videos whose score reaches the threshold")


class ConfusionJson(Strict):
    event_classes: list[str]
    confusion: list[list[int]] = Field(
        description="videos by true class (row) and predicted class (column), summed over seeds"
    )
    precision: list[float | None]
    recall: list[float | None]
    f1: list[float | None]


class ProtocolJson(Strict):
    name: str = Field(description="in the syntax of --protocol")
    words: str = Field(description="what it does, and who published it")
    frame_auc: SummaryJson = Field(description="not comparable with the plain frame_auc")
    reason: str = Field(description="why there is no number; empty if there is one")


class OnlineThresholdJson(Strict):
    name: str = Field(
        description="chosen: that of threshold; at_N: N false alarms per hour on validation videos"
    )
    threshold: list[float] = Field(description="one per seed; empty if there is none")
    source: str = Field(description="who chose it, or why there is none")


class CurvePointJson(Strict):
    threshold: float
    false_alarms: float = Field(description="per hour without an event")
    missed: float | None = Field(description="share of events")
    delay: float | None = Field(description="seconds, mean over detected events")


class OnlineJson(Strict):
    look_ahead: int | None = Field(description="segments; null for a head that looks at the whole video")
    window: int = Field(description="latest segments that such a head saw")
    quiet: float = Field(description="seconds without a high score that end an alert")
    rule: str = Field(description="how alerts are raised, in words")
    events: int = Field(description="annotated ones, those closer than quiet as one")
    hours: float = Field(description="without an event")
    thresholds: list[OnlineThresholdJson]
    curves: list[list[CurvePointJson]] = Field(
        description="per seed, on the test videos: to be read, not to take a threshold from"
    )
    notes: list[str]


class VideoJson(Strict):
    video_id: str
    event_class: str
    frames: int
    positives: int | None = Field(description="anomalous frames; null where nobody annotated the video")
    video_score: float = Field(description="mean over seeds")
    frame_auc: float | None = Field(description="inside the video, by the mean score over seeds")
    pairs_in_order: float | None = Field(description="pairwise ranking accuracy of its frames")
    missing: bool = Field(description="the video is not in the store and was scored 0")


def _with_fields(base: type[Strict], name: str, fields: dict[str, Any]) -> type[Strict]:
    # Field names are known at run time only, which no overload of create_model has a type for.
    return create_model(name, __base__=base, **fields)  # pyright: ignore[reportCallIssue]


# A measure is absent where the evaluation does not have it, as those of events without frame truth. The alias
# is there because "map_tiou_0.1" is no Python name.
MeasuresJson = _with_fields(
    Strict,
    "MeasuresJson",
    {
        name.replace(".", "_"): (SummaryJson, Field(default=None, alias=name, description=words))
        for name, words in NAMES.items()
    },
)
OraclesJson = _with_fields(
    MeasuresJson,
    "OraclesJson",
    {name: (float | None, Field(description=words)) for name, words in ORACLE_NAMES.items()},
)


class EvaluationJson(OraclesJson):
    """Numbers are in [0, 1], but for delays (seconds) and false alarms (per hour); null where there is none,
    and `undefined` says why."""

    model_config = ConfigDict(title="vad-score evaluate --json")

    frames: int
    positives: int | None = Field(description="anomalous frames; null where a video is not annotated")
    videos: int
    anomalous_videos: int
    missing: list[str] = Field(description="ids of videos that are not in the store and were scored 0")
    title: str
    convention: str = Field(description="how truth counts frames")
    notes: list[str] = Field(description="what a reader must know to trust the numbers")
    undefined: dict[str, str] = Field(description="measure -> why it has no number")
    threshold: ThresholdJson
    smoothing: str = Field(description="in the syntax of --smooth")
    macro_videos: int | None = Field(description="videos with both classes of frames, for means over videos")
    events: list[EventJson]
    classes: list[ClassJson]
    protocols: list[ProtocolJson] = Field(description="published protocols that --protocol asked for")
    confusion: ConfusionJson | None = Field(description="of heads that predict classes")
    online: OnlineJson | None = Field(description="behind the online measures, with --online")
    per_video: list[VideoJson]
    details: dict[str, Any] = Field(description="versions, seeds, specs and settings")


def to_json(evaluation: Evaluation, *, protocols: Sequence[ProtocolResult] = ()) -> dict:
    """Plain values, as the schema describes them."""
    return evaluation_json(evaluation, protocols=protocols).model_dump(by_alias=True, exclude_unset=True)


def evaluation_json(evaluation: Evaluation, *, protocols: Sequence[ProtocolResult] = ()) -> EvaluationJson:
    thresholds = evaluation.thresholds
    values: dict[str, Any] = {
        **{name: _summary(evaluation.summaries[name]) for name in NAMES if name in evaluation.summaries},
        **{name: evaluation.oracle[name].value for name in ORACLE_NAMES},
        "frames": evaluation.frames,
        "positives": evaluation.positives,
        "videos": len(evaluation.videos),
        "anomalous_videos": evaluation.num_anomalous,
        "missing": evaluation.missing,
        "title": evaluation.title,
        "convention": evaluation.provenance.convention,
        "notes": list(evaluation.notes),
        "undefined": undefined(evaluation),
        "threshold": ThresholdJson(
            rule=thresholds.rule,
            source=thresholds.source,
            frame=list(thresholds.frame),
            video=list(thresholds.video),
        ),
        "smoothing": str(evaluation.operating_point.smoothing),
        "macro_videos": evaluation.macro_videos,
        "events": [EventJson(**vars(row)) for row in evaluation.events],
        "classes": [ClassJson(**vars(row)) for row in evaluation.classes.rows],
        "protocols": [
            ProtocolJson(
                name=each.name, words=each.words, frame_auc=_summary(each.auc), reason=each.auc.reason
            )
            for each in protocols
        ],
        "confusion": _confusion(evaluation.classes.report),
        "online": _online(evaluation.online),
        "per_video": _per_video(evaluation),
        "details": evaluation.provenance.details,
    }
    return EvaluationJson(**values)


def schema_text() -> str:
    """The JSON schema of EvaluationJson."""
    return json.dumps(EvaluationJson.model_json_schema(mode="serialization"), indent=1) + "\n"


def _summary(summary: Summary) -> SummaryJson:
    return SummaryJson(
        mean=summary.mean, std=summary.std, per_seed=list(summary.per_seed), interval=summary.interval
    )


def _confusion(report: ClassReport | None) -> ConfusionJson | None:
    if report is None:
        return None
    return ConfusionJson(
        event_classes=list(report.event_classes),
        confusion=report.confusion.tolist(),
        precision=list(report.precision),
        recall=list(report.recall),
        f1=list(report.f1),
    )


def _online(online: OnlineResults | None) -> OnlineJson | None:
    if online is None:
        return None
    return OnlineJson(
        look_ahead=online.look_ahead,
        window=online.window,
        quiet=online.quiet,
        rule=online.rule,
        events=online.events,
        hours=online.hours,
        thresholds=[
            OnlineThresholdJson(name=each.name, threshold=list(each.threshold), source=each.source)
            for each in online.thresholds
        ],
        curves=[[CurvePointJson(**vars(point)) for point in curve] for curve in online.curves],
        notes=list(online.notes),
    )


def _per_video(evaluation: Evaluation) -> list[VideoJson]:
    return [
        VideoJson(
            video_id=video.video.video_id,
            event_class=video.video.event_class,
            frames=video.num_frames,
            positives=None if video.label is None else int(video.label.sum()),
            video_score=float(video.video_score.mean()),
            frame_auc=own_auc(video),
            pairs_in_order=accuracy,
            missing=video.missing,
        )
        for video, accuracy in zip(evaluation.videos, evaluation.pair_accuracy, strict=True)
    ]


if __name__ == "__main__":
    write_text(SCHEMA, schema_text())
