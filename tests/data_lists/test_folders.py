"""The user's own data in folders: ids, classes, annotations beside the videos, and mistakes."""

import json
import os

import pytest

from data_lists import ListError, Video, resolve_lists
from data_lists.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES, read_folder
from extract.decode import sources
from support.hostile_files import IRREGULAR


def put(path, content=b""):
    """Create a file. Folders are read without opening any video, so an empty file is enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def problems_of(*folders):
    with pytest.raises(ListError) as caught:
        resolve_lists(folders)
    return caught.value.problems


def test_folders_become_classes_and_paths_become_ids(tmp_path):
    train = tmp_path / "mydata" / "train"
    put(train / "normal" / "a.mp4")
    put(train / "normal" / "hall" / "a.b.AVI")
    put(train / "normal" / "notes.txt")
    put(train / "normal" / "._a.mp4")
    put(train / "anomaly" / "c.mkv")
    put(train / "anomaly" / "frames.v2" / "000001.jpg")
    put(train / "anomaly" / "Fighting" / "day 1" / "d.mp4")
    put(train / "anomaly" / "Fighting" / "e" / "1.png")
    assert resolve_lists([train]) == [
        Video("train/anomaly/Fighting/day 1/d", "Fighting"),
        Video("train/anomaly/Fighting/e", "Fighting"),
        Video("train/anomaly/c", "Anomaly"),
        Video("train/anomaly/frames.v2", "Anomaly"),
        Video("train/normal/a", "Normal"),
        Video("train/normal/hall/a.b", "Normal"),
    ]


def test_train_and_test_folders_share_no_id(tmp_path):
    put(tmp_path / "train" / "normal" / "a.mp4")
    put(tmp_path / "test" / "normal" / "a.mp4")
    assert [video.video_id for video in resolve_lists([tmp_path / "train", f"{tmp_path}/test/"])] == [
        "train/normal/a",
        "test/normal/a",
    ]


def test_the_name_of_the_working_folder_is_found(tmp_path, monkeypatch):
    put(tmp_path / "test" / "normal" / "a.mp4")
    monkeypatch.chdir(tmp_path / "test")
    assert resolve_lists(["."]) == [Video("test/normal/a")]


def test_annotations_beside_videos_set_frames_and_spans(tmp_path):
    put(tmp_path / "normal" / "a.mp4")
    put(tmp_path / "normal" / "a.json", {"video_path": "a.mp4", "label": 0, "frame_annotations": [0, 0, 0]})
    put(tmp_path / "anomaly" / "b.x.mp4")
    put(tmp_path / "anomaly" / "b.x.json", {"label": "anomaly", "frame_annotations": [1, 0, 0, 1, 1]})
    put(tmp_path / "anomaly" / "c" / "1.png")
    put(tmp_path / "anomaly" / "c.json", {"label": "Fighting", "frame_annotations": [0, 1]})
    put(tmp_path / "anomaly" / "d.mp4")
    put(tmp_path / "anomaly" / "d.json", {"label": 1})
    name = tmp_path.name
    assert resolve_lists([tmp_path]) == [
        Video(f"{name}/anomaly/b.x", "Anomaly", 5, ((0, 1), (3, 5))),
        Video(f"{name}/anomaly/c", "Fighting", 2, ((1, 2),)),
        Video(f"{name}/anomaly/d", "Anomaly"),
        Video(f"{name}/normal/a", "Normal", 3),
    ]


@pytest.mark.parametrize(
    "branch, content, words",
    [
        ("normal", b"{", "cannot be read as JSON"),
        ("normal", b"\xff\xfe\xfd", "cannot be read as UTF-8 text"),
        ("normal", b"[" * 100_000, "cannot be read as JSON"),
        ("normal", [0, 1], "expected an object"),
        ("normal", {"label": 1}, "label 1 contradicts the folder"),
        ("normal", {"label": "Fighting"}, "label 'Fighting' contradicts the folder"),
        ("normal", {"label": 2}, "label 2 must be 0, 1 or the name of a class"),
        ("normal", {"label": [0]}, "label [0] must be 0, 1 or the name of a class"),
        ("anomaly", {"label": 0}, "label 0 contradicts the folder"),
        ("anomaly", {"label": "Normal"}, "label 'Normal' contradicts the folder"),
        ("anomaly/Fighting", {"label": "Abuse"}, "label 'Abuse' contradicts the folder"),
        ("normal", {"frame_annotations": [0, 1]}, "marks anomalous frames, but the video is below normal/"),
        ("anomaly", {"frame_annotations": [0, 0]}, "marks no frame, but the video is below anomaly/"),
        ("anomaly", {"frame_annotations": [0, 2]}, "must be a list of 0 and 1"),
        ("anomaly", {"frame_annotations": ["1"]}, "must be a list of 0 and 1"),
        ("anomaly", {"frame_annotations": [[1]]}, "must be a list of 0 and 1"),
        ("anomaly", {"frame_annotations": "011"}, "must be a list of 0 and 1"),
    ],
)
def test_a_wrong_annotation_is_one_line_with_its_file(tmp_path, branch, content, words):
    put(tmp_path / branch / "a.mp4")
    put(tmp_path / branch / "a.json", content)
    put(tmp_path / "normal" / "good.mp4")
    (problem,) = problems_of(tmp_path)
    assert problem.startswith(f"{tmp_path / branch / 'a.json'}: ") and words in problem
    assert "\n" not in problem


def test_files_that_share_an_id_are_all_named(tmp_path):
    put(tmp_path / "normal" / "a.mp4")
    put(tmp_path / "normal" / "a.avi")
    put(tmp_path / "normal" / "a" / "1.jpg")
    problems = problems_of(tmp_path)
    assert len(problems) == 2 and all("duplicate video_id" in problem for problem in problems)
    for name in ("a.mp4", "a.avi", "normal/a"):
        assert any(name in problem for problem in problems)


def test_a_normal_class_below_anomaly_is_an_error(tmp_path):
    put(tmp_path / "anomaly" / "Normal" / "a.mp4")
    (problem,) = problems_of(tmp_path)
    assert "a normal video below anomaly/" in problem


def test_the_message_for_a_folder_with_both_splits_names_them(tmp_path):
    put(tmp_path / "train" / "normal" / "a.mp4")
    put(tmp_path / "test" / "normal" / "b.mp4")
    (problem,) = problems_of(tmp_path)
    assert problem.endswith(f"give {tmp_path / 'train'} or {tmp_path / 'test'}")


def test_folders_without_videos_are_errors(tmp_path):
    (tmp_path / "empty" / "normal").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    first, second = problems_of(tmp_path / "empty", tmp_path / "other")
    assert (
        "empty: no video below normal/" in first and "other: contains neither normal/ nor anomaly/" in second
    )


def test_a_published_name_wins_over_a_folder(tmp_path, monkeypatch):
    put(tmp_path / "ucsd_ped2" / "test" / "normal" / "a.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(resolve_lists(["ucsd_ped2/test"])) == 12
    assert resolve_lists(["./ucsd_ped2/test"]) == [Video("test/normal/a")]


def test_folders_list_the_files_that_the_decoder_opens():
    assert (VIDEO_SUFFIXES, IMAGE_SUFFIXES) == (sources.VIDEO_SUFFIXES, sources.IMAGE_SUFFIXES)


def test_what_is_no_regular_file_is_named_and_the_rest_is_listed(tmp_path):
    put(tmp_path / "normal" / "a.mp4")
    put(tmp_path / "normal" / "b.mp4")
    for kind, make in IRREGULAR.items():
        make(tmp_path / "normal" / f"{kind}.mp4")
    os.mkfifo(tmp_path / "normal" / "b.json")
    videos, problems = read_folder(tmp_path)
    assert [video.video_id for video, _ in videos] == [f"{tmp_path.name}/normal/{name}" for name in "ab"]
    refused = [f"{kind}.mp4" for kind in IRREGULAR if kind not in ("folder", "missing")] + ["b.json"]
    assert len(problems) == len(refused)
    for name in refused:
        (problem,) = [
            problem for problem in problems if problem.startswith(f"{tmp_path / 'normal' / name}: ")
        ]
        assert problem.isprintable()


def test_folders_that_hold_themselves_are_listed_once(tmp_path):
    put(tmp_path / "normal" / "a" / "b" / "c.mp4")
    put(tmp_path / "normal" / "frames" / "1.jpg")
    put(tmp_path / "normal" / "frames" / "deeper" / "d.mp4")
    put(tmp_path / "normal" / "beside.jpg")
    (tmp_path / "normal" / "self").symlink_to(".")
    (tmp_path / "normal" / "a" / "b" / "up").symlink_to("../..")
    (tmp_path / "normal" / "nothing").symlink_to("nothing")
    assert [video.video_id.split("/normal/")[1] for video in resolve_lists([tmp_path])] == ["a/b/c", "frames"]


def test_hundreds_of_levels_are_one_line(tmp_path, monkeypatch):
    put(tmp_path / "normal" / "z" / "a.mp4")
    monkeypatch.chdir(tmp_path / "normal")
    for _ in range(300):
        os.mkdir("a name of 20 letters")
        os.chdir("a name of 20 letters")
    os.chdir(tmp_path)
    videos, problems = read_folder(tmp_path)
    assert len(videos) == 1 and len(problems) == 1 and "64 folders deep" in problems[0]


def test_names_that_a_terminal_would_act_on_are_refused_in_one_printable_line_each(tmp_path):
    for name in (b"a\nerror: forged", b"b\x1b[2J", b"c\xff", b"d\xe2\x80\xa8"):
        put(tmp_path / "normal" / os.fsdecode(name + b".mp4"))
    problems = problems_of(tmp_path)
    assert len(problems) == 4 and all(problem.isprintable() for problem in problems)
    assert str(ListError(["a\nb"])) == "a\\nb"
