"""Rows lie where the file says; what is missing, twice, too far or undecided is refused with numbers."""

import numpy as np
import pytest

from data_lists import Video
from extract.importing.spans import imported_spans
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.foreign_scores.score_content import ScoreFileError
from score.evaluation.foreign_scores.score_form import ScoreForm
from score.evaluation.foreign_scores.score_sources import read_scores
from score.evaluation.foreign_scores.segment_rules import Segments, segment_edges

VIDEOS = [Video("a", "Fight", 40, ((10, 20),)), Video("b", "Normal", 20)]
QUIET = EvaluationSettings(resamples=0)


def csv(tmp_path, text):
    path = tmp_path / "s.csv"
    path.write_text(text)
    return path


def rows(head, *lines):
    return "\n".join([head, *lines]) + "\n"


def every(step, first=0):
    return [
        f"{name},{frame},{frame / 100}"
        for name, count in (("a", 40), ("b", 20))
        for frame in range(first, count, step)
    ]


REFUSED = {
    "twice": (rows("video,frame,score", *every(1), "a,3,0.5"), {}, "a: frame 3 is there twice (1 such rows)"),
    "beyond": (
        rows("video,frame,score", *every(1), "b,20,0.5"),
        {},
        "b: frame reaches 20, beyond the video's 20 frames",
    ),
    "gap": (
        rows("video,frame,score", *[line for line in every(5) if line[:4] not in ("a,10", "a,15")]),
        {},
        "a: its 6 rows leave 10 of 40 frames without a score, more than one row covers (5); the first gap "
        "is frames 10-20",
    ),
    "first frames": (rows("video,frame,score", *every(1, 4)), {}, "b: its 16 rows leave 4 of 20 frames"),
    "overlap": (
        rows("video,start,stop,score", "a,0,20,1", "a,10,40,0", "b,0,20,0"),
        {},
        "a: 2 of 2 rows overlap, the first are frames 0-20 and 10-40",
    ),
    "spans too short": (
        rows("video,start,stop,score", "a,0,2,1", "a,2,4,0", "b,0,20,0"),
        {},
        "a: its 2 rows leave 36 of 40 frames",
    ),
    "spans beyond": (
        rows("video,start,end,score", "a,0,30,1", "a,30,45,0", "b,0,20,0"),
        {},
        "a: 1 of 2 rows go beyond the video: they reach frame 45",
    ),
    "seconds": (
        rows("video,time,score", *every(1)),
        {},
        "time is in seconds, which become frames by a rate; give it with --fps",
    ),
    "fractions": (rows("video,start,end,score", "a,0,1.5,1", "b,0,2,0"), {}, "start-end is in seconds"),
    "fractions of frames": (
        rows("video,frame,score", "a,0.5,1", "b,0,2"),
        {},
        "a: frame is 0.5, expected whole frames",
    ),
    "seconds beyond": (
        rows("video,second,score", *every(1)),
        {"fps": 10.0},
        "a: second reaches 39, beyond the video's 40 frames",
    ),
    "segments with gaps": (
        rows("video,segment,score", *every(5)),
        {},
        "a: segment runs from 0 to 35 in 8 rows",
    ),
    "two rules": (
        rows("video,frame,score", *every(1)),
        {"segments": Segments(5)},
        "its rows have their own spans (frame)",
    ),
    "no number": (rows("video,frame,score", "a,first,1"), {}, "a: line 2: frame is first, expected frames"),
    "not seconds": (
        rows("video,second,score", "a,soon,1"),
        {},
        "a: line 2: second is soon, expected seconds",
    ),
    "intervals": (
        rows("video,start_frame,stop_frame,peak_score,mean_score", "a,0,9,1,1"),
        {},
        "holds the intervals of a prediction",
    ),
    "middles": (
        rows("video,frame,score", *every(10, 5)),
        {},
        "frame begins at 5 in rows that are 10 apart, in every video (as in a), so it may be the middle",
    ),
    "ends": (
        rows("video,time,score", *every(4, 4)),
        {"fps": 1.0},
        "time begins at 4 in rows that are 4 apart",
    ),
    "unknown names": (
        rows("who,score", "b,0.5", *["a,0.5"] * 59),
        {},
        "'who' holds text; call it video_id",
    ),
    "two classes": (
        "0.5 0.5\n" * 60,
        {},
        "holds 60 rows of 2 numbers, expected one row for each video: 2",
    ),
    "video without column": (
        rows("frame,score", "0,0.5"),
        {},
        "no column that names the video, and 2 videos are listed",
    ),
}


