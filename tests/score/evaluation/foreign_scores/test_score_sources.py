"""Scores of other programs in every form, and published truth compared with ours."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from data_lists import CONVENTIONS, ListError, Video, frame_labels, legacy_truth, load_split, write_list
from score.cli import main
from score.evaluation.evaluate_files import evaluate_scores
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.foreign_scores.score_content import ScoreFileError
from score.evaluation.foreign_scores.score_form import ScoreForm
from score.evaluation.foreign_scores.score_sources import read_scores
from score.evaluation.foreign_scores.segment_rules import Segments
from score.evaluation.foreign_scores.video_order import orders_of, read_order
from score.evaluation.frame_truth import Truth
from score.evaluation.truth_comparison import compare_truth

VIDEOS = [
    Video("a/one", "Fight", 70, ((20, 52),)),
    Video("b.c/two", "Normal", 33),
    Video("three", "Fight", 48, ((0, 16),)),
]
PUBLISHED = {  # data set: its array, the list that gives its order, the convention
    "ucf_crime": ("gt-ucf_1109680.npy", "pel4vad-test.list", "gt-ucf"),
    "shanghaitech": ("gt-sh.npy", "shanghai-i3d-test-10crop.list", "gt-sh"),
    "xd_violence": ("gt-xd_2330384.npy", "rgb_test.list", "gt-xd"),
}


def frame_scores(seed=0):
    rng = np.random.default_rng(seed)
    return {video.video_id: rng.random(video.num_frames).round(3) for video in VIDEOS}


def spans(video, step=16):
    starts = np.arange(0, video.num_frames, step)
    return np.stack([starts, np.minimum(starts + step, video.num_frames)], axis=1)


def save_all(folder, kind, scores, span=None):
    """The same scores as a file of all videos, or a folder of files."""
    one = {name: values.tolist() for name, values in scores.items()}
    if span:
        one = {name: {"score": values, "span": span[name].tolist()} for name, values in one.items()}
    path = folder / f"scores.{kind}"
    if kind == "npy":
        np.save(path, np.concatenate(list(scores.values())))
    elif kind == "json":
        path.write_text(json.dumps(one))
    elif kind == "csv":
        head = "video_id,score" + (",start,stop" if span else "")
        rows = [
            f"{name},{value}" + (f",{span[name][place][0]},{span[name][place][1]}" if span else "")
            for name, values in scores.items()
            for place, value in enumerate(values)
        ]
        path.write_text("\n".join([head, *rows]) + "\n")
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            for name, values in scores.items():
                if span:
                    file[f"{name}/score"], file[f"{name}/span"] = values, span[name]
                else:
                    file[name] = values
    return path


@pytest.mark.parametrize("kind", ["npy", "csv", "json", "h5"])
def test_a_file_of_all_videos_is_evaluated_as_by_hand(tmp_path, kind):
    scores = frame_scores()
    found = evaluate_scores(save_all(tmp_path, kind, scores), VIDEOS, EvaluationSettings(resamples=0))
    truth = np.concatenate([frame_labels(video, video.num_frames) for video in VIDEOS])
    by_hand = roc_auc_score(truth, np.concatenate([scores[video.video_id] for video in VIDEOS]))
    assert found.summaries["frame_auc"].mean == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("kind", ["npy", "csv", "json", "h5"])
def test_a_folder_takes_each_form(tmp_path, kind):
    scores = frame_scores()
    for name, values in scores.items():
        path = tmp_path / "scores" / f"{name}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "npy":
            np.save(path, values)
        elif kind == "csv":
            path.write_text("\n".join(map(str, values)) + "\n")
        elif kind == "json":
            path.write_text(json.dumps(values.tolist()))
        else:
            with h5py.File(path, "w") as file:
                file["anything"] = values
    found = read_scores(tmp_path / "scores", VIDEOS)
    assert not found.problems and not found.absent
    for name, values in scores.items():
        assert found.scores[name].score.tolist() == values.tolist()


@pytest.mark.parametrize("kind", ["csv", "json", "h5"])
def test_rows_with_spans_fill_their_frames(tmp_path, kind):
    span = {video.video_id: spans(video) for video in VIDEOS}
    scores = {name: np.arange(len(rows)) / 8 for name, rows in span.items()}
    found = read_scores(save_all(tmp_path, kind, scores, span), VIDEOS)
    assert not found.problems
    for video in VIDEOS:
        expected = np.repeat(scores[video.video_id], 16)[: video.num_frames]
        assert found.scores[video.video_id].score.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", ["npy", "csv", "json", "h5"])
@pytest.mark.parametrize("tail", ["kept", "dropped"])
def test_segments_of_any_form_are_spread_by_the_stated_rule(tmp_path, kind, tail):
    scores = {
        video.video_id: np.arange((video.num_frames + (15 if tail == "kept" else 0)) // 16) / 8
        for video in VIDEOS
    }
    found = read_scores(save_all(tmp_path, kind, scores), VIDEOS, form=ScoreForm(Segments(16)))
    assert not found.problems
    for video in VIDEOS:
        values = scores[video.video_id]
        expected = [values[min(frame // 16, len(values) - 1)] for frame in range(video.num_frames)]
        assert found.scores[video.video_id].score.tolist() == expected
        assert found.scores[video.video_id].uncovered == (video.num_frames % 16 if tail == "dropped" else 0)


def test_a_long_array_may_have_an_order_of_its_own(tmp_path):
    scores, order = frame_scores(), [VIDEOS[2], VIDEOS[0], VIDEOS[1]]
    np.save(tmp_path / "s.npy", np.concatenate([scores[video.video_id] for video in order]))
    found = read_scores(tmp_path / "s.npy", VIDEOS, form=ScoreForm(order=order))
    assert {name: each.score.tolist() for name, each in found.scores.items()} == {
        name: values.tolist() for name, values in scores.items()
    }


def test_part_of_a_data_set_is_cut_out_of_an_array_of_all_of_it(tmp_path):
    convention, every = "gt-ucf", load_split("ucf_crime", "test")
    path = tmp_path / "all.npy"
    np.save(path, np.concatenate([labels for _, labels in legacy_truth(convention)]).astype(float))
    order = [Video(name) for name, _ in legacy_truth(convention)]
    chosen = [every[0], every[20], every[-1]]
    found = evaluate_scores(
        path, chosen, EvaluationSettings(convention=convention, resamples=0), form=ScoreForm(order=order)
    )
    assert found.summaries["frame_auc"].mean == 1.0 and len(found.videos) == 3
    with pytest.raises(ScoreFileError, match="elsewhere is not among the test videos of gt-ucf"):
        evaluate_scores(
            path,
            chosen,
            EvaluationSettings(convention=convention, resamples=0),
            form=ScoreForm(order=[Video("elsewhere")]),
        )


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_long_array_is_cut_in_the_order_of_the_convention(tmp_path, convention):
    truth = Truth.of(convention, videos := load_split(CONVENTIONS[convention].dataset, "test"))
    # Values that name their frame, so that no other cut gives the same.
    rows = {
        name: np.arange(len(labels)) + 1e6 * number
        for number, (name, labels) in enumerate(truth.labels.items())
    }
    np.save(tmp_path / "s.npy", np.concatenate(list(rows.values())).astype(np.float32))
    found = read_scores(
        tmp_path / "s.npy",
        videos,
        orders=orders_of(videos, convention),
        exact=False,
        length_of=truth.length,
    )
    assert not found.problems and f"cut in the order of {convention}" in found.notes[0]
    for name, values in rows.items():
        assert np.array_equal(found.scores[name].score, values.astype(np.float32))


@pytest.mark.parametrize(
    "dataset, refused",
    [("shanghaitech", True), ("xd_violence", False), ("ucsd_ped2", False)],
)
def test_a_long_array_of_a_data_set_with_several_orders_needs_one(tmp_path, dataset, refused):
    videos = [
        replace(video, num_frames=20 + number % 7) for number, video in enumerate(load_split(dataset, "test"))
    ]
    rows = {video.video_id: np.full(video.num_frames, number) for number, video in enumerate(videos)}
    np.save(tmp_path / "s.npy", np.concatenate(list(rows.values())))
    found = read_scores(tmp_path / "s.npy", videos, orders=orders_of(videos, "native"))
    asked = read_scores(tmp_path / "s.npy", videos, orders=orders_of(videos, "native", videos))
    assert bool(found.problems) == refused and not asked.problems
    if refused:
        assert "say which with --order LIST" in found.problems[0]
    assert all((asked.scores[name].score == values).all() for name, values in rows.items())
    # A list of the user's own states an order.
    own = [replace(video, split=None) for video in videos]
    assert not read_scores(tmp_path / "s.npy", own, orders=orders_of(own, "native")).problems


def test_several_files_are_seeds(tmp_path):
    paths = []
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        paths.append(save_all(tmp_path / str(seed), "json", frame_scores(seed)))
    found = evaluate_scores(paths, VIDEOS, EvaluationSettings(resamples=0))
    alone = [
        evaluate_scores(path, VIDEOS, EvaluationSettings(resamples=0)).summaries["frame_auc"].mean
        for path in paths
    ]
    assert found.summaries["frame_auc"].per_seed == pytest.approx(alone)
    write_list(tmp_path / "test.tsv", VIDEOS)
    words = ["evaluate", "--list", tmp_path / "test.tsv", "--scores", paths[0], "--scores", paths[1]]
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == 0 and "over 2 seeds" in result.output, result.output


WRONG_FILES = {
    "other length": (
        '{"a/one": [1, 2], "b.c/two": [], "three": ["x"]}',
        ".json",
        [
            "a/one: holds 2 scores, but the video has 70 frames",
            "b.c/two: holds no score",
            "three: holds values that are not numbers",
        ],
    ),
    "no json": ('{"a/one": [1,', ".json", ["cannot be read as JSON"]),
    "a list": ("[1, 2]", ".json", ["holds 2 scores, but the 3 videos of the list need 151"]),
    "a number": ("1", ".json", ["expected {VIDEO_ID: scores, ...}"]),
    "twice": ('{"three": [1], "three": [2]}', ".json", ["twice"]),
    "uneven": ('{"three": [[1], [2, 3]]}', ".json", ["three: score is not a row of numbers"]),
    "no header": (
        "a/one,0.5\n",
        ".csv",
        ["line 1: no column score; expected a header such as video_id,score"],
    ),
    "no number": ("video_id,score\nthree,high\n", ".csv", ["three: line 2: score is 'high', expected a"]),
    "cells": ("video_id,score\nthree\n", ".csv", ["line 2: 1 cells, the header has 2"]),
    "span": ("video_id,score,start,stop\nthree,1,0,x\n", ".csv", ["three: line 2: start-stop is 0-x"]),
    "long span": (
        "video_id,score,start,stop\nthree,1,0,99\n",
        ".csv",
        ["they reach frame 99, but the video has 48 frames"],
    ),
    "span of itself": (  # named once
        "video_id,score,start,stop\nthree,1,9,5\n",
        ".csv",
        ["three: its frame spans are not ascending"],
    ),
    "huge": ("video_id,score\nthree,-1e300\n", ".csv", ["three: holds a score of -1e+300"]),
    "not a number": ("video_id,score\nthree,nan\n", ".csv", ["three: 1 of 1 scores are NaN"]),
    "no hdf5": ("hello", ".h5", ["cannot be read as an HDF5 file: it is a text file"]),
    "no form": ("hello", ".doc", ["is not a score file; expected .npy, .csv"]),
    "a pickle": ("hello", ".pkl", ["is a pickle, which is never loaded because it can run code; save"]),
    "of none": (
        "video_id,score\nelsewhere,1\n",
        ".csv",
        ["of any of the 3 test videos; expected rows of video_id"],
    ),
}


@pytest.mark.parametrize("text, suffix, lines", WRONG_FILES.values(), ids=WRONG_FILES)
def test_what_is_wrong_with_a_file_is_said_in_lines(tmp_path, text, suffix, lines):
    path = tmp_path / f"scores{suffix}"
    path.write_text(text)
    with pytest.raises(ScoreFileError) as caught:
        evaluate_scores(path, VIDEOS)
    said = str(caught.value).splitlines()
    for line in lines:
        assert any(each.startswith(str(path)) and line in each for each in said), (line, said)
    assert "three: three" not in str(caught.value)


def test_what_is_wrong_with_a_long_array_is_said(tmp_path):
    np.save(tmp_path / "s.npy", np.zeros(150))
    with pytest.raises(ScoreFileError, match="holds 150 scores, but the 3 videos of the list need 151"):
        evaluate_scores(tmp_path / "s.npy", VIDEOS)
    with pytest.raises(ScoreFileError, match="need 11 or 9 one after another"):
        evaluate_scores(tmp_path / "s.npy", VIDEOS, form=ScoreForm(Segments(16)))


def test_two_files_of_one_video_are_refused(tmp_path):
    for suffix in ("csv", "json"):
        (tmp_path / f"three.{suffix}").write_text("[0]")
    found = read_scores(tmp_path, VIDEOS)
    assert len(found.problems) == 1 and "three.csv: and three.json next to it both" in found.problems[0]


def test_videos_that_are_not_listed_are_said_and_missing_ones_zero(tmp_path):
    scores = frame_scores() | {"more": np.zeros(3)}
    del scores["three"]
    path = save_all(tmp_path, "json", scores)
    with pytest.raises(
        ScoreFileError,
        match=r"no scores of three \(no such name; nearest: more\); score the video, or use --missing zero",
    ):
        evaluate_scores(path, VIDEOS)
    found = evaluate_scores(path, VIDEOS, EvaluationSettings(missing="zero", resamples=0))
    assert found.missing == ["three"] and any("1 video not in the list: more" in note for note in found.notes)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_a_published_truth_equals_ours_in_its_convention(test_data, dataset):
    array, order, convention = PUBLISHED[dataset]
    folder, videos = test_data / "lists" / dataset, load_split(dataset, "test")
    ordered = read_order(str(folder / order), videos)
    assert len(ordered) == len(videos)
    assert compare_truth(folder / array, videos, convention=convention, order=ordered).equal


def test_flipped_frames_are_found_and_named(test_data, tmp_path):
    array, order, convention = PUBLISHED["ucf_crime"]
    folder, videos = test_data / "lists" / "ucf_crime", load_split("ucf_crime", "test")
    truth = np.load(folder / array)
    first = np.flatnonzero(truth)[0]  # of Abuse028, which starts the array
    truth[first : first + 3], truth[0] = 0, 1
    np.save(tmp_path / "gt.npy", truth)
    found = compare_truth(tmp_path / "gt.npy", videos, convention=convention)
    assert [(each.video_id, each.start, each.stop, each.theirs) for each in found.differences] == [
        ("Abuse/Abuse028_x264", 0, 1, 1),
        ("Abuse/Abuse028_x264", first, first + 3, 0),
    ]
    said = "\n".join(found.lines())
    assert "4 frames differ, in 1 of 290 videos" in said
    assert f"frames {first}-{first + 3} (3) anomalous in ours only" in said


@pytest.mark.parametrize("convention", ["gt-rtfm", "gt-ucf"])
def test_a_truth_in_which_whole_classes_are_zero_is_named(tmp_path, convention):
    """A public array of gt-rtfm's length has no anomalous frame of five classes."""
    videos = load_split("ucf_crime", "test")
    zero = ("Robbery", "Shooting")
    classes = {video.video_id: video.event_class for video in videos}
    labels = [each * (classes[name] not in zero) for name, each in legacy_truth("gt-rtfm")]
    np.save(tmp_path / "gt.npy", np.concatenate(labels)[None])
    found = compare_truth(tmp_path / "gt.npy", videos, convention=convention)
    assert found.zero_classes == zero
    assert any("no anomalous frame of Robbery, Shooting" in line for line in found.lines())


