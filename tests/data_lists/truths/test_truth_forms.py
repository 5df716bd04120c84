"""One truth in every form is one list; what contradicts itself is refused with one line."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_lists import ListError
from data_lists.truths.annotation import FRAMES, SECONDS, Counting, Event
from data_lists.truths.truth_files import read_truth
from data_lists.truths.truth_frames import joined, span_of
from data_lists.truths.truth_videos import KnownVideo, truth_videos
from extract.runtime.foreign.foreign_error import ForeignFileError
from support.truth_forms import FORMS, VIDEOS


@pytest.mark.parametrize("form", FORMS)
def test_one_truth_in_every_form_is_one_list(tmp_path, form):
    found = read_truth(FORMS[form].write(tmp_path))
    known = [KnownVideo(video.video_id, video.num_frames) for video in VIDEOS]
    made = truth_videos(found, known, FORMS[form].rule)
    assert made.videos == VIDEOS


# fps 25, 100 frames: start, end, in seconds, clip -> frames, or words of the refusal.
EDGES = [
    (0.8, 1.6, True, False, (20, 40)),
    (0.799, 1.601, True, False, (20, 40)),  # what 3 digits of a time leave
    (1.0, 1.001, True, False, (25, 26)),  # at least one frame
    (3.0, 4.5, True, False, (75, 100)),  # up to half a second after the last frame
    (3.0, 4.6, True, False, "beyond the 100 frames"),
    (3.0, 9.0, True, True, (75, 100)),
    (90, 100, False, False, (90, 100)),
    (90, 101, False, False, "beyond the 100 frames"),
    (90, 101, False, True, (90, 100)),
    (100, 101, False, True, "after the 100 frames"),
]


@pytest.mark.parametrize("start, end, in_seconds, clip, expected", EDGES)
def test_events_become_frames_and_end_with_their_video(start, end, in_seconds, clip, expected):
    event = Event(start, end, SECONDS if in_seconds else FRAMES)
    rule = {"fps": 25.0, "num_frames": 100, "clip": clip}
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            span_of(event, Counting(), **rule)
    else:
        assert span_of(event, Counting(), **rule) == expected


@given(
    start=st.integers(0, 10**6),
    length=st.integers(1, 10**5),
    fps=st.sampled_from([1.0, 10, 23.976, 25, 29.97, 30, 59.94, 120]),
)
def test_times_written_with_three_digits_give_their_frames_back(start, length, fps):
    event = Event(round(start / fps, 3), round((start + length) / fps, 3), SECONDS)
    assert span_of(event, Counting(), fps=fps, num_frames=None) == (start, start + length)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("inclusive", [False, True])
def test_frames_are_counted_as_stated(first, inclusive):
    event = Event(20 + first, 40 + first - inclusive)
    assert span_of(event, Counting(first, inclusive), fps=None, num_frames=100) == (20, 40)


def test_touching_and_overlapping_events_are_one():
    assert joined([(5, 9), (0, 3), (3, 4), (6, 7), (9, 10)]) == ((0, 4), (5, 10))


def test_a_column_of_frames_is_obeyed(tmp_path):
    rows = [f"a,{frame},{int(frame in (3, 4))}" for frame in (4, 1, 3, 2, 5)]
    (tmp_path / "gt.csv").write_text("\n".join(["video,frame_id,gt", *rows]))
    (video,) = truth_videos(read_truth(tmp_path / "gt.csv")).videos
    assert video.num_frames == 5 and video.anomaly_spans == ((2, 4),)  # from 1


@pytest.mark.parametrize("head", ["index,video,gt", ",video,gt", "Unnamed: 0,video,gt"])
def test_a_column_of_row_numbers_is_obeyed(tmp_path, head):
    # As pandas writes them: numbers of all rows, the second video from 5.
    rows = ["7,b,abnormal", "1,a,1", "4,a,0", "5,b,normal", "0,a,0", "3,a,1", "2,a,1", "6,b,Normal"]
    (tmp_path / "gt.csv").write_text("\n".join([head, *rows]))
    first, second = sorted(
        truth_videos(read_truth(tmp_path / "gt.csv")).videos, key=lambda each: each.video_id
    )
    assert (first.num_frames, first.anomaly_spans) == (5, ((1, 4),))
    assert (second.num_frames, second.anomaly_spans) == (3, ((2, 3),))


@pytest.mark.parametrize(
    "column", ["segment", "Snippet_ID", "second", "start_frame", "end", "start_frame,duration_sec"]
)
def test_a_label_of_something_else_than_a_frame_is_refused(tmp_path, column):
    more = column.count(",") * ",0"
    (tmp_path / "gt.csv").write_text(f"video,{column},label\na,0{more},0\na,1{more},1\n")
    with pytest.raises(ForeignFileError, match=f"has .*{column.partition(',')[0]}.*give .*start and an end"):
        read_truth(tmp_path / "gt.csv")


@pytest.mark.parametrize("end, stop", [("Last Frame", 10), ("end_frame", 9)])
def test_a_last_frame_is_part_of_its_event(tmp_path, end, stop):
    (tmp_path / "t.csv").write_text(f"video,first_frame,{end}\na,5,9\n")
    (video,) = truth_videos(read_truth(tmp_path / "t.csv")).videos
    assert video.anomaly_spans == ((5, stop),)


@pytest.mark.parametrize("head, refused", [("start,end", True), ("start_frame,end_frame", False)])
def test_whole_numbers_that_all_lie_early_are_not_taken_for_frames(tmp_path, head, refused):
    (tmp_path / "t.csv").write_text(f"video,{head}\na,2,10\nb,1,4\nb,5,9\n")
    known = [KnownVideo(name, 100) for name in "abc"]
    if refused:
        with pytest.raises(
            ListError, match="state no unit, and as frames every event would end in the first"
        ):
            truth_videos(read_truth(tmp_path / "t.csv"), known)
    else:
        assert truth_videos(read_truth(tmp_path / "t.csv"), known).videos[0].anomaly_spans == ((2, 10),)
    (tmp_path / "t.csv").write_text(f"video,{head}\na,2,10\nb,80,90\n")
    assert truth_videos(read_truth(tmp_path / "t.csv"), known).videos[1].anomaly_spans == ((80, 90),)


def test_json_says_how_long_a_video_is(tmp_path):
    (tmp_path / "t.json").write_text(
        '{"a": {"frames": 90, "anomalies": [{"start_frame": 2, "end_frame": 9}]}}'
    )
    (video,) = truth_videos(read_truth(tmp_path / "t.json")).videos
    assert (video.num_frames, video.anomaly_spans) == (90, ((2, 9),))


def test_two_files_of_one_video_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", [0, 1])
    (tmp_path / "a.txt").write_text("0 1")
    with pytest.raises(ListError, match="a is there twice: file a.npy and file a.txt"):
        truth_videos(read_truth(tmp_path))


def test_the_class_of_a_video_is_the_label_of_most_frames(tmp_path):
    (tmp_path / "t.csv").write_text(
        "video,start_frame,end_frame,label\na,0,5,Fall\na,9,20,Fight\na,30,33,Fall\n"
    )
    (video,) = truth_videos(read_truth(tmp_path / "t.csv")).videos
    assert video.event_class == "Fight" and video.anomaly_spans == ((0, 5), (9, 20), (30, 33))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "gt.csv")
    with pytest.raises(ForeignFileError, match="is a pipe"):
        read_truth(tmp_path / "gt.csv")
