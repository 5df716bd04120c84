"""Which frames make segment n: the tiling of a video, its tail and the rule for short videos.

frames   0 1 2 3 4 5 6 7 8 9          clip_length 4, frame_stride 1, segment_stride 4
pad      [0     4)[4     8)[8 10)     the last clip repeats frame 9
drop     [0     4)[4     8)
"""

from __future__ import annotations

import numpy as np

TAILS = ("pad", "drop")
SAMPLINGS = ("stride", "linspace")


def segment_length(clip_length: int, frame_stride: int, segment_stride: int) -> int:
    """How many frames a full segment stands for: the span of its clip, or its stride if that is more."""
    for name, value in (
        ("clip_length", clip_length),
        ("frame_stride", frame_stride),
        ("segment_stride", segment_stride),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected a whole number above 0")
    return max(clip_length * frame_stride, segment_stride)


def clip_offsets(clip_length: int, frame_stride: int, sampling: str) -> np.ndarray:
    """int64 [clip_length]: the frames of a clip, counted from its first one.

    "stride" takes every frame_stride-th. "linspace" spreads clip_length frames over the clip_length *
    frame_stride that the clip spans, first and last included, cut to whole numbers, as pytorchvideo's
    UniformTemporalSubsample does: 0, 9, ..., 63 of 64.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling is {sampling!r}, expected {' or '.join(SAMPLINGS)}")
    if sampling == "stride" or clip_length == 1:
        return np.arange(clip_length, dtype=np.int64) * frame_stride
    # in whole numbers, because the float32 steps of theirs may fall short of one
    return np.arange(clip_length, dtype=np.int64) * (clip_length * frame_stride - 1) // (clip_length - 1)


def segment_spans(
    num_frames: int, clip_length: int, frame_stride: int, segment_stride: int, tail: str
) -> np.ndarray:
    """The span [start, stop) of every segment, int64 [N, 2].

    tail "pad": N is the smallest number with every frame in a span; the last span ends at num_frames, so a
    video shorter than a clip gives one short segment. tail "drop": full spans only, and N may be 0.
    """
    length = segment_length(clip_length, frame_stride, segment_stride)
    if num_frames < 0:
        raise ValueError(f"num_frames is {num_frames}, expected 0 or more")
    if tail not in TAILS:
        raise ValueError(f"tail is {tail!r}, expected {' or '.join(TAILS)}")
    beyond_first = num_frames - length
    if tail == "drop":
        count = beyond_first // segment_stride + 1 if beyond_first >= 0 else 0
    else:
        count = max(-(-beyond_first // segment_stride), 0) + 1 if num_frames else 0
    starts = np.arange(count, dtype=np.int64) * segment_stride
    return np.stack([starts, np.minimum(starts + length, num_frames)], axis=1)


def native_spans(spans: np.ndarray, frame_index: np.ndarray, num_frames: int) -> np.ndarray:
    """Spans over sampled frames as spans over native ones, int64 [N, 2].

    spans: int64 [N, 2] over positions in frame_index. frame_index: int64 [S], the native frame of every
    sampled one. A segment lasts until the next sampled frame begins, the last one until num_frames (native);
    a segment that resampling squeezes into a part of one frame still spans that frame.
    """
    edges = np.append(np.asarray(frame_index, dtype=np.int64), num_frames)
    native = edges[np.asarray(spans, dtype=np.int64)]
    native[:, 1] = np.maximum(native[:, 1], native[:, 0] + 1)
    return native
