"""Frame scores from rows that say where they lie; every gap, overlap and overrun is counted.

A row that names one place stands for the frames up to the next one; the last row stands for as many as the
others. Frames that no row covers take the score before them (the first ones that of the first row), at most
as many in a video as one row covers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from score.evaluation.foreign_scores.numbering import Numbering
from score.evaluation.foreign_scores.score_rows import SECONDS, UNKNOWN, Positions, ScoreRows
from score.scoring.frame_scores import spread

LONGEST_VIDEO = 2**31  # frames; a file that claims more is damaged
GAP = 1.5  # rows that are this many usual distances apart have a gap between them; times are rounded


@dataclass(frozen=True)
class FileScores:
    """score: float64 [frames]. uncovered: frames of no segment, which took the score before them."""

    score: np.ndarray
    uncovered: int = 0


def placed_scores(
    rows: ScoreRows, numbering: Numbering, *, num_frames: int | None, fps: float | None
) -> FileScores:
    """Frame scores of rows with positions in frames or seconds.

    num_frames: of the video; None takes the last frame that the rows reach. Raises ValueError with numbers
    for a place that is there twice, rows that overlap or go beyond the video, and more frames without a row
    than one row covers.
    """
    positions = rows.positions
    assert positions is not None
    spans, usual = _spans(positions, numbering, num_frames=num_frames, fps=fps)
    order = np.argsort(spans[:, 0], kind="stable")
    spans, scores = spans[order], rows.score[order]
    length = int(spans[:, 1].max()) if num_frames is None else num_frames
    if not 0 < length < LONGEST_VIDEO:
        raise ValueError(f"its rows reach frame {length}, longer than any video")
    if spans.min() < 0:
        raise ValueError(f"a row starts at frame {spans.min()}, before the first one")
    beyond = spans[:, 1].max() - length
    if beyond > 0:
        count = int((spans[:, 1] > length).sum())
        raise ValueError(
            f"{count} of {len(spans)} rows go beyond the video: they reach frame {spans[:, 1].max()}, but "
            f"the video has {length} frames"
        )
    clash = np.flatnonzero(spans[1:, 0] < spans[:-1, 1])
    if len(clash):
        one, other = spans[clash[0]], spans[clash[0] + 1]
        raise ValueError(
            f"{len(clash) + 1} of {len(spans)} rows overlap, the first are frames {one[0]}-{one[1]} and "
            f"{other[0]}-{other[1]}; give one score for each frame, or starts without stops"
        )
    uncovered = length - int((spans[:, 1] - spans[:, 0]).sum())
    if uncovered > usual:
        hint = "; if they are seconds, give --fps" if positions.unit == UNKNOWN and fps is None else ""
        raise ValueError(
            f"its {len(spans)} rows leave {uncovered} of {length} frames without a score, more than one row "
            f"covers ({usual}); {_first_gap(spans, length)}{hint}"
        )
    return FileScores(spread(scores, spans, num_frames=length, video_id="").score, uncovered)


def _spans(
    positions: Positions, numbering: Numbering, *, num_frames: int | None, fps: float | None
) -> tuple[np.ndarray, int]:
    """int64 [N, 2] in the order of the rows, frames [start, stop), and how many frames most rows cover."""
    unit = numbering.unit if positions.unit == UNKNOWN else positions.unit
    first, inclusive = (0, 0) if positions.exact else (numbering.first, int(numbering.inclusive))
    if unit == SECONDS:
        if fps is None:
            raise ValueError(
                f"{positions.name} is in seconds, which become frames by a rate; give it with --fps, or "
                "count frames"
            )
        scale = fps
    else:
        scale = 1.0
        for values in (positions.start, positions.stop):
            if values is not None and not np.array_equal(values, np.floor(values)):
                wrong = values[values != np.floor(values)][0]
                raise ValueError(f"{positions.name} is {wrong:g}, expected whole frames")
    if positions.start is None or positions.stop is None:
        behind = first - (inclusive if positions.start is None else 0)
        return _from_points(positions, _frames(positions.place - behind, scale), num_frames=num_frames)
    starts = _frames(positions.start - first, scale)
    stops = _frames(positions.stop - first + inclusive, scale)
    if (stops <= starts).any():
        row = int(np.argmax(stops <= starts))
        raise ValueError(
            f"its frame spans are not ascending ranges: row {row + 1} is "
            f"{positions.start[row]:g}-{positions.stop[row]:g}"
        )
    if unit == SECONDS and num_frames is not None:
        # The last time is often rounded up, and the last second is one although the video ends within it.
        usual = int(np.median(stops - starts))
        last = (starts < num_frames) & (stops - starts <= usual + 1)
        stops = np.where(last | (stops == num_frames + 1), np.minimum(stops, num_frames), stops)
    return np.stack([starts, stops], axis=1), int(np.median(stops - starts))


def _from_points(
    positions: Positions, points: np.ndarray, *, num_frames: int | None
) -> tuple[np.ndarray, int]:
    """As _spans, from frames at which rows start (each lasts to the next one) or stop."""
    order = np.argsort(points, kind="stable")
    ordered = points[order]
    steps = np.diff(ordered)
    if (steps == 0).any():
        value = positions.place[order[np.argmax(steps == 0)]]
        raise ValueError(f"{positions.name} {value:g} is there twice ({int((steps == 0).sum())} such rows)")
    usual = _usual(steps, ordered, num_frames)
    reach = np.where(steps <= GAP * usual, steps, usual)
    if positions.start is not None:
        if num_frames is not None and ordered[-1] >= num_frames:
            raise ValueError(
                f"{positions.name} reaches {positions.place.max():g}, beyond the video's {num_frames} frames"
            )
        ends = ordered + np.r_[reach, usual]
        spans = np.stack([ordered, ends if num_frames is None else np.minimum(ends, num_frames)], axis=1)
    else:
        spans = np.stack([ordered - np.r_[min(usual, ordered[0]), reach], ordered], axis=1)
    back = np.empty_like(spans)
    back[order] = spans
    return back, usual


def _usual(steps: np.ndarray, ordered: np.ndarray, num_frames: int | None) -> int:
    """The distance that most rows have; of a single row the whole video."""
    if len(steps):
        values, counts = np.unique(steps, return_counts=True)
        return int(max(values[np.argmax(counts)], np.floor(np.median(steps))))
    return max(1, (num_frames or int(ordered[0]) + 1) - int(ordered[0]))


def _frames(values: np.ndarray, scale: float) -> np.ndarray:
    frames = np.rint(values * scale)
    if not np.isfinite(frames).all() or np.abs(frames).max() > LONGEST_VIDEO:
        raise ValueError(f"its rows reach frame {np.abs(frames).max():g}, longer than any video")
    return frames.astype(np.int64)


def _first_gap(spans: np.ndarray, length: int) -> str:
    edges = np.r_[0, spans[:, 1]], np.r_[spans[:, 0], length]
    gaps = np.flatnonzero(edges[1] > edges[0])
    return f"the first gap is frames {edges[0][gaps[0]]}-{edges[1][gaps[0]]}"