@pytest.mark.parametrize("text, form, said", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_numbers(tmp_path, text, form, said):
    with pytest.raises(ScoreFileError) as caught:
        evaluate_scores(csv(tmp_path, text), VIDEOS, QUIET, form=ScoreForm(**form))
    assert any(said in line for line in str(caught.value).splitlines()), caught.value


def test_the_last_second_may_end_after_the_video(tmp_path):
    path = csv(tmp_path, rows("video,start,end,score", "b,0,1,0", "b,1,2,1", "a,2,3,3", "a,0,1,1", "a,1,2,2"))
    found = read_scores(path, VIDEOS, form=ScoreForm(fps=15.0)).scores
    assert found["a"].score.tolist() == [1.0] * 15 + [2.0] * 15 + [3.0] * 10
    assert found["b"].score.tolist() == [0.0] * 15 + [1.0] * 5


def test_segments_are_no_frames_where_no_length_is_known(tmp_path):
    path = csv(tmp_path, rows("video,segment,score", "a,1,0.5", "a,0,0.1"))
    (problem,) = read_scores(path, [Video("a", "Fight", None, ((0, 1),))]).problems
    assert "segment numbers segments, but neither their length (--segment-length)" in problem


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_count_from_one_if_every_video_begins_at_one(tmp_path, first):
    path = csv(tmp_path, rows("video,frame,score", *every(1, first)))
    said = read_scores(path, VIDEOS).notes[0]
    assert f"counted from {first}" in said and "read from frame" in said
    # The user knows better: the first frame has no score.
    asked = read_scores(path, VIDEOS, form=ScoreForm(first_frame=0))
    assert asked.scores["a"].score.tolist() == [max(frame, first) / 100 for frame in range(40)]
    assert asked.scores["a"].uncovered == first


@pytest.mark.parametrize("start, stop, uncovered", [(21, 40, 1), (22, 40, 2), (22, 39, 3), (21, 39, 0)])
def test_a_short_gap_takes_the_score_before_it(tmp_path, start, stop, uncovered):
    found = read_scores(
        csv(tmp_path, rows("video,start,stop,score", "a,0,20,0.5", f"a,{start},{stop},1")), VIDEOS[:1]
    )
    # 21-39 begins one frame after 20 and ends one before 40: its stops are last frames; nothing is missing.
    assert found.scores["a"].score.tolist() == [0.5] * start + [1.0] * (40 - start)
    assert found.scores["a"].uncovered == uncovered


def test_columns_that_are_not_read_are_named(tmp_path):
    path = csv(tmp_path, rows("video,frame,score,label,time", *[f"{line},0,1" for line in every(1)]))
    notes = evaluate_scores(path, VIDEOS, QUIET).notes
    assert any(note.endswith("not read: label, time") for note in notes)


@pytest.mark.parametrize("rule", ["even", "sultani"])
@pytest.mark.parametrize("num_frames", [32, 47, 640, 999, 3001])
def test_rules_of_segments_are_those_of_imported_features(rule, num_frames):
    theirs, _ = imported_spans(rule, 32, num_frames=num_frames, clip_length=16)
    assert segment_edges(rule, 32, num_frames=num_frames, fps=None).tolist() == theirs.tolist()


def test_steps_of_whole_frames_leave_the_rest_to_the_last_row():
    edges = segment_edges("floor", 32, num_frames=999, fps=None)
    assert edges[:3].tolist() == [[0, 31], [31, 62], [62, 93]] and edges[-1].tolist() == [961, 999]


@pytest.mark.parametrize("count, fits", [(3, True), (2, True), (4, False)])
def test_one_score_a_second_may_leave_out_the_last_part(tmp_path, count, fits):
    np.save(tmp_path / "a.npy", np.arange(count) / 10)
    found = read_scores(
        tmp_path, [Video("a", num_frames=70)], form=ScoreForm(Segments(rule="second"), fps=29.97)
    )
    assert bool(found.problems) != fits
    if fits:  # edges at 29.97 and 59.94
        assert found.scores["a"].score.tolist() == [0.0] * 30 + [0.1] * 30 + [(count - 1) / 10] * 10
    else:
        assert "70 frames at 29.97 frames per second need 3 or 2" in found.problems[0]


@pytest.mark.parametrize("values, turned", [([0.9, 0.2], "1 - score"), ([-3.0, 7.0], "-score")])
def test_scores_of_which_higher_ones_mean_normal_are_inverted_on_demand(tmp_path, values, turned):
    normal = np.full(40, max(values))
    normal[10:20] = min(values)
    np.save(tmp_path / "a.npy", normal)
    np.save(tmp_path / "b.npy", np.full(20, max(values)))
    plain = evaluate_scores(tmp_path, VIDEOS, QUIET)
    assert plain.summaries["frame_auc"].mean == 0.0 and any("give --invert" in note for note in plain.notes)
    inverted = evaluate_scores(tmp_path, VIDEOS, QUIET, form=ScoreForm(invert=True))
    assert inverted.summaries["frame_auc"].mean == 1.0 and any(turned in note for note in inverted.notes)
    assert not any("below 0.5" in note for note in inverted.notes)


def test_missing_videos_of_a_folder_are_zeroed_and_unused_files_named(tmp_path):
    np.save(tmp_path / "A.npy", np.zeros(40))
    np.save(tmp_path / "b.npy", np.full(20, -7.5))
    with pytest.raises(ScoreFileError, match=r"no scores of a \(no such name; nearest: A.npy \(other case"):
        evaluate_scores(tmp_path, VIDEOS, QUIET)
    found = evaluate_scores(tmp_path, VIDEOS, EvaluationSettings(missing="zero", resamples=0))
    # 0 would be the most anomalous of these scores.
    assert found.videos[0].frame_score.max() == -7.5
    assert any(
        "1 video missing and scored -7.5, the lowest score of the others: a" in note for note in found.notes
    )
    assert any("also holds scores of 1 video not in the list: A.npy" in note for note in found.notes)
