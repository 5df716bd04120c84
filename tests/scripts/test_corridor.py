"""The corridor: truth, masks, tracks and pictures agree, and each class of anomaly shows in its own
measure."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from data_lists import frame_labels, read_list
from data_lists.masks import open_masks
from extract.cli import main as extract_main
from extract.presets.scene_preset import Scene
from extract.scene.person_graph import clip_graph
from extract.scene.track_files import read_tracks
from score.cli import main as score_main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 160, 120


def make(out: Path, *options: str) -> None:
    command = [
        sys.executable,
        str(ROOT / "scripts/demo/make_corridor.py"),
        str(out),
        "--train",
        "1",
        "--seconds",
        "8",
        *options,
    ]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def corridor(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("corridor")
    make(out, "--test", "4")
    return out


def videos(corridor):
    return {video.event_class: video for video in read_list(corridor / "test.tsv")}


def graph(corridor, video):
    """The video as one clip, with a frame every 0.04 s."""
    found = read_tracks(corridor / "tracks", video.video_id)
    frames = [found.at(frame) for frame in range(video.num_frames)]
    return clip_graph(
        frames, seconds=np.arange(len(frames)) / 25, size=(WIDTH, HEIGHT), settings=Scene(persons=12)
    )


def pictures(corridor, video) -> np.ndarray:
    with av.open(str(corridor / "videos" / f"{video.video_id}.mp4")) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_lists_and_files_fit_together(corridor):
    train, test = read_list(corridor / "train.tsv"), read_list(corridor / "test.tsv")
    assert [video.event_class for video in train] == ["Normal"] and set(videos(corridor)) == {
        "Normal",
        "Appearance",
        "Motion",
        "Graph",
    }
    for video in train + test:
        assert len(pictures(corridor, video)) == video.num_frames == 200
        assert video.has_frame_truth and bool(video.anomaly_spans) == video.is_anomalous
        assert (
            json.loads((corridor / "tracks" / f"{video.video_id}.json").read_text())["frames"][-1]["frame"]
            == 199
        )


@pytest.mark.parametrize("kind", ["Appearance", "Motion", "Graph"])
def test_masks_mark_the_frames_of_the_spans_and_only_those(corridor, kind):
    video = videos(corridor)[kind]
    masks = open_masks(corridor / "masks", video.video_id)
    assert masks.size == (WIDTH, HEIGHT)
    assert np.array_equal([mask.any() for mask in masks], frame_labels(video, 200).astype(bool))


def test_a_cart_stands_out_in_its_mask(corridor):
    video = videos(corridor)["Appearance"]
    masks, shown = open_masks(corridor / "masks", video.video_id), pictures(corridor, video).astype(int)
    frame = (video.anomaly_spans[0][0] + video.anomaly_spans[-1][1]) // 2
    inside = shown[frame][masks[frame]].mean(axis=0)
    assert inside[0] - inside[1] > 40  # magenta; nothing else in the corridor is
    others = shown[frame][~masks[frame]]
    assert (others[:, 0] - others[:, 1]).mean() < 10


def test_only_runners_are_fast(corridor):
    fastest = {}
    for kind, video in videos(corridor).items():
        speed = np.linalg.norm(graph(corridor, video).nodes[..., 4:6], axis=-1)
        fastest[kind] = np.quantile(speed[speed > 0], 0.99)
    assert all(1.5 * fastest[kind] < fastest["Motion"] for kind in ("Normal", "Appearance", "Graph"))


def test_only_in_the_graph_anomaly_people_are_close(corridor):
    closest = {}
    for kind, video in videos(corridor).items():
        distance = graph(corridor, video).adjacency[:, 0].max(axis=(1, 2))
        truth = frame_labels(video, 200).astype(bool)
        closest[kind] = distance[truth if kind == "Graph" else slice(None)]
    normal = max(closest[kind].max() for kind in ("Normal", "Appearance", "Motion"))
    assert np.median(closest["Graph"]) > normal and normal < 0.8


def test_joints_lie_in_their_boxes(corridor):
    found = read_tracks(corridor / "tracks", videos(corridor)["Normal"].video_id)
    for people in found.frames.values():
        for box, joints in zip(people.boxes, people.keypoints, strict=True):
            seen = joints[joints[:, 2] > 0, :2]
            assert (seen >= box[:2] - 2).all() and (seen <= box[2:] + 2).all()


def test_the_same_seed_gives_the_same_files_however_many_there_are(corridor, tmp_path):
    make(tmp_path, "--test", "1")
    written = sorted(path for path in tmp_path.rglob("*_000.*"))
    assert len(written) == 4  # two videos and their tracks; both are normal
    for path in written:
        assert (corridor / path.relative_to(tmp_path)).read_bytes() == path.read_bytes(), path.name


def test_pixel_measures_of_a_trained_head_from_videos_to_report(corridor, tmp_path):
    """As a new user would. The pictures are too small to learn much; the numbers must exist and use the
    masks."""
    options = (
        "clip_length=4",
        "segment_stride=8",
        "resize.size=[24,32]",
        "flow=null",
        "scene.detector=files",
    )
    extract = [
        "run",
        "--preset",
        "reclass",
        "--device",
        "cpu",
        "--workers",
        "1",
        "--videos",
        corridor / "videos",
    ]
    extract += ["--tracks", corridor / "tracks", "--store", tmp_path / "store"]
    extract += [each for split in ("train", "test") for each in ("--list", corridor / f"{split}.tsv")]
    extract += [each for option in options for each in ("--set", option)]
    assert invoke(extract_main, extract).exit_code == 0
    small = (
        "head.frames=2",
        "head.width=4",
        "head.judge_width=4",
        "train.epochs=1",
        "train.steps_per_epoch=4",
    )
    train = ["train", "--head", "reclass", "--store", tmp_path / "store", "--list", corridor / "train.tsv"]
    train += ["--out", tmp_path / "run", *[each for option in small for each in ("--set", option)]]
    assert invoke(score_main, train).exit_code == 0
    evaluate = ["evaluate", tmp_path / "run", "--store", tmp_path / "store", "--list", corridor / "test.tsv"]
    evaluate += ["--resamples", "20", "--masks"]
    files = ["--json", tmp_path / "out.json", "--report", tmp_path / "out.html"]
    done = invoke(score_main, [*evaluate, corridor / "masks", *files])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out.json").read_text())
    page = (tmp_path / "out.html").read_text()
    for name, words in (("pixel_auc", "pixel AUC, "), ("rbdc", "RBDC, "), ("tbdc", "TBDC, ")):
        assert 0 <= found[name]["interval"][0] <= found[name]["mean"] <= found[name]["interval"][1] <= 1
        assert words in done.output and words in page and f"{found[name]['mean']:.4f}" in page
    assert found["details"]["pixel_truth"] == {"masks": str(corridor / "masks"), "boxes": None}
    nowhere = invoke(score_main, [*evaluate, corridor / "tracks"])
    assert nowhere.exit_code == 2 and nowhere.output.count("no masks; expected") == 3
    assert all(line.startswith("error: ") for line in nowhere.output.splitlines())


def invoke(command, words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
