"""The scores of one video along its frames, as runs of frames with one score each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from extract.store import VideoFeatures
from score.scoring.frame_scores import spread
from score.scoring.scorer import VideoScores


@dataclass(frozen=True)
class Timeline:
    """R runs that tile a video: run r holds frames [frame[r], frame[r + 1]).

    frame: int64 [R + 1], from 0 to the number of frames. seconds: float64 [R + 1], when these frames begin,
    never falling. score: float64 [R] in [0, 1]. attention: float64 [R], shares that add up to 1, or None.
    class_probability: float64 [R, K], or None for heads that predict no classes. similarity: text -> float64
    [R], cosines in [-1, 1] of the features and texts that somebody asked for. Raises ValueError for shapes
    that disagree.
    """

    frame: np.ndarray
    seconds: np.ndarray
    score: np.ndarray
    attention: np.ndarray | None = None
    class_probability: np.ndarray | None = None
    similarity: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        runs = len(self.score)
        if runs < 1 or len(self.frame) != runs + 1 or len(self.seconds) != runs + 1:
            raise ValueError(
                f"{runs} scores with {len(self.frame)} frames and {len(self.seconds)} times, "
                "expected one more of each"
            )
        if self.frame[0] != 0 or (np.diff(self.frame) < 1).any() or (np.diff(self.seconds) < 0).any():
            raise ValueError("frames must rise from 0 and times must not fall")
        shares = (("attention", self.attention), ("class_probability", self.class_probability))
        for name, rows in (*shares, *self.similarity.items()):
            if rows is not None and len(rows) != runs:
                raise ValueError(f"{name} has {len(rows)} rows, expected {runs}")

    @property
    def num_frames(self) -> int:
        return int(self.frame[-1])

    @property
    def frame_score(self) -> np.ndarray:
        """float64 [num_frames]."""
        return np.repeat(self.score, np.diff(self.frame))

    def run_of(self, frame: int) -> int:
        """The run that holds a frame."""
        return int(np.searchsorted(self.frame, frame, side="right")) - 1


def timeline_of(
    part: VideoFeatures,
    scores: Sequence[VideoScores],
    *,
    similarity: Mapping[str, np.ndarray] | None = None,
) -> Timeline:
    """The runs between all segment borders; several scores of one video (seeds of a run) are averaged.

    part: the stored features, whose spans the scores belong to. Attention and class probabilities are
    averaged over the scores that have them. similarity: text -> float [N], of its segments.
    """
    # Overlapping segments change the score only at their borders.
    edges = np.unique(np.concatenate([[0, part.num_frames], part.frame_span.ravel()]))
    first = edges[:-1]

    def per_run(segment: np.ndarray) -> np.ndarray:  # [N] -> [R]
        frames = spread(segment, part.frame_span, num_frames=part.num_frames, video_id=part.video_id)
        return frames.score[first]

    attention = _mean([each.attention for each in scores])
    if attention is not None:
        # Per frame, attention can be averaged where segments overlap, as scores are.
        density = per_run(attention / np.diff(part.frame_span, axis=1)[:, 0]) * np.diff(edges)
        attention = density / density.sum() if density.sum() > 0 else None
    classes = _mean([each.class_probability for each in scores])  # [N, K]
    if classes is not None:
        classes = np.stack([per_run(column) for column in classes.T], axis=1)  # [R, K]
    return Timeline(
        frame=edges,
        seconds=_seconds(part, edges),
        score=np.mean([per_run(each.segment_score) for each in scores], axis=0),
        attention=attention,
        class_probability=classes,
        similarity={text: per_run(rows) for text, rows in (similarity or {}).items()},
    )


def _mean(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [np.asarray(each, dtype=np.float64) for each in values if each is not None]
    return np.mean(known, axis=0) if known else None


def _seconds(part: VideoFeatures, frames: np.ndarray) -> np.ndarray:
    """When frames begin: exact at segment borders, interpolated between them."""
    # A segment that resampling squeezed into a part of a frame ends by the clock before that frame does.
    ends = part.time_span[:, 1] > part.time_span[:, 0]
    borders = np.append(part.frame_span[:, 0], part.frame_span[ends, 1])
    known_frames, place = np.unique(borders, return_index=True)
    known_seconds = np.append(part.time_span[:, 0], part.time_span[ends, 1])[place]
    # Rounding removes the noise of decoders that give times as 32-bit floats. The maximum is for joined
    # streams, whose clocks may jump back.
    return np.maximum.accumulate(np.interp(frames, known_frames, known_seconds)).round(6)
