"""Timelines and intervals: properties that hold for any scores, checked frame by frame."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_lists import Video
from extract.runtime.foreign.printable import printable, spreadsheet_cell
from extract.store import VideoFeatures
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluation_settings import EvaluationSettings
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.text_formats import clock, to_csv, to_scores_csv, to_vtt
from score.predict.predictor import VideoResult
from score.predict.timeline import Timeline, timeline_of
from score.scoring.chunks import chunk_bounds
from score.scoring.scorer import VideoScores

LEVELS = st.sampled_from([0.0, 0.2, 0.5, 0.5000001, 0.8, 1.0])


def made(scores, lengths=None, fps=10.0, **more) -> Timeline:
    lengths = [4] * len(scores) if lengths is None else lengths
    frame = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Timeline(frame, frame / fps, np.asarray(scores, dtype=np.float64), **more)


@st.composite
def timelines(draw):
    scores = draw(st.lists(LEVELS, min_size=1, max_size=25))
    return made(scores, draw(st.lists(st.integers(1, 30), min_size=len(scores), max_size=len(scores))))


RULES = st.builds(IntervalRule, LEVELS, st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 1.0, 3.0]))


def features(spans, num_frames, *, fps=10.0, start=0.0) -> VideoFeatures:
    spans = np.array(spans, dtype=np.int64)
    return VideoFeatures(
        "v", np.zeros((len(spans), 1, 2), np.float32), spans, start + spans / fps, num_frames, fps
    )


@given(timelines(), RULES)
def test_intervals_are_in_order_apart_and_long_enough(timeline, rule):
    found = find_intervals(timeline, rule)
    for each in found:
        assert 0 <= each.start_frame < each.stop_frame <= timeline.num_frames
        assert each.end_seconds - each.start_seconds >= rule.min_seconds
        inside = timeline.frame_score[each.start_frame : each.stop_frame]
        assert inside[0] >= rule.threshold and inside[-1] >= rule.threshold
        assert each.peak_score == inside.max() == timeline.frame_score[each.peak_frame]
        assert each.start_frame <= each.peak_frame < each.stop_frame
        assert each.start_seconds <= each.peak_seconds <= each.end_seconds
        assert each.mean_score == pytest.approx(inside.mean(), abs=1e-12)
    for before, after in zip(found[:-1], found[1:], strict=True):
        assert after.start_seconds - before.end_seconds > rule.merge_gap_seconds
        between = timeline.frame_score[before.stop_frame : after.start_frame]
        assert rule.min_seconds > 0 or (between < rule.threshold).all()


@given(timelines(), LEVELS)
def test_without_merging_intervals_are_the_frames_that_reach_the_threshold(timeline, threshold):
    inside = np.zeros(timeline.num_frames, dtype=bool)
    for each in find_intervals(timeline, IntervalRule(threshold, merge_gap_seconds=0.0)):
        inside[each.start_frame : each.stop_frame] = True
    np.testing.assert_array_equal(inside, timeline.frame_score >= threshold)


@given(timelines(), LEVELS, st.sampled_from([0.0, 0.7, 2.0]))
def test_merging_loses_no_frame_above_the_threshold(timeline, threshold, gap):
    inside = np.zeros(timeline.num_frames, dtype=bool)
    for each in find_intervals(timeline, IntervalRule(threshold, merge_gap_seconds=gap)):
        inside[each.start_frame : each.stop_frame] = True
    assert inside[timeline.frame_score >= threshold].all()


def test_gaps_are_merged_up_to_their_length():
    timeline = made([0.9, 0.1, 0.9, 0.1, 0.1, 0.9])  # 0.4 s each
    assert [
        (each.start_frame, each.stop_frame) for each in find_intervals(timeline, IntervalRule(0.5, 0.4))
    ] == [(0, 12), (20, 24)]
    assert [
        (each.start_frame, each.stop_frame) for each in find_intervals(timeline, IntervalRule(0.5, 0.8))
    ] == [(0, 24)]
    assert not find_intervals(timeline, IntervalRule(0.95))


def test_attention_and_class_of_an_interval():
    classes = np.array([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7], [0.1, 0.5, 0.4]])
    timeline = made(
        [0.1, 0.9, 0.9], lengths=[4, 10, 2], attention=np.array([0.25, 0.5, 0.25]), class_probability=classes
    )
    (found,) = find_intervals(timeline, IntervalRule(0.5), event_classes=("Normal", "Arson", "Fight"))
    assert (
        found.attention == 0.75 and found.event_class == "Fight"
    )  # 10 x 0.7 + 2 x 0.4 against 10 x 0.1 + 2 x 0.5
    assert found.class_probability == pytest.approx((10 * 0.7 + 2 * 0.4) / 12)
    assert (found.peak_frame, found.peak_seconds) == (8, pytest.approx(0.9))  # the middle of frames 4 to 14


@pytest.mark.parametrize(
    "wrong, words",
    [
        ((1.5,), "the threshold is 1.5"),
        ((float("nan"),), "threshold"),
        ((0.5, -1.0), "merge_gap_seconds"),
        ((0.5, 1.0, float("inf")), "min_seconds"),
    ],
)
def test_rules_out_of_range_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        IntervalRule(*wrong)


def test_overlapping_segments_are_averaged_frame_by_frame():
    part = features([(0, 8), (4, 12), (8, 16), (12, 18)], 20, start=0.3)
    timeline = timeline_of(
        part,
        [VideoScores(np.array([0.0, 1.0, 0.5, 0.2]), 1.0), VideoScores(np.array([0.4, 0.0, 0.5, 0.4]), 0.0)],
    )
    first = np.array(
        [0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.35, 0.35, 0.35, 0.35, 0.2, 0.2, 0.2, 0.2]
    )
    second = np.array(
        [
            0.4,
            0.4,
            0.4,
            0.4,
            0.2,
            0.2,
            0.2,
            0.2,
            0.25,
            0.25,
            0.25,
            0.25,
            0.45,
            0.45,
            0.45,
            0.45,
            0.4,
            0.4,
            0.4,
            0.4,
        ]
    )
    np.testing.assert_allclose(timeline.frame_score, (first + second) / 2, atol=1e-12)
    np.testing.assert_allclose(timeline.seconds[:-1], 0.3 + timeline.frame[:-1] / 10)
    assert timeline.attention is None and timeline.class_probability is None


def test_times_are_those_of_the_frames_where_segments_of_an_uneven_clock_end():
    seconds = np.cumsum([0.0, 0.04, 0.04, 3.0, 0.04, 0.04, 0.5, 0.04, 0.04, 0.04])
    spans = np.array([[0, 4], [1, 5], [5, 9]])
    part = VideoFeatures("v", np.zeros((3, 1, 2), np.float32), spans, seconds[spans], 9, 10.0)
    timeline = timeline_of(part, [VideoScores(np.array([0.1, 0.5, 0.3]), 0.5)])
    assert timeline.frame.tolist() == [0, 1, 4, 5, 9]
    np.testing.assert_allclose(timeline.seconds, seconds[timeline.frame])


def test_attention_adds_up_to_one_and_follows_the_segments():
    part = features([(0, 10), (10, 15)], 15)
    scores = VideoScores(
        np.array([0.1, 0.9]), 0.9, np.array([0.25, 0.75]), np.array([[0.9, 0.1], [0.3, 0.7]])
    )
    timeline = timeline_of(part, [scores, VideoScores(np.array([0.1, 0.9]), 0.9)])
    np.testing.assert_allclose(timeline.attention, [0.25, 0.75])
    np.testing.assert_allclose(timeline.class_probability, [[0.9, 0.1], [0.3, 0.7]])


def test_times_never_fall_where_a_clock_jumps_back():
    part = features([(0, 4), (4, 8), (8, 12)], 12)
    jumped = VideoFeatures(
        "v", part.features, part.frame_span, np.array([[0.0, 0.4], [5.0, 5.4], [0.2, 0.6]]), 12, 10.0
    )
    assert (np.diff(timeline_of(jumped, [VideoScores(np.zeros(3), 0.0)]).seconds) >= 0).all()


@given(st.integers(1, 400), st.sampled_from([0.0, 0.1, 0.5, 1.0, 100.0]))
def test_chunks_tile_the_segments_and_none_is_too_long(count, minutes):
    part = features([(start, start + 16) for start in range(0, 16 * count, 16)], 16 * count)
    bounds = chunk_bounds(part, chunk_minutes=minutes)
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])] and bounds[-1][
        1
    ] == count
    assert all(stop > start for start, stop in bounds)
    if minutes:
        longest = max(stop - start for start, stop in bounds) - 1  # rounding may add one segment
        assert longest * 1.6 <= minutes * 60 + 1e-9 or longest == 0
    else:
        assert len(bounds) == 1


@pytest.mark.parametrize(
    "seconds, text", [(0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3723.456, "01:02:03.456")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


# Names that would be markup, a template, a cue, another cell or a formula where they are written unescaped.
HOSTILE = (
    "<script>alert(1)</script>",
    "</script> --> <!-- -->",
    "a|b $x^2$ {{7*7}} `c`",
    "00:00.000 --> 9:00:00.000 <b>x",
    'a\n\n00:01.000 --> 00:02.000\nforged,"x", =1\r=cmd()',
    '=HYPERLINK("http://h")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\u202egpj.exe\u200b\x1b[31m",
    "caf\udce9",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_inside_their_cue_and_their_cell(name):
    timeline = replace(made([0.9]), class_probability=np.array([[0.1, 0.9]]))
    found = tuple(find_intervals(timeline, IntervalRule(0.5), event_classes=("Normal", name)))
    result = VideoResult(name, Path("p"), 0.9, timeline, found)
    vtt = to_vtt(result)
    vtt.encode()  # as UTF-8, which a name need not be
    assert sum("-->" in line for line in vtt.splitlines()) == 1 and "<" not in vtt
    assert len(vtt.split("\n\n")) == 3  # the header, the note and one cue
    text = to_csv([result])
    text.encode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    for cell in (row["video"], row["event_class"]):
        assert cell == spreadsheet_cell(printable(name)) and cell[0] not in "=+-@\t\r\n"
    assert float(row["peak_score"]) == 0.9 and len(text.splitlines()) == 2
    (row,) = csv.DictReader(io.StringIO(to_scores_csv([result]), newline=""))
    assert row["video"] == spreadsheet_cell(printable(name)) and float(row["score"]) == 0.9


def test_the_score_of_every_frame_is_read_back_by_evaluate(tmp_path):
    """Runs of one frame and of several; the one-frame video alone could be taken for a last frame."""
    scores = {"=cam, 1": [0.25, 1 / 3, 0.5], "hall/two": [0.125], "-3": [0.75, 0.1]}
    edges = {"=cam, 1": [0, 1, 2, 3], "hall/two": [0, 70], "-3": [0, 16, 40]}
    results = [
        VideoResult(
            name,
            Path("p"),
            0.5,
            Timeline(np.array(edges[name]), np.array(edges[name]) / 30, np.array(own)),
            (),
        )
        for name, own in scores.items()
    ]
    (tmp_path / "scores.csv").write_text(to_scores_csv(results))
    videos = [Video(name, "Fight", edges[name][-1], ((0, 1),)) for name in scores]
    found = evaluate_scores(tmp_path / "scores.csv", videos, EvaluationSettings(resamples=0))
    for video in found.videos:
        name = video.video.video_id
        assert np.array_equal(video.frame_score[0], np.repeat(scores[name], np.diff(edges[name])))
