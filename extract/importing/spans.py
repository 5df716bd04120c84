"""Which frames the rows of published features cover, by named convention."""

from __future__ import annotations

import numpy as np

CONVENTIONS = ("clips", "even", "sultani", "sound")
SULTANI_ROWS = 32
# Rows at the end that features of the sound may lack: a last window that the sound does not fill has no row.
SOUND_LACKS = 2
USUAL_STRIDES, USUAL_LENGTHS = (1, 2, 4, 8), (8, 16, 24, 25, 30, 32, 64)


def possible_rows(
    convention: str, num_frames: int | None, clip_length: int, stride: int | None = None
) -> list[int] | None:
    """The numbers of rows that fit a video, ascending; None if any number does. See imported_spans."""
    if convention == "sultani":
        return [SULTANI_ROWS]
    if convention == "even" or num_frames is None:
        return None
    stride = stride or clip_length
    if convention == "sound":
        clips = -(-num_frames // clip_length)
        return list(range(max(1, clips - SOUND_LACKS), clips + 1))
    whole, rest = divmod(max(num_frames - max(clip_length, stride), 0), stride)
    # With the last clip padded or dropped.
    found = {whole + 1, whole + 1 + bool(rest)}
    if stride == clip_length and not rest:
        # In widely used features of UCF-Crime a clip is missing where the clip length divides the length.
        found.add(whole)
    if stride < clip_length:
        # Clips may start at every stride up to the end.
        found |= {num_frames // stride, -(-num_frames // stride)}
    return sorted(found - {0})


def imported_spans(
    convention: str, rows: int, *, num_frames: int | None, clip_length: int, stride: int | None = None
) -> tuple[np.ndarray, int]:
    """(frame_span int64 [rows, 2], num_frames). Raises ValueError if num_frames cannot give this many rows.

    clips: row n covers frames [n * stride, n * stride + clip_length), stride frames if that is more; the
    stride is the clip length unless it is given. The tail may be padded or dropped; the frames of a dropped
    tail belong to no row. sound: as clips, and up to SOUND_LACKS rows may be missing at the end. even: the
    rows divide the video evenly. sultani: 32 rows, each the mean of clips round(linspace(1, n, 33)) (Sultani
    et al., CVPR 2018, Save_C3DFeatures_32Segments.m).
    """
    possible = possible_rows(convention, num_frames, clip_length, stride)
    if convention == "sultani":
        if rows != SULTANI_ROWS:
            raise ValueError(
                f"{rows} rows, expected the {SULTANI_ROWS} of Sultani's features; was the file cut off? "
                "(--convention even divides a video into any number)"
            )
        return _sultani(rows, num_frames, clip_length)
    step = clip_length if stride is None else stride
    covered = max(clip_length, step)
    if num_frames is None:
        num_frames = rows * clip_length if convention == "even" else (rows - 1) * step + covered
    if convention == "even":
        edges = np.arange(rows + 1) * num_frames // rows
        starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
        return np.stack([starts, stops], 1).astype(np.int64), num_frames
    if possible is not None and rows not in possible:
        clips = f"clips of {clip_length}" + ("" if step == clip_length else f" every {step}")
        raise ValueError(
            f"{rows} rows, expected {' or '.join(map(str, possible))} for {num_frames} frames in {clips}"
            + _advice(rows, num_frames, clip_length)
        )
    starts = np.arange(rows, dtype=np.int64) * step
    return np.stack([starts, np.minimum(starts + covered, num_frames)], 1), num_frames


def frame_rule(convention: str, clip_length: int, stride: int | None = None) -> str:
    """The convention in words."""
    step = clip_length if stride is None else stride
    return {
        "clips": f"row n covers frames {step} n to {step} n + {max(clip_length, step)}",
        "sound": f"row n is the sound that ends with frames {step} n to {step} n + {clip_length}",
        "even": "the rows divide the frames of a video evenly",
        "sultani": f"{SULTANI_ROWS} rows divide the clips of {clip_length} frames as Sultani's script does",
    }[convention]


def _advice(rows: int, num_frames: int, clip_length: int) -> str:
    """Usual options that would fit, for an error message."""
    fitting = [
        f"--stride {stride}"
        for stride in USUAL_STRIDES
        if stride < clip_length and rows in (possible_rows("clips", num_frames, clip_length, stride) or ())
    ] + [
        f"--clip-length {length}"
        for length in USUAL_LENGTHS
        if length != clip_length and rows in (possible_rows("clips", num_frames, length) or ())
    ]
    return f"; {' or '.join(fitting)} would fit" if fitting else ""


def _sultani(rows: int, num_frames: int | None, clip_length: int) -> tuple[np.ndarray, int]:
    if num_frames is None:
        raise ValueError("32 rows do not say how long the video is; the list must give num_frames")
    clips = max(num_frames // clip_length, 1)
    edges = np.floor(np.linspace(1, clips, rows + 1) + 0.5).astype(np.int64) - 1  # MATLAB rounds halves up
    starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)  # an empty range is one clip
    spans = np.stack([starts, stops], 1) * clip_length
    spans[-1, 1] = num_frames  # its evaluation repeats the last score to the end
    return np.minimum(spans, num_frames), num_frames