@pytest.mark.parametrize("form", ["[N]", "[1, N]", "txt", "npz by name", "folder"])
def test_a_truth_of_any_form_is_compared(tmp_path, form):
    labels = {video.video_id: frame_labels(video, video.num_frames) for video in VIDEOS}
    labels["three"][20] = 1
    joined, path = np.concatenate(list(labels.values())), tmp_path / "gt.npy"
    if form == "txt":
        np.savetxt(path := tmp_path / "gt.txt", joined)
    elif form == "npz by name":
        np.savez(
            path := tmp_path / "gt.npz", **{name.rsplit("/", 1)[-1]: each for name, each in labels.items()}
        )
    elif form == "folder":
        (path := tmp_path / "gt").mkdir()
        for name, each in labels.items():
            np.save(path / f"{name.rsplit('/', 1)[-1]}.npy", each)
    else:
        np.save(path, joined if form == "[N]" else joined[None])
    (found,) = compare_truth(path, VIDEOS).differences
    assert (found.video_id, found.start, found.stop, found.theirs) == ("three", 20, 21, 1)


def test_a_truth_of_another_length_is_traced_to_its_convention(test_data):
    folder, videos = test_data / "lists" / "ucf_crime", load_split("ucf_crime", "test")
    said = "\n".join(compare_truth(folder / PUBLISHED["ucf_crime"][0], videos).lines())
    assert "2,128 frames shorter" in said and "--convention gt-ucf" in said
    assert "differs is 164 of Abuse/Abuse028" in said


