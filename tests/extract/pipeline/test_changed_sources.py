"""Runs without a list, sources that changed, and what a run says of its videos."""

import os
import re

import pytest
from click.testing import CliRunner

from data_lists.folders import every_video
from data_lists.list_error import ListError
from extract.cli import main
from extract.store import FeatureStore
from extract.store.video_features import REMARKS, remarks_of
from support.video_corpus import write_video


def run(root, *more):
    arguments = [
        "run",
        "--preset",
        "motion",
        "--workers",
        "1",
        "--videos",
        root / "v",
        "--store",
        root / "s",
        *more,
    ]
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_every_video_below_a_folder_is_found(tmp_path):
    for name in (
        "a.mp4",
        "sub/b.AVI",
        "frames/0.png",
        "frames/1.png",
        "c.zip",
        "sub/thumb.jpg",
        ".x/d.mp4",
        "e.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    videos, problems = every_video(tmp_path)
    assert [video.video_id for video in videos] == ["a", "c", "frames", "sub/b"] and not problems
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "x\ny.mp4").write_bytes(b"")
    again, problems = every_video(tmp_path)
    assert again == videos and len(problems) == 2
    assert "pipe.mp4: is a pipe" in problems[0] and "y.mp4" in problems[1]


def test_a_folder_without_videos_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ListError, match="no video file and no folder of frames below it"):
        every_video(tmp_path)


@pytest.mark.slow
def test_a_source_that_changed_is_reported_and_made_again_on_request(tmp_path):
    (tmp_path / "v").mkdir()
    path = write_video(tmp_path / "v" / "a.mp4", 20)
    write_video(tmp_path / "v" / "b.mp4", 20)
    store = FeatureStore(tmp_path / "s") if run(tmp_path).exit_code == 0 else None
    assert store is not None and store.ids() == ["a", "b"]
    before = store.path("b").read_bytes()
    # As long as before, so that only the content shows it; touched a minute later.
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    later = store.path("a").stat().st_mtime + 60
    os.utime(path, (later, later))
    os.utime(tmp_path / "v" / "b.mp4", (later, later))
    reported = run(tmp_path)
    assert (
        "1 video whose source is not the one that was extracted, such as a: run with --changed redo"
        in reported.output
    )
    assert "0 extracted, 2 already there" in reported.output
    assert "1 extracted, 1 already there" in run(tmp_path, "--changed", "redo").output
    assert store.path("b").read_bytes() == before
    assert store.header("a").source["sha256"] != store.header("b").source["sha256"]
    os.utime(path, (later - 3600, later - 3600))
    assert "source is not" not in run(tmp_path).output


def test_remarks_follow_from_what_a_file_records():
    assert (
        remarks_of({}, 100) == remarks_of({"header_num_frames": 102, "messages": 0, "clock": ""}, 100) == []
    )
    decode = {"messages": 1, "complete": False, "missing_frames": 2, "clock": "x", "other_streams": [1]}
    decode["header_num_frames"] = 110
    # sound: none at all, or not for every segment
    for sound, absent in (
        ({"stream": None, "silent_segments": 4}, "partly_mute"),
        ({"stream": 1, "silent_segments": 4}, "mute"),
    ):
        expected = [key for key in REMARKS if key != absent]
        assert remarks_of({**decode, "sound": sound}, 100) == expected


@pytest.mark.slow
def test_a_missing_video_has_its_nearest_names(tmp_path):
    write_video((tmp_path / "v").mkdir() or tmp_path / "v" / "cam_01.mp4", 20)
    lines = "".join(f"{name}\tNormal\t\t\n" for name in ("Cam_01", "cam_01.mp4", "x/cam_01"))
    (tmp_path / "l.tsv").write_text("video_id\tevent_class\tnum_frames\tanomaly_spans\n" + lines)
    output = run(tmp_path, "--list", tmp_path / "l.tsv").output
    for said in (
        r"nearest: cam_01 \(other case\)",
        "ids have no suffix: cam_01",
        r"nearest: cam_01 \(other folder\)",
    ):
        assert re.search(said, output), output
