"""Moments: pieces of stored videos of equal length, with what a run says of them and what they look like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from extract.store import FeatureStore, StoreError, VideoFeatures
from score.feedback.feedback_list import FEATURES
from score.pooling.segment_join import read_joined
from score.scoring.chunks import segments_of
from score.scoring.scorer import Scorer

MOMENT_SECONDS = 10.0


@dataclass(frozen=True)
class Moment:
    """Segments [start, stop) of one video. frames, seconds: [start, stop) of them.

    score: the highest segment score in [0, 1], by the mean over seeds. disagreement: deviation of the seeds'
    highest scores, 0 with one seed. look: float32 [D], mean features over its segments and crops, of all
    stores.
    """

    video_id: str
    camera: str
    segments: tuple[int, int]
    frames: tuple[int, int]
    seconds: tuple[float, float]
    score: float
    disagreement: float
    look: np.ndarray

    @property
    def clip_id(self) -> str:
        """Its id in a feedback list and in the stores beside it."""
        return f"{self.video_id}/{self.frames[0]}-{self.frames[1]}"


def camera_of(video_id: str, groups: Mapping[str, str | None]) -> str:
    """The group that a list names; else the first folder of the id; else the video by itself."""
    parts = PurePosixPath(video_id).parts
    return groups.get(video_id) or (parts[0] if len(parts) > 1 else video_id)


def find_moments(
    scorers: Sequence[Scorer],
    stores: Sequence[FeatureStore],
    video_ids: Iterable[str],
    *,
    groups: Mapping[str, str | None],
    seconds: float = MOMENT_SECONDS,
) -> list[Moment]:
    """The moments of all videos, in their order. stores: in the order of the scorers' checkpoints.

    Raises ValueError for a head that looks at pixels, whose clips have no features to compare.
    """
    if scorers[0].head.arrays:
        raise ValueError(
            f"{scorers[0].checkpoint.config.name} takes arrays and no features, so that moments cannot be "
            "compared; review needs a head on features"
        )
    found = []
    for video_id in video_ids:
        parts = read_joined(stores, video_id, scorers[0].segments)
        scores = np.stack([scorer.score(*parts).segment_score for scorer in scorers]).astype(np.float64)
        camera = camera_of(video_id, groups)
        found += [_moment(parts, scores, camera, bounds) for bounds in _bounds(parts[0], seconds)]
    return found


def _bounds(part: VideoFeatures, seconds: float) -> list[tuple[int, int]]:
    """Segments [start, stop): as many equal pieces as come nearest to `seconds`, at least one."""
    length = part.time_span[:, 1].max() - part.time_span[:, 0].min()
    count = min(part.num_segments, max(1, round(length / seconds)))
    edges = np.linspace(0, part.num_segments, count + 1).round().astype(int).tolist()
    return list(zip(edges[:-1], edges[1:], strict=True))


def _moment(
    parts: Sequence[VideoFeatures], scores: np.ndarray, camera: str, bounds: tuple[int, int]
) -> Moment:
    start, stop = bounds
    first, peaks = parts[0], scores[:, start:stop].max(axis=1)
    looks = [
        part.features[start:stop].mean(axis=(0, 1), dtype=np.float32)
        for part in parts
        if part.features is not None
    ]
    return Moment(
        first.video_id,
        camera,
        bounds,
        (int(first.frame_span[start, 0]), int(first.frame_span[start:stop, 1].max())),
        (float(first.time_span[start, 0]), float(first.time_span[start:stop, 1].max())),
        float(scores[:, start:stop].mean(axis=0).max()),
        float(np.std(peaks, ddof=1)) if len(peaks) > 1 else 0.0,
        np.concatenate(looks),
    )


def keep_moment(folder: Path, stores: Sequence[FeatureStore], moment: Moment) -> None:
    """Copy the features of a moment into the stores beside the feedback list, whatever becomes of its video.

    Raises StoreError.
    """
    for store in stores:
        part = segments_of(store.read(moment.video_id), *moment.segments)
        begin, seconds = int(part.frame_span[0, 0]), float(part.time_span[0, 0])
        frames = part.frame_span - begin
        clip = replace(
            part,
            video_id=moment.clip_id,
            frame_span=frames,
            time_span=part.time_span - seconds,
            num_frames=int(frames[:, 1].max()),
            source={"video_id": moment.video_id, "frames": list(moment.frames)},
        )
        place = folder / FEATURES / store.spec.preset
        try:
            FeatureStore.create(place, store.spec).write(clip)
        except StoreError as error:
            raise StoreError(f"{place}: {error}") from None
