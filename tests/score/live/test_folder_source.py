"""Folders that grow: every file once, in order, whatever lies between."""

import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from score.live.frames.capture import Capture
from score.live.sources import folder_source
from score.live.sources.folder_source import FolderSource
from score.live.sources.frame_source import FolderGone
from support.tiny_checkpoints import block_video, write_h264
from support.waiting import wait_until
from support.watching import camera_at


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(folder_source, "SETTLED_SECONDS", 0.2)
    monkeypatch.setattr(folder_source, "POLL_SECONDS", 0.02)


def save(path, width, height):
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)


def played(folder, count):
    """[(name, number of frames, shape)] of the first recordings; a later one may still go on."""
    stopping, found = threading.Event(), []
    source = FolderSource(folder, stopping)

    def play():
        while (recording := source.next()) is not None:
            found.append([recording.name, 0, None])
            for frame in recording.frames:
                found[-1][1:] = found[-1][1] + 1, frame.rgb().shape

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    wait_until(lambda: sum(frames for _, frames, _ in found) >= count)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    return found, source.damaged


def test_every_image_and_video_is_taken_once_where_sizes_and_kinds_change(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", 32, 24)
    for number in range(3, 5):
        save(tmp_path / f"{number}.png", 48, 24)
    write_h264(tmp_path / "5.mp4", block_video(0, hectic=True, num_frames=8))
    save(tmp_path / "6.png", 48, 24)
    (tmp_path / "7.png").write_bytes((tmp_path / "6.png").read_bytes()[:40])
    save(tmp_path / "8.png", 48, 24)
    found, damaged = played(tmp_path, 15)
    folder, video = tmp_path.name, (tmp_path / "5.mp4").name
    assert [each[:2] for each in found] == [[folder, 3], [folder, 2], [video, 8], [folder, 2]]
    assert [each[2] for each in found][:2] == [(24, 32, 3), (24, 48, 3)] and damaged == 1


def test_an_empty_file_does_not_keep_those_after_it_waiting(tmp_path):
    (tmp_path / "a.mp4").touch()
    write_h264(tmp_path / "b.mp4", block_video(0, hectic=True, num_frames=8))
    assert played(tmp_path, 8)[0][0][0] == "b.mp4"


def test_a_folder_that_is_gone_is_a_lost_camera_until_it_returns(tmp_path):
    folder = tmp_path / "recorder"
    folder.mkdir()
    capture = Capture(camera_at(str(folder)), threading.Event())
    capture.start()
    try:
        shutil.rmtree(folder)
        wait_until(lambda: capture.connection == "lost")
        assert capture.detail.startswith(
            "the folder cannot be listed (No such file or directory); tried again in"
        )
        folder.mkdir()
        write_h264(folder / "a.mp4", block_video(0, hectic=True, num_frames=8))
        wait_until(lambda: capture.frames == 8)
        assert capture.connection == "live"
    finally:
        capture.close()
        capture.join(10)


def test_a_folder_that_cannot_be_listed_says_so(tmp_path):
    with pytest.raises(FolderGone, match="cannot be listed"):
        FolderSource(tmp_path / "nowhere", threading.Event()).next()


def test_a_folder_has_not_ended_when_nobody_waits_for_its_files_any_more(tmp_path):
    capture = Capture(camera_at(str(tmp_path)), threading.Event())
    capture.start()
    capture.close()
    capture.join(20)
    assert not capture.is_running and capture.connection != "ended"
