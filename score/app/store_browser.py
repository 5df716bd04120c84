"""What a store contains, how a model scores it, and the model's worst mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_lists import Video
from data_lists.truth import frame_labels
from extract.store import FeatureStore, StoreError
from score.jobs.job import Job
from score.pooling.segment_join import read_joined
from score.predict.predictor import Model
from score.predict.timeline import Timeline, timeline_of
from score.scoring.chunks import score_chunks
from score.scoring.scorer import Scorer

if TYPE_CHECKING:
    import torch

UNLISTED = "not in a list"
MAX_MISTAKES = 30  # shown at most


@dataclass(frozen=True)
class Contents:
    """What a store contains."""

    preset: str
    segments: int
    size: int
    """In bytes."""
    classes: dict[str, int]
    """Event class -> number of videos."""
    frames: dict[str, int]
    """Readable video -> number of frames."""
    failures: tuple[tuple[str, str], ...]
    """(video, reason) of failed extractions and of damaged files."""
    absent: tuple[str, ...]
    """Listed videos that are not in the store."""


@dataclass(frozen=True)
class Scored:
    """The scores of one stored video. trained_on: it was used in training or validation of the model."""

    video: Video
    listed: bool
    video_score: float
    timeline: Timeline
    trained_on: bool


@dataclass(frozen=True)
class Mistake:
    """A normal moment with a high score, or an anomaly with low ones."""

    video_id: str
    event_class: str
    kind: str
    """"false alarm" or "missed"."""
    error: float
    """Distance of the score from the truth, in [0, 1]."""
    score: float
    """The score at the moment of a false alarm, or the highest score of a missed anomaly."""
    seconds: float
    """The moment to look at."""
    trained_on: bool


@dataclass(frozen=True)
class StoreScores:
    """A model's scores of a store. unusable: video -> why it was not scored."""

    scored: dict[str, Scored]
    mistakes: tuple[Mistake, ...]
    unusable: dict[str, str]


def contents(store: FeatureStore, videos: Sequence[Video]) -> Contents:
    """The contents, from the index of the store, which reads only headers of new files. Raises StoreError."""
    from extract.store.failures import read_failures
    from extract.store.index import StoreIndex

    with StoreIndex(store) as index:
        rows = index.rows.execute("SELECT video_id, frames, problem FROM videos ORDER BY video_id").fetchall()
        totals = index.totals()
    known = {video.video_id: video for video in videos}
    sound = {video_id: frames for video_id, frames, problem in rows if not problem}
    classes = Counter(known[each].event_class if each in known else UNLISTED for each in sound)
    failures = [(video_id, problem) for video_id, _, problem in rows if problem]
    failures += [(each.video_id, each.reason) for each in read_failures(store)]
    return Contents(
        preset=store.spec.preset,
        segments=totals["segments"],
        size=totals["bytes"],
        classes=dict(classes.most_common()),
        frames=sound,
        failures=tuple(failures),
        absent=tuple(each for each in known if each not in sound),
    )


def score_stores(
    job: Job,
    model: Model,
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    device: torch.device | str = "cpu",
) -> StoreScores:
    """Score every stored video with all seeds. Raises CheckpointError if the stores hold other features."""
    stores = model.checkpoints[0].match_stores(list(stores))
    scorers = [Scorer(each, device=device) for each in model.checkpoints]
    known = {video.video_id: video for video in videos}
    # Lists of training and validation: scores of these videos flatter the model.
    seen = set().union(*(each.seen for each in model.checkpoints))
    ids = sorted(set.intersection(*(set(store.ids()) for store in stores)))
    scored, unusable = {}, {}
    for number, video_id in enumerate(ids):
        job.report(f"{number:,} of {len(ids):,} stored videos scored", number / len(ids))
        try:
            parts = read_joined(stores, video_id, scorers[0].segments)
            scores = [score_chunks(scorer, parts) for scorer in scorers]
        except (StoreError, ValueError) as error:
            unusable[video_id] = str(error)
            continue
        scored[video_id] = Scored(
            known.get(video_id, Video(video_id)),
            video_id in known,
            sum(each.video_score for each in scores) / len(scores),
            timeline_of(parts[0], scores),
            video_id in seen,
        )
    return StoreScores(scored, tuple(mistakes(list(scored.values()))), unusable)


def mistakes(scored: Sequence[Scored], *, limit: int = MAX_MISTAKES) -> list[Mistake]:
    """The worst mistakes first: normal moments with high scores, one per video, and anomalies with low
    scores.

    Unlisted videos are left out, because their labels are unknown. Of anomalous videos without annotated
    frames the highest score counts, wherever it is.
    """
    found: list[Mistake] = []
    for each in scored:
        if each.listed:
            found += _of_video(each)
    return sorted(found, key=lambda each: (-each.error, each.video_id, each.seconds))[:limit]


def _of_video(each: Scored) -> list[Mistake]:
    video, timeline = each.video, each.timeline

    def mistake(kind: str, run: int, error: float) -> Mistake:
        middle = float(timeline.seconds[run] + timeline.seconds[run + 1]) / 2
        score = float(timeline.score[run])
        return Mistake(video.video_id, video.event_class, kind, error, score, middle, each.trained_on)

    if not video.has_frame_truth:
        run = int(timeline.score.argmax())
        return [mistake("missed", run, 1 - float(timeline.score[run]))]
    found = []
    try:
        labels = frame_labels(video, timeline.num_frames)
    except ValueError:
        return []  # the list and the store disagree on its length, which vad-score evaluate reports
    # A run may be partly annotated; it counts as normal if any of its frames is.
    normal = np.minimum.reduceat(labels, timeline.frame[:-1]) == 0  # runs with a normal frame
    if normal.any():
        run = int(np.where(normal, timeline.score, -1).argmax())
        found.append(mistake("false alarm", run, float(timeline.score[run])))
    for start, stop in video.anomaly_spans:
        first, last = timeline.run_of(start), timeline.run_of(stop - 1)
        run = first + int(timeline.score[first : last + 1].argmax())
        found.append(mistake("missed", run, 1 - float(timeline.score[run])))
    return found


def file_of(video_id: str, root: Path | None) -> Path | None:
    """The file of a stored video below a root, None if there is none."""
    from extract.decode.sources import SourceError, find_source

    if root is None:
        return None
    try:
        return find_source(root, video_id).path
    except (SourceError, OSError):
        return None
