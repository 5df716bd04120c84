"""Clips cut from a stream equal clips cut from the complete video, in whatever chunks it arrives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clips.assembler import ClipAssembler


def assemble(count, chunks, *, every=1, **settings_):
    """(clips as native frame numbers, frame spans, time spans) of a video whose frame k holds number k."""
    assembler = ClipAssembler(every=every, **settings_)
    sampled = np.arange(0, count, every)
    clips, begin = [], 0
    for length in [*chunks, len(sampled)]:
        numbers = sampled[begin : begin + length]
        begin += length
        if len(numbers):
            assembler.note(numbers, numbers / 25)
            clips += assembler.add(torch.from_numpy(numbers.astype(np.float32))[:, None, None, None])
    clips += assembler.end()
    assert [clip.segment for clip in clips] == list(range(len(clips)))
    return [clip.frames.flatten().int().tolist() for clip in clips], *assembler.spans(
        num_frames=count, end_seconds=count / 25
    )


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 90),
    clip_length=st.integers(1, 9),
    frame_stride=st.integers(1, 3),
    segment_stride=st.integers(1, 24),
    chunks=st.lists(st.integers(1, 20), max_size=5),
)
def test_clips_are_the_frames_of_their_segments(count, clip_length, frame_stride, segment_stride, chunks):
    clips, frame_span, _ = assemble(
        count, chunks, clip_length=clip_length, frame_stride=frame_stride, segment_stride=segment_stride
    )
    assert len(clips) == len(frame_span)
    for number, clip in enumerate(clips):
        expected = number * segment_stride + np.arange(clip_length) * frame_stride
        assert clip == np.minimum(expected, count - 1).tolist()
        assert frame_span[number, 0] == number * segment_stride
    covered = np.zeros(count, bool)
    for start, stop in frame_span:
        covered[start:stop] = True
    assert covered.all() and frame_span[-1, 1] == count


def test_frames_that_no_clip_needs_may_be_left_out():
    tiling = dict(clip_length=8, frame_stride=8, segment_stride=64)
    every_clip, every_span, every_time = assemble(150, [7, 30], **tiling)
    sampled_clip, sampled_span, sampled_time = assemble(150, [3, 5], every=8, **tiling)
    assert np.array_equal(every_span, sampled_span) and np.allclose(every_time, sampled_time)
    assert sampled_clip[:2] == every_clip[:2]
    # the last frame of the stream is repeated
    assert sampled_clip[2] == [128, 136, 144] + [144] * 5 and every_clip[2] == [128, 136, 144] + [149] * 5


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 90),
    clip_length=st.integers(1, 4),
    clip_start=st.integers(0, 12),
    tail=st.sampled_from(["pad", "drop"]),
    chunks=st.lists(st.integers(1, 20), max_size=5),
)
def test_a_clip_may_start_inside_its_segment_whose_span_stays(count, clip_length, clip_start, tail, chunks):
    tiling = {"clip_length": clip_length, "frame_stride": 1, "segment_stride": 16, "tail": tail}
    clips, frame_span, _ = assemble(count, chunks, clip_start=clip_start, **tiling)
    assert np.array_equal(frame_span, assemble(count, [], **tiling)[1])
    for number, clip in enumerate(clips):
        expected = number * 16 + clip_start + np.arange(clip_length)
        assert clip == np.minimum(expected, count - 1).tolist()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40, 64])
def test_single_frames_need_no_frame_between_them(count):
    tiling = {"clip_length": 1, "frame_stride": 1, "segment_stride": 16}
    assert assemble(count, [2], every=16, **tiling)[0] == assemble(count, [7], **tiling)[0]
    for found, expected in zip(
        assemble(count, [2], every=16, **tiling), assemble(count, [7], **tiling), strict=True
    ):
        assert np.array_equal(found, expected)


def test_the_tail_may_be_dropped():
    clips, span, _ = assemble(40, [40], clip_length=16, frame_stride=1, segment_stride=16, tail="drop")
    assert len(clips) == 2 and span.tolist() == [[0, 16], [16, 32]]
    clips, span, _ = assemble(10, [10], clip_length=16, frame_stride=1, segment_stride=16, tail="drop")
    assert clips == [] and len(span) == 0


def test_memory_is_bounded_by_a_clip():
    assembler = ClipAssembler(clip_length=16, frame_stride=1, segment_stride=16)
    for begin in range(0, 10_000, 32):
        numbers = np.arange(begin, begin + 32)
        assembler.note(numbers, numbers / 25)
        assembler.add(torch.zeros(32, 1, 1, 1))
        assert len(assembler._held) <= 17


def test_every_must_divide_both_strides():
    with pytest.raises(ValueError, match="expected a divisor of 2 and 3"):
        ClipAssembler(clip_length=4, frame_stride=2, segment_stride=3, every=2)
