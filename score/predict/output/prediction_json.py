"""The JSON of vad-score predict: the models that define it, and the text that is written.

prediction.schema.json next to this file is its published JSON Schema; it is written by
python -m score.predict.output.prediction_json > score/predict/output/prediction.schema.json
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from extract.runtime.foreign.printable import as_utf8
from score.predict.predictor import Prediction, VideoResult

FORMAT_VERSION = 1
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Scores have no bounds here: a sum that rounds to 1.0000000000000002 must not cost somebody a night's
# results.
Score = Annotated[float, Field(description="in [0, 1]; higher is more anomalous")]
Seconds = Annotated[float, Field(description="seconds from the start of the video")]
Count = Annotated[int, Field(ge=0)]


class Entry(BaseModel):
    """Numbers are finite; readers must ignore keys that they do not know, which later versions may add."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)


class RunEntry(Entry):
    """One of several runs whose scores were averaged."""

    run: str
    """As it was given."""
    head: str
    presets: list[str]
    weight: float
    """Its share; the weights of all runs add up to 1."""


class ModelEntry(Entry):
    """The checkpoints that scored together."""

    title: str
    """Display name of the model: head, presets and seeds."""
    head: str
    presets: list[str]
    """Feature presets, in the order in which the head takes them."""
    seeds: list[int]
    epochs: list[int]
    """The epoch kept of each seed."""
    runs: list[RunEntry] = []
    """Where several runs were averaged: all of them; the fields above are those of the first."""
    weights_from: str = ""
    """Who chose the weights of the runs, in words."""


class RuleEntry(Entry):
    """How scores became intervals."""

    threshold: float
    """Frames of this score and above count as anomalous; in [0, 1]."""
    merge_gap_seconds: float
    """Intervals at most this far apart were merged."""
    min_seconds: float
    """Shorter intervals were left out."""
    threshold_from: str
    """Where the threshold comes from, in words."""


class IntervalEntry(Entry):
    """Consecutive anomalous frames [start_frame, stop_frame), counted from 0."""

    start_frame: Count
    stop_frame: Annotated[int, Field(ge=1)]
    start_seconds: Seconds
    end_seconds: Seconds
    peak_score: Score
    peak_frame: Count
    """The middle of the first frames with that score."""
    peak_seconds: Seconds
    mean_score: Score
    attention: float | None
    """Share of the head's attention in this interval, in [0, 1]; null for heads without attention."""
    event_class: str | None
    """The likeliest event class besides Normal; null for heads that predict none."""
    class_probability: float | None = None
    """Mean probability of that class in this interval, in [0, 1]; null for heads that predict none."""


class TimelineEntry(Entry):
    """R runs of frames with one score each: run r holds frames [frame[r], frame[r + 1])."""

    frame: list[Count]
    """R + 1 frame numbers, from 0 to the number of frames."""
    seconds: list[float]
    """R + 1 times at which these frames begin; never falling."""
    score: list[Score]
    attention: list[float] | None
    """R shares that add up to 1; null for heads without attention."""
    untrained_similarity: dict[str, list[float]] = {}
    """Text of --text -> R cosines of the features and that text, in [-1, 1]; nothing was trained for them."""


class VideoEntry(Entry):
    """One video that was scored."""

    video: str
    """Its name: unique in this file, a path below the given folder without suffix."""
    path: str
    """As it was given, with bytes that are not UTF-8 as escapes."""
    frames: Annotated[int, Field(ge=1)]
    fps: float
    seconds: float
    """When the last frame ends."""
    width: Count
    height: Count
    video_score: Score
    event_classes: list[str]
    """Names of the head's classes, Normal first; empty for heads that predict none."""
    intervals: list[IntervalEntry]
    timeline: TimelineEntry
    messages: Count
    """How many messages about damage the decoder gave."""
    missing_frames: Count
    """How many frames a folder of frames is missing."""
    complete: bool
    """False if decoding stopped early and the frames before that were scored."""


class FailedEntry(Entry):
    """A video that could not be scored."""

    path: str
    reason: str


class PredictionDocument(Entry):
    """Anomaly scores and intervals of videos, as vad-score predict --json writes them."""

    format_version: Literal[1]
    model: ModelEntry
    rule: RuleEntry
    videos: list[VideoEntry]
    failed: list[FailedEntry]


def to_json(prediction: Prediction) -> dict:
    """Plain values for json.dumps, in the format of PredictionDocument."""
    checkpoints, rule = prediction.model.checkpoints, prediction.rule
    ensemble = prediction.model.ensemble
    document = PredictionDocument(
        format_version=FORMAT_VERSION,
        model=ModelEntry(
            title=prediction.model.title,
            head=checkpoints[0].config.name,
            presets=[spec.preset for spec in checkpoints[0].specs],
            seeds=[each.seed for each in checkpoints],
            epochs=[each.epoch for each in checkpoints],
            runs=[] if ensemble is None else [RunEntry(**each) for each in ensemble.describe()],
            weights_from="" if ensemble is None else ensemble.weights_from,
        ),
        rule=RuleEntry(**asdict(rule), threshold_from=prediction.threshold_from),
        videos=[_video(result) for result in prediction.results],
        failed=[
            FailedEntry(path=as_utf8(str(path)), reason=as_utf8(reason))
            for path, reason in prediction.failures.items()
        ],
    )
    return document.model_dump()


def _video(result: VideoResult) -> VideoEntry:
    timeline = result.timeline
    return VideoEntry(
        video=result.name,
        path=as_utf8(str(result.path)),
        frames=timeline.num_frames,
        fps=result.fps,
        seconds=result.seconds,
        width=result.width,
        height=result.height,
        video_score=result.video_score,
        event_classes=list(result.event_classes),
        intervals=[IntervalEntry(**asdict(each)) for each in result.intervals],
        timeline=TimelineEntry(
            frame=timeline.frame.tolist(),
            seconds=timeline.seconds.tolist(),
            score=timeline.score.tolist(),
            attention=None if timeline.attention is None else timeline.attention.tolist(),
            untrained_similarity={text: row.tolist() for text, row in timeline.similarity.items()},
        ),
        messages=result.messages,
        missing_frames=result.missing_frames,
        complete=result.complete,
    )


def json_text(values: dict) -> str:
    """Indented, but lists of numbers on one line, because timelines are long."""
    text = json.dumps(values, indent=1, allow_nan=False)
    # A raw line end cannot stand inside a JSON string, so this pattern matches lists only.
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda found: " ".join(found[0].split()), text) + "\n"


def schema_text() -> str:
    """The content of prediction.schema.json."""
    schema = {"$schema": DIALECT, **PredictionDocument.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
