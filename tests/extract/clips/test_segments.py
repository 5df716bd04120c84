"""Laws of the tiling of a video by segments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.segments import native_spans, segment_length, segment_spans

tilings = st.fixed_dictionaries(
    {
        "clip_length": st.integers(1, 20),
        "frame_stride": st.integers(1, 8),
        "segment_stride": st.integers(1, 40),
    }
)


@given(num_frames=st.integers(1, 500), tiling=tilings)
def test_padded_segments_cover_every_frame_and_none_is_superfluous(num_frames, tiling):
    spans = segment_spans(num_frames, **tiling, tail="pad")
    covered = np.zeros(num_frames, bool)
    for start, stop in spans[:-1]:
        covered[start:stop] = True
    assert not covered.all(), "the last segment adds no frame"
    covered[spans[-1, 0] : spans[-1, 1]] = True
    assert covered.all()
    assert spans[-1, 1] == num_frames


@given(num_frames=st.integers(0, 500), tiling=tilings)
def test_segments_start_at_multiples_of_the_stride(num_frames, tiling):
    for tail in ("pad", "drop"):
        spans = segment_spans(num_frames, **tiling, tail=tail)
        assert spans.dtype == np.int64 and spans.shape == (len(spans), 2)
        assert spans[:, 0].tolist() == [n * tiling["segment_stride"] for n in range(len(spans))]


@given(num_frames=st.integers(0, 500), tiling=tilings)
def test_dropped_tails_leave_exactly_the_full_segments(num_frames, tiling):
    length = max(tiling["clip_length"] * tiling["frame_stride"], tiling["segment_stride"])
    starts = range(0, num_frames, tiling["segment_stride"])
    expected = [[start, start + length] for start in starts if start + length <= num_frames]
    assert segment_spans(num_frames, **tiling, tail="drop").tolist() == expected


@given(num_frames=st.integers(1, 500), tiling=tilings)
def test_only_the_last_padded_segment_may_be_short(num_frames, tiling):
    spans = segment_spans(num_frames, **tiling, tail="pad")
    length = segment_length(**tiling)
    assert (spans[:-1, 1] - spans[:-1, 0] == length).all()
    assert 1 <= spans[-1, 1] - spans[-1, 0] <= length


def test_a_video_that_divides_keeps_its_last_segment():
    # 32 frames are two clips of 16; "range(1, n - 16 + 1, 16)" of an old extractor gives one
    assert segment_spans(32, 16, 1, 16, "pad").tolist() == [[0, 16], [16, 32]]
    assert segment_spans(32, 16, 1, 16, "drop").tolist() == [[0, 16], [16, 32]]


def test_a_video_shorter_than_a_clip_is_one_segment():
    assert segment_spans(5, 16, 1, 16, "pad").tolist() == [[0, 5]]
    assert segment_spans(5, 16, 1, 16, "drop").tolist() == []


def test_sparse_clips_stand_for_all_frames_up_to_the_next():
    # one frame looked at in every two: each segment still stands for both
    assert segment_spans(5, 1, 1, 2, "pad").tolist() == [[0, 2], [2, 4], [4, 5]]
    # 8 frames, 8 apart, are 64 frames
    assert segment_spans(100, 8, 8, 64, "pad").tolist() == [[0, 64], [64, 100]]


def test_a_video_without_frames_has_no_segments():
    assert segment_spans(0, 16, 1, 16, "pad").shape == (0, 2)


@pytest.mark.parametrize(
    "wrong, match",
    [
        ({"num_frames": -1}, "num_frames is -1"),
        ({"clip_length": 0}, "clip_length is 0"),
        ({"segment_stride": 0}, "segment_stride is 0"),
        ({"tail": "loop"}, "tail is 'loop'"),
    ],
)
def test_wrong_arguments_are_named(wrong, match):
    right = {"num_frames": 10, "clip_length": 4, "frame_stride": 1, "segment_stride": 4, "tail": "pad"}
    with pytest.raises(ValueError, match=match):
        segment_spans(**{**right, **wrong})


@given(kept=st.lists(st.integers(0, 400), min_size=1, max_size=60, unique=True), tiling=tilings)
def test_native_spans_tile_the_video_between_the_sampled_frames(kept, tiling):
    frame_index = np.array(sorted(kept))
    num_frames = int(frame_index[-1]) + 3
    native = native_spans(segment_spans(len(frame_index), **tiling, tail="pad"), frame_index, num_frames)
    assert native[0, 0] == frame_index[0] and native[-1, 1] == num_frames
    assert (native[1:, 0] <= native[:-1, 1]).all(), "a hole between two segments"


def test_native_spans_without_sampling_change_nothing():
    spans = segment_spans(21, 4, 1, 2, "pad")
    assert (native_spans(spans, np.arange(21), 21) == spans).all()


def test_a_segment_within_one_repeated_frame_still_spans_it():
    # two samples of frame 0, two of frame 1; clips of one sample
    native = native_spans(segment_spans(4, 1, 1, 1, "pad"), np.array([0, 0, 1, 1]), 2)
    assert native.tolist() == [[0, 1], [0, 1], [1, 2], [1, 2]]