def test_the_command_compares_and_its_status_stays_that_of_the_evaluation(tmp_path):
    truth = np.concatenate([frame_labels(video, video.num_frames) for video in VIDEOS]).astype(np.float32)
    truth[70] = 1
    np.save(tmp_path / "gt.npy", truth)
    write_list(tmp_path / "test.tsv", VIDEOS)
    files = {"list": "test.tsv", "scores": "scores.json", "ground-truth": "gt.npy"}
    words = [word for name, file in files.items() for word in (f"--{name}", str(tmp_path / file))]
    save_all(tmp_path, "json", frame_scores())
    result = CliRunner().invoke(main, ["evaluate", *words])
    assert result.exit_code == 0, result.output
    assert "1 frames differ, in 1 of 3 videos" in result.output
    assert "b.c/two: frame 0 (1) anomalous in the array only" in result.output


@pytest.mark.parametrize(
    "wrong, said",
    [([0.0, 0.5], "holds 0.5 at position 1"), ([[[0, 1], [0, 1]], [[0, 1], [0, 1]]], "has shape")],
)
def test_an_array_that_is_no_truth_is_refused(tmp_path, wrong, said):
    np.save(tmp_path / "gt.npy", np.array(wrong))
    with pytest.raises(ScoreFileError, match=said):
        compare_truth(tmp_path / "gt.npy", VIDEOS)


