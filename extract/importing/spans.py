"""Which frames the rows of published features cover, by named convention."""

from __future__ import annotations

import numpy as np

CONVENTIONS = ("clips", "even", "sultani")


def imported_spans(
    convention: str, rows: int, *, num_frames: int | None, clip_length: int
) -> tuple[np.ndarray, int]:
    """(frame_span int64 [rows, 2], num_frames). Raises ValueError if num_frames cannot give this many rows.

    clips: row n covers frames [n * clip_length, (n + 1) * clip_length). The tail may be padded or dropped;
    the frames of a dropped tail belong to no row. One clip may be missing if the clip length divides the
    length, as in widely used features of UCF-Crime. even: the rows divide the video evenly. sultani: 32 rows,
    each the mean of clips round(linspace(1, n, 33)) (Sultani et al., CVPR 2018,
    Save_C3DFeatures_32Segments.m).
    """
    if convention == "sultani":
        return _sultani(rows, num_frames, clip_length)
    if num_frames is None:
        num_frames = rows * clip_length
    if convention == "even":
        edges = np.arange(rows + 1) * num_frames // rows
        starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
        return np.stack([starts, stops], 1).astype(np.int64), num_frames
    whole, rest = divmod(num_frames, clip_length)
    possible = {whole, whole + 1} if rest else {whole, whole - 1}
    if rows not in possible:
        raise ValueError(
            f"{rows} rows, expected {' or '.join(map(str, sorted(possible - {0})))} "
            f"for {num_frames} frames in clips of {clip_length}"
        )
    starts = np.arange(rows, dtype=np.int64) * clip_length
    return np.stack([starts, np.minimum(starts + clip_length, num_frames)], 1), num_frames


def _sultani(rows: int, num_frames: int | None, clip_length: int) -> tuple[np.ndarray, int]:
    if num_frames is None:
        raise ValueError("32 rows do not say how long the video is; the list must give num_frames")
    clips = max(num_frames // clip_length, 1)
    edges = np.floor(np.linspace(1, clips, rows + 1) + 0.5).astype(np.int64) - 1  # MATLAB rounds halves up
    starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)  # an empty range is one clip
    spans = np.stack([starts, stops], 1) * clip_length
    spans[-1, 1] = num_frames  # its evaluation repeats the last score to the end
    return np.minimum(spans, num_frames), num_frames
