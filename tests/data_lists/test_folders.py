"""The user's own data in folders: ids, classes, annotations beside the videos, and mistakes."""

import json

import pytest

from data_lists import ListError, Video, resolve_lists
from data_lists.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from extract.decode import sources


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
        ("normal", b"{", "not JSON"),
        ("normal", b"\xff\xfe\xfd", "not JSON"),
        ("normal", b"[" * 100_000, "not JSON"),
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
