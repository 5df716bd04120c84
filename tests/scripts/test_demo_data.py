"""The synthetic data set of the demo: its files hold what its lists say, and a seed decides everything."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from data_lists import read_list

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def make(out: Path, *options: str) -> Path:
    command = [
        sys.executable,
        str(ROOT / "scripts/demo/make_videos.py"),
        str(out),
        "--train",
        "2",
        "--test",
        "2",
        "--seconds",
        "6",
        "7",
    ]
    run = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    return out


def decoded(path: Path) -> np.ndarray:
    """Frames [L, H, W, 3] by PyAV."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("demo") / "data")


def test_videos_are_h264_of_the_listed_length(data):
    for video in read_list(data / "train.tsv") + read_list(data / "test.tsv"):
        path = data / "videos" / f"{video.video_id}.mp4"
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            found = (
                stream.codec_context.name,
                stream.pix_fmt,
                stream.width,
                stream.height,
                stream.average_rate,
            )
        assert found == ("h264", "yuv420p", 320, 240, 25)
        assert len(decoded(path)) == video.num_frames


def test_test_list_has_truth_and_training_list_has_none(data):
    train, test = read_list(data / "train.tsv"), read_list(data / "test.tsv")
    assert {video.is_anomalous for video in train} == {video.is_anomalous for video in test} == {True, False}
    assert not any(video.anomaly_spans for video in train)
    for video in test:
        assert video.has_frame_truth
        marked = sum(stop - start for start, stop in video.anomaly_spans)
        assert 0 < marked < video.num_frames if video.is_anomalous else marked == 0


def test_no_camera_is_in_both_splits(data):
    groups = [{video.group for video in read_list(data / f"{split}.tsv")} for split in ("train", "test")]
    assert None not in groups[0] | groups[1]
    assert not groups[0] & groups[1]


def test_something_moves_in_a_scene_that_stays(data):
    for video in read_list(data / "train.tsv"):
        frames = decoded(data / "videos" / f"{video.video_id}.mp4")[::10].astype(float)
        away = np.abs(frames - np.median(frames, axis=0)).mean(axis=-1) > 40  # [L, H, W]
        assert 0.001 < away.mean() < 0.2, "people cover some of the picture, the background the rest"


@pytest.mark.slow
def test_a_seed_gives_the_same_bytes_and_another_seed_others(data, tmp_path):
    again, other = make(tmp_path / "again"), make(tmp_path / "other", "--seed", "1")
    for path in sorted(data.rglob("*.*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(data)).read_bytes(), path.name
    name = Path("videos") / f"{read_list(data / 'train.tsv')[0].video_id}.mp4"
    first, second = (
        decoded(data / name),
        decoded(other / "videos" / f"{read_list(other / 'train.tsv')[0].video_id}.mp4"),
    )
    assert first.shape != second.shape or (first != second).any()


def test_a_second_call_makes_only_what_the_settings_changed(data):
    times = {path: path.stat().st_mtime_ns for path in data.rglob("*.mp4")}
    make(data)
    assert times == {path: path.stat().st_mtime_ns for path in data.rglob("*.mp4")}


def test_help_states_the_defaults_and_ends_where_nobody_can_read_it():
    """Options before it do not count, and a full disk must not make the script go in circles."""
    words = ["bash", str(ROOT / "scripts" / "demo.sh"), "--preset", "i3d-rgb-16", "--seeds", "2", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "[default: motion]" in done.stdout and "[default: 5]" in done.stdout
    with open("/dev/full", "w") as full:
        assert subprocess.run(words, stdout=full, stderr=subprocess.DEVNULL, timeout=20).returncode == 1
