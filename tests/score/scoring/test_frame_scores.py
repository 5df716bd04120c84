"""Laws of spreading: each frame gets the mean of its segments, and lengths are never forced to fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.segments import segment_spans
from score.scoring.frame_scores import fit_length, spread


def frames(scores, spans, num_frames):
    return spread(np.array(scores), np.array(spans), num_frames=num_frames, video_id="v")


def test_spans_that_tile_the_video_repeat_their_score():
    found = frames([0.1, 0.7], [(0, 4), (4, 6)], 6)
    assert found.score.tolist() == [0.1] * 4 + [0.7] * 2 and found.uncovered == 0


def test_overlapping_spans_give_their_mean():
    found = frames([0.0, 1.0, 0.5], [(0, 4), (2, 6), (4, 7)], 7)
    assert found.score.tolist() == [0, 0, 0.5, 0.5, 0.75, 0.75, 0.5] and found.uncovered == 0


def test_frames_of_the_same_segments_are_exact_ties():
    rng = np.random.default_rng(0)
    starts = np.arange(50) * 3
    found = frames(rng.random(50), np.stack([starts, starts + 16], 1), starts[-1] + 16)
    members = [
        tuple(np.flatnonzero((starts <= frame) & (frame < starts + 16))) for frame in range(len(found.score))
    ]
    assert len(set(found.score)) == len(set(members))


@given(
    num_frames=st.integers(1, 300),
    clip_length=st.integers(1, 20),
    stride=st.integers(1, 30),
    tail=st.sampled_from(["pad", "drop"]),
    score=st.floats(0, 1),
)
def test_equal_scores_stay_exact_however_segments_overlap(num_frames, clip_length, stride, tail, score):
    spans = segment_spans(num_frames, clip_length, 1, stride, tail)
    if len(spans):
        found = frames([score] * len(spans), spans, num_frames)
        assert (found.score == score).all()
        assert found.uncovered == num_frames - spans[-1, 1]


@given(length=st.integers(1, 20), count=st.integers(1, 12), seed=st.integers(0, 9))
def test_segments_that_do_not_overlap_keep_their_scores(length, count, seed):
    """A stride of the length, by the rule of overlaps and without."""
    spans = segment_spans(length * count, length, 1, length, "pad")
    scores = np.random.default_rng(seed).random(count)
    expected = np.repeat(scores, length)
    assert np.array_equal(frames(scores, spans, length * count).score, expected)
    # one more segment at the end that overlaps the last one changes no other frame
    more = np.append(spans, [[length * count - 1, length * count]], axis=0)
    found = frames(np.append(scores, scores[-1]), more, length * count)
    assert np.array_equal(found.score, expected)


@pytest.mark.parametrize("seed", range(3))
def test_any_spans_agree_with_asking_every_frame(seed):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.choice(60, 9, replace=False))
    spans = np.stack([starts, starts + rng.integers(1, 12, 9)], 1)
    scores, found = rng.random(9), frames(rng.random(9), spans, 80)
    found = frames(scores, spans, 80)
    last, missing = None, 0
    for frame in range(80):
        seen = scores[(spans[:, 0] <= frame) & (frame < spans[:, 1])]
        missing += not len(seen)
        last = seen.mean() if len(seen) else last
        assert found.score[frame] == pytest.approx(scores[0] if last is None else last)
    assert found.uncovered == missing


def test_frames_that_no_segment_covers_take_the_last_score_and_are_counted():
    found = frames([0.2, 0.8], [(1, 3), (5, 6)], 8)
    assert found.score.tolist() == [0.2, 0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8] and found.uncovered == 5


@pytest.mark.parametrize(
    "scores, spans, message",
    [
        ([0.1], [(0, 9)], "v: segments reach frame 9, but the video has 8 frames"),
        ([0.1, 0.2], [(0, 8)], r"v: segment scores have shape \[2\], frame spans \[1, 2\]"),
        ([np.nan], [(0, 8)], "v: 1 of 1 segment scores are NaN"),
        ([0.1], [(3, 3)], "v: its frame spans"),
        ([0.1, 0.1], [(4, 8), (0, 4)], "v: its frame spans"),
        (np.zeros(0), np.zeros((0, 2), int), "v: no segment"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_the_video(scores, spans, message):
    with pytest.raises(ValueError, match=message):
        frames(scores, spans, 8)


def test_fitting_cuts_or_repeats_the_last_score():
    assert fit_length([0.1, 0.2, 0.3], 2).tolist() == [0.1, 0.2]
    assert fit_length([0.1, 0.2], 4).tolist() == [0.1, 0.2, 0.2, 0.2]
    with pytest.raises(ValueError, match="no score"):
        fit_length([], 4)