@pytest.mark.parametrize(
    "lines",
    [
        ["C:\\x\\three_i3d.npy", "/d/one__0.npy", "/d/one__1.npy", "two.mp4 "],
        ["path,label", "three.npy,Fight", "one.npy,Fight", "two.npy,Normal"],
        ["three 48", "one 70", "two 33"],
        ["three.npy 1", "a/one.npy 1", "two.npy 0"],
        [
            "video_id\tevent_class\tnum_frames\tanomaly_spans",
            "three\tFight\t48\t0-16",
            "a/one\tFight\t70\t20-52",
            "b.c/two\tNormal\t33\t",
        ],
    ],
)
def test_a_published_order_is_matched_name_by_name(tmp_path, lines):
    path = tmp_path / "order.list"
    path.write_text("\n".join(lines) + "\n")
    assert [video.video_id for video in read_order(str(path), VIDEOS)] == ["three", "a/one", "b.c/two"]


def test_names_of_an_order_that_are_no_videos_are_shown(tmp_path):
    path = tmp_path / "order.list"
    path.write_text("three\nthreefold\none\nthree\n")
    with pytest.raises(ListError) as caught:
        read_order(str(path), VIDEOS)
    said = str(caught.value)
    assert "order.list:2: threefold is not a video" in said and "lacks 1 of 3 videos: b.c/two" in said
    assert "named twice: three" in said
