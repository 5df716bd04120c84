"""The preset reclass end to end: arrays hold what frames and tracks say, complete or absent, resumable."""

import json
import os
import re
import sys
import types
from hashlib import sha256

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from data_lists import Video
from extract.cli import main
from extract.clips.transforms import resize
from extract.descriptors.speed_map import SpeedMap
from extract.flow.estimator import make_estimator
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.pipeline.spool import Spool
from extract.pipeline.video_error import VideoError
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.presets.scene_preset import Scene
from extract.runtime.progress import Progress
from extract.scene.detectors import make_detector
from extract.scene.keypoint_rcnn import KeypointRCNN, KeypointRCNNDetector
from extract.store import FeatureStore, StoreError, hdf5_group
from support import video_corpus

# Most of these start decode workers, or wait for jobs.
pytestmark = pytest.mark.slow

FRAMES = 25  # of 160 x 96 pixels, 25 a second
TINY = [
    "scene.detector=files",
    "scene.persons=3",
    "resize.size=[24,40]",
    "clip_length=4",
    "segment_stride=8",
    "flow.clamp=8",
]
DOCUMENTED = {  # T 4, P 3, H 24, W 40
    "rgb": (np.uint8, (4, 24, 40, 3)),
    "flow": (np.int8, (4, 24, 40, 2)),
    "nodes": (np.float32, (4, 3, 60)),
    "node_mask": (bool, (4, 3)),
    "adjacency": (np.float32, (4, 3, 3, 3)),
    "track_id": (np.int64, (3,)),
    "clip_frame": (np.int64, (4,)),
    "frame_mask": (bool, (4,)),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos with tracks of two people who walk to the right, and one without tracks."""
    root = tmp_path_factory.mktemp("scenes")
    for name in ("a", "b", "untracked"):
        video_corpus.write_video(root / f"{name}.mp4", FRAMES)
    for name, first in (("a", 3), ("b", 8)):
        rows = [
            f"{t},{first + p},{10 + 50 * p + t},20,{30 + 50 * p + t},80\n"
            for t in range(FRAMES)
            for p in range(2)
        ]
        (root / f"{name}.csv").write_text("frame,track_id,x1,y1,x2,y2\n" + "".join(rows))
    return root


def run(videos, store, ids=("a",), *, assignments=(), **changes):
    preset = overridden(PRESETS["reclass"], [*TINY, *assignments])
    settings = RunSettings(device="cpu", workers=2, **changes)
    return extract(
        preset,
        [Video(each) for each in ids],
        root=videos,
        store_root=store,
        settings=settings,
        progress=Progress(total=0, live=False),
    )


def decoded(path) -> torch.Tensor:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames))


def test_arrays_are_as_documented_and_hold_what_frames_and_tracks_say(videos, tmp_path):
    run(videos, tmp_path)
    store = FeatureStore(tmp_path)
    video = store.verify("a")
    assert video.features is None and store.spec.feature_dim == 0
    assert {name: (rows.dtype, rows.shape[1:]) for name, rows in video.arrays.items()} == DOCUMENTED
    assert video.frame_span.tolist() == [[0, 8], [8, 16], [16, 24], [24, 25]]
    clip_frame = video.arrays["clip_frame"]
    assert clip_frame.tolist() == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20, 22], [24, 24, 24, 24]]
    assert video.arrays["frame_mask"].tolist() == [[True] * 4] * 3 + [[True, False, False, False]]
    small = resize(
        decoded(videos / "a.mp4").permute(0, 3, 1, 2), mode="exact", size=(24, 40), filter="bilinear"
    )
    assert np.array_equal(video.arrays["rgb"], small.permute(0, 2, 3, 1).numpy()[clip_frame])
    sampled = small[::2].permute(0, 2, 3, 1)
    flow = make_estimator("tvl1")(sampled[:-1], sampled[1:]).clamp(-8, 8)
    levels = (127 * flow / 8).round().to(torch.int8).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(video.arrays["flow"][:3].reshape(12, 24, 40, 2), levels[:12])
    assert np.array_equal(
        video.arrays["flow"][3, 0], levels[-1]
    )  # the last frame has the flow of the one before
    centre = video.arrays["nodes"][1, 2, :2, 0:2] * [160, 96]  # frame 12
    assert np.allclose(centre, [[20 + 12, 50], [70 + 12, 50]], atol=1e-4)
    assert np.allclose(
        video.arrays["nodes"][1, 2, :2, 4:6], [25 / 60, 0], atol=1e-4
    )  # a pixel a frame, 60 pixels tall
    assert (video.arrays["track_id"] == [3, 4, -1]).all()
    assert video.provenance["people"] == {
        "name": "a.csv",
        "sha256": sha256((videos / "a.csv").read_bytes()).hexdigest(),
    }
    channels = store.spec.preprocessing["scene"]["channels"]
    assert (
        channels == ["distance", "gaze", "target"] and (video.arrays["adjacency"][:, :, 0, 0, 1] > 0.5).all()
    )


@pytest.mark.parametrize("stride", [1, 4])
def test_speeds_are_those_of_the_frames_in_the_middle_of_each_clip(stride, videos, tmp_path):
    """Clips of 3 frames, 2 apart; all maps between their ends where segments do not overlap."""
    preset = overridden(PRESETS["reclass-frames"], [f"segment_stride={stride}", "resize.size=[24,40]"])
    extract(
        preset,
        [Video("a")],
        root=videos,
        store_root=tmp_path,
        settings=RunSettings(device="cpu", workers=2),
        progress=Progress(total=0, live=False),
    )
    found = FeatureStore(tmp_path).verify("a").arrays
    frames, describe, maps = decoded(videos / "a.mp4").numpy()[:: preset.keep_every], SpeedMap(25.0), []
    describe.fps /= preset.keep_every
    for frame in frames:
        maps += [each for each in [describe.frame(frame)] if each is not None]
    maps.append(describe.end())
    for number, speed in enumerate(found["speed"]):
        begin = number if stride == 1 else number * stride // preset.keep_every
        last = min(begin + 4 // preset.keep_every, len(frames) - 1)
        chosen = (
            maps[begin + (last - begin) // 2 :][:1] if stride == 1 else maps[begin : max(begin + 1, last)]
        )
        np.testing.assert_array_equal(speed, np.max(chosen, axis=0))
    assert found["speed"].dtype == np.float32 and found["speed"].max() > 0
    assert "speed" not in PRESETS["reclass"].spec().preprocessing["scene"]


def test_a_resumed_store_equals_an_uninterrupted_one_bit_for_bit(videos, tmp_path):
    run(videos, tmp_path / "one", ids=("a", "b"))
    run(videos, tmp_path / "two", ids=("a",))
    report = run(videos, tmp_path / "two", ids=("a", "b"))
    assert (report.done, report.skipped) == (1, 1)
    one, two = FeatureStore(tmp_path / "one"), FeatureStore(tmp_path / "two")
    for name in ("a", "b"):
        first, second = one.read(name), two.read(name)
        assert first.arrays.keys() == second.arrays.keys()
        assert all(np.array_equal(rows, second.arrays[other]) for other, rows in first.arrays.items())


def test_a_video_without_tracks_fails_alone_and_leaves_nothing(videos, tmp_path):
    report = run(videos, tmp_path, ids=("a", "untracked"))
    assert report.done == 1 and FeatureStore(tmp_path).ids() == ["a"]
    (failure,) = report.failed
    assert failure.video_id == "untracked" and failure.reason.startswith("no tracks in ")
    assert {path.name for path in tmp_path.iterdir()} == {"a.h5", "store.json", "failures.jsonl"}


def test_savd_needs_no_options(tmp_path):
    """Frames in rgb/, a track file per frame next to them, the split as the data set has it."""
    for number in range(1, 10):
        for folder, name in (("rgb", f"{number:04d}.png"), ("tracks", f"{number:04d}.txt")):
            path = tmp_path / "videos" / "room1" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if folder == "rgb":
                Image.fromarray(video_corpus.paint(number)).save(path)
            else:
                path.write_text(f"7 {10 + number} 20 {30 + number} 80\n")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.json").write_text('["room1"]')
    options = [each for assignment in TINY for each in ("--set", assignment)]
    command = [
        "run",
        "--preset",
        "reclass",
        "--videos",
        str(tmp_path),
        "--list",
        str(tmp_path / "splits" / "train.json"),
    ]
    done = CliRunner().invoke(
        main, [*command, "--store", str(tmp_path / "store"), "--device", "cpu", *options]
    )
    assert done.exit_code == 0, done.output
    video = FeatureStore(tmp_path / "store").verify("videos/room1/rgb")
    assert video.arrays["node_mask"][..., 0].all() and (video.arrays["track_id"][:, 0] == 7).all()
    assert np.allclose(video.arrays["nodes"][0, 1, 0, 0] * 160, 20 + 3, atol=1e-3)  # frame 2 is number 3


def openpose(path, text=None):
    """A file of OpenPose at path with one person, or with this text."""
    pose = [number for k in range(25) for number in (20 + 2 * k, 10 + 3 * k, 0.9)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": pose}]}) if text is None else text)


@pytest.mark.parametrize("kind", ["savd", "openpose"])
def test_the_command_counts_tracks_from_the_first_image_as_a_run_does(kind, tmp_path):
    """The images are 1 to 9, and only the last, which is frame 8, shows a person."""
    pictures, tracks = tmp_path / "rgb", tmp_path / "tracks"
    for folder in (pictures, tracks):
        folder.mkdir()
    for number in range(1, 10):
        Image.fromarray(video_corpus.paint(number)).save(pictures / f"{number:04d}.png")
    if kind == "savd":
        (tracks / "0009.txt").write_text("7 10 20 30 80\n")
    else:
        openpose(tracks / "0009_keypoints.json")
    command = ["scene", str(pictures), "--tracks", str(tracks), "--out", str(tmp_path / "o.mp4")]
    done = CliRunner().invoke(main, [*command, "--set", "clip_length=4", "--set", "segment_stride=8"])
    assert done.exit_code == 0 and "5 frames, 0.2 people per frame, 1 identities" in done.output, done.output


def test_a_wrong_file_of_people_fails_its_video_alone(videos, tmp_path):
    broken = {
        "list": "[]",
        "null": '{"people": null}',
        "infinite": json.dumps({"people": [{"pose_keypoints_2d": [10, float("inf"), 0.9] * 25}]}),
    }
    for name in ("fine", *broken):
        (tmp_path / f"{name}.mp4").symlink_to(videos / "a.mp4")
        openpose(tmp_path / name / "f_0_keypoints.json", broken.get(name))
    joints = [[float("nan"), 5, 0.9]] * 17
    content = {"frames": [{"frame": 0, "people": [{"box": [1, 2, 30, 40], "keypoints": joints}]}]}
    (tmp_path / "nan.mp4").symlink_to(videos / "a.mp4")
    (tmp_path / "nan.json").write_text(json.dumps(content))
    report = run(tmp_path, tmp_path / "store", ids=("list", "null", "infinite", "nan", "fine"))
    assert list(report.extracted) == ["fine"]
    reasons = {failure.video_id: failure.reason for failure in report.failed}
    assert reasons.keys() == {"nan", *broken}
    assert all(re.search("f_0_keypoints.json: expected .*people", reasons[name]) for name in ("list", "null"))
    assert re.search(r"f_0_keypoints.json people.0.: nose is .10.0, inf, 0.9.*frame 0", reasons["infinite"])
    assert re.search(r"nan.json, frames.0..people.0.: nose is .nan, 5.0, 0.9.*frame 0", reasons["nan"])


def test_one_file_of_people_is_not_for_two_videos(videos, tmp_path):
    header = "video_id\tevent_class\tnum_frames\tanomaly_spans\n"
    (tmp_path / "one.tsv").write_text(f"{header}a\tNormal\t25\t\n")
    (tmp_path / "two.tsv").write_text(f"{header}a\tNormal\t25\t\nb\tNormal\t25\t\n")
    command = ["run", "--preset", "reclass", "--videos", str(videos), "--tracks", str(videos / "a.csv")]
    command += ["--device", "cpu", "--store", str(tmp_path / "store")]
    command += [each for assignment in TINY for each in ("--set", assignment)]
    done = CliRunner().invoke(main, [*command, "--list", str(tmp_path / "two.tsv")])
    assert done.exit_code == 2 and not (tmp_path / "store").exists()
    assert re.search(r"a.csv is one file, but 2 videos are listed; give the folder", done.output)
    done = CliRunner().invoke(main, [*command, "--list", str(tmp_path / "one.tsv")])
    assert done.exit_code == 0 and FeatureStore(tmp_path / "store").ids() == ["a"], done.output


def test_flow_and_people_are_optional(videos, tmp_path):
    run(videos, tmp_path, ids=("untracked",), assignments=["flow=null", "scene.detector=none"])
    video = FeatureStore(tmp_path).verify("untracked")
    assert (
        "flow" not in video.arrays and not video.arrays["node_mask"].any() and len(video.arrays["rgb"]) == 4
    )


def test_other_settings_of_the_graph_make_another_store(videos, tmp_path):
    run(videos, tmp_path)
    with pytest.raises(StoreError, match="preprocessing.scene.sigma is 1.5, expected 3.0"):
        run(videos, tmp_path, assignments=["scene.sigma=3.0"])


def test_clips_whose_flow_would_span_other_frames_are_refused(videos, tmp_path):
    with pytest.raises(ValueError, match="segment_stride is 5, expected a multiple of frame_stride .2."):
        run(videos, tmp_path / "none", assignments=["segment_stride=5"])
    assert not (tmp_path / "none").exists()
    run(videos, tmp_path / "some", assignments=["segment_stride=5", "flow=null"])
    clip_frame = FeatureStore(tmp_path / "some").read("a").arrays["clip_frame"]
    assert clip_frame[1].tolist() == [5, 7, 9, 11]


def test_some_segments_are_read_without_the_rest(videos, tmp_path):
    run(videos, tmp_path)
    store = FeatureStore(tmp_path)
    complete, part = store.read("a"), store.rows("a", ["rgb", "track_id"], slice(1, 3))
    assert set(part) == {"rgb", "track_id"} and np.array_equal(part["rgb"], complete.arrays["rgb"][1:3])
    with pytest.raises(StoreError, match="^a: .*a.h5 has no pixels; it has adjacency, clip_frame"):
        store.rows("a", ["pixels"])


def test_large_videos_go_to_disk_and_are_the_same(videos, tmp_path, monkeypatch):
    run(videos, tmp_path / "small")
    monkeypatch.setattr(hdf5_group, "LARGEST_IMAGE", 0)
    monkeypatch.setattr(hdf5_group, "BLOCK_BYTES", 1)  # written and compared row by row
    run(videos, tmp_path / "large")
    one, two = (FeatureStore(tmp_path / name).verify("a") for name in ("small", "large"))
    assert all(np.array_equal(rows, two.arrays[name]) for name, rows in one.arrays.items())


def test_a_disk_too_small_for_a_large_video_is_reported(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_group, "LARGEST_IMAGE", 0)
    monkeypatch.setattr(hdf5_group.shutil, "disk_usage", lambda _path: types.SimpleNamespace(free=1000))
    (failure,) = run(videos, tmp_path).failed
    assert (
        failure.stage == "write" and "No space left" in failure.reason and FeatureStore(tmp_path).ids() == []
    )


def test_the_command_draws_people_and_graph_side_by_side(videos, tmp_path):
    out = tmp_path / "new" / "a.mp4"
    arguments = [
        "scene",
        str(videos / "a.mp4"),
        "--tracks",
        str(videos / "a.csv"),
        "--out",
        str(out),
        "--set",
        "segment_stride=8",
        "--set",
        "clip_length=4",
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0 and "13 frames, 2.0 people per frame, 2 identities" in done.output, done.output
    drawn = decoded(out)
    assert len(drawn) == 13 and drawn.shape[1] >= 360 and drawn.shape[2] == 2 * (drawn.shape[1] * 160 // 96)
    assert not list(tmp_path.rglob("*.partial"))


def test_drawing_can_stop_early_and_a_broken_video_leaves_no_file(videos, tmp_path):
    command = [
        "scene",
        str(videos / "a.mp4"),
        "--detector",
        "none",
        "--out",
        str(tmp_path / "a.mp4"),
        "--frames",
        "5",
    ]
    done = CliRunner().invoke(main, command)
    assert (
        done.exit_code == 0
        and "5 frames, 0.0 people" in done.output
        and len(decoded(tmp_path / "a.mp4")) == 5
    )
    (tmp_path / "b.mp4").write_bytes((videos / "a.mp4").read_bytes()[:700])
    broken = ["scene", str(tmp_path / "b.mp4"), "--detector", "none", "--out", str(tmp_path / "c.mp4")]
    done = CliRunner().invoke(main, broken)
    assert done.exit_code == 2 and done.output.startswith("error: b.mp4: ") and done.output.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def draw(video, out, *options):
    """vad-extract scene over clips of 4 frames."""
    command = ["scene", str(video), "--out", str(out), "--detector", "none", *options]
    return CliRunner().invoke(main, [*command, "--set", "clip_length=4", "--set", "segment_stride=8"])


def test_the_command_draws_the_very_file_or_folder_that_is_named(tmp_path):
    """Four videos of one id: each has another number of frames."""
    video_corpus.write_video(tmp_path / "cam.mp4", 9)
    video_corpus.write_video(tmp_path / "cam.mkv", 17)
    (tmp_path / "cam").mkdir()
    for number in range(5):
        Image.fromarray(video_corpus.paint(number)).save(tmp_path / "cam" / f"{number}.png")
        Image.fromarray(video_corpus.paint(number)).save(tmp_path / f"cam_{number}.png")
    for name, frames in (("cam.mp4", 5), ("cam.mkv", 9), ("cam", 3)):
        done = draw(tmp_path / name, tmp_path / "out.mp4")
        assert done.exit_code == 0 and f"out.mp4: {frames} frames" in done.output, done.output
        assert len(decoded(tmp_path / "out.mp4")) == frames
    (tmp_path / "cam.avi").write_bytes(b"nothing of the kind")
    done = draw(tmp_path / "cam.avi", tmp_path / "new.mp4")
    assert done.exit_code == 2 and re.fullmatch(r"error: cam.avi: (?!cam:).+\n", done.output)
    assert not (tmp_path / "new.mp4").exists()


@pytest.mark.parametrize("name", ["cam.json", "cam_0.png", "room"])
def test_what_is_no_video_is_not_drawn_though_a_video_of_its_name_is_there(name, videos, tmp_path):
    for stem in ("cam", "cam_0", "room"):
        (tmp_path / f"{stem}.mp4").symlink_to(videos / "a.mp4")
    (tmp_path / "room" / "rgb").mkdir(parents=True)
    (tmp_path / "cam.json").write_text('{"frames": []}')
    Image.fromarray(video_corpus.paint(0)).save(tmp_path / "cam_0.png")
    done = draw(tmp_path / name, tmp_path / "out.mp4")
    reasons = f"error: {tmp_path / name} is neither a video file, such as .mp4, nor a folder of images\n"
    assert done.exit_code == 2 and done.output == reasons
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("name", ["x.txt", "x", "x.avi"])
def test_an_output_with_another_suffix_is_refused(name, videos, tmp_path):
    done = draw(videos / "a.mp4", tmp_path / "new" / name)
    assert done.exit_code == 2 and not (tmp_path / "new").exists()
    assert f"--out {tmp_path / 'new' / name}: expected a name that ends in .mp4" in done.output


def test_the_command_reports_a_folder_without_people(videos, tmp_path):
    command = ["scene", str(videos / "a.mp4"), "--tracks", str(tmp_path), "--out", str(tmp_path / "o.mp4")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2 and not list(tmp_path.iterdir())
    assert (
        done.output.startswith(f"error: {tmp_path}: no people in this folder")
        and done.output.count("\n") == 1
    )


def test_the_int8_quantiser_is_for_scenes_and_the_others_for_networks():
    with pytest.raises(ValueError, match="flow.quantiser is 'int8', expected mediapipe, round or none"):
        overridden(PRESETS["i3d-flow-16"], ["flow.quantiser=int8"])
    with pytest.raises(ValueError, match="flow.quantiser is 'round', expected int8"):
        overridden(PRESETS["reclass"], ["flow.quantiser=round"])


@pytest.mark.parametrize(
    "options, reasons",
    [
        (["--detector", "files"], "files needs --tracks"),
        (["--detector", "hog", "--tracks", "."], "tracks are given, but the detector is hog"),
        (["--detector", "ultralytics"], "ultralytics .AGPL., which this project never installs"),
        (["--detector", "keypointrcnn", "--weights", "nothing"], "no weights 'nothing' for keypointrcnn"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(options, reasons, videos, tmp_path):
    done = CliRunner().invoke(
        main, ["scene", str(videos / "a.mp4"), "--out", str(tmp_path / "x.mp4"), *options]
    )
    assert done.exit_code == 2 and not (tmp_path / "x.mp4").exists()
    assert re.search(reasons, done.output) and "Traceback" not in done.output


@pytest.mark.slow
def test_the_network_with_random_weights_runs_and_its_weights_are_in_the_spec():
    """Its boxes mean nothing; they must be people, inside the frame."""
    detector = make_detector(Scene(least_score=0.0), weights="none", seed=3)
    assert detector.digest == "none:seed3"
    detector.find.net.net.transform.min_size = (96,)
    frames = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), dtype=np.uint8)
    seen = detector.for_video("a", fps=12.5)(frames, np.arange(2))
    assert len(seen) == 2
    for each in seen:
        assert (each.boxes >= 0).all() and (each.boxes <= [64, 48, 64, 48]).all()
        assert (each.keypoints[..., 2] >= 0).all() and (each.keypoints[..., 2] <= 1).all()


def test_a_network_that_finds_a_person_gives_boxes_and_joints():
    class Finds(torch.nn.Module):
        def forward(self, pictures):
            joints = torch.arange(51.0).reshape(1, 17, 3)
            answer = {
                "boxes": torch.tensor([[1.0, 2, 30, 40]]),
                "scores": torch.tensor([0.9]),
                "keypoints": joints,
                "keypoints_scores": torch.linspace(-5, 20, 17)[None],
            }
            assert all(
                0 <= picture.min() and picture.max() <= 1 and picture.shape[0] == 3 for picture in pictures
            )
            return [answer for _ in pictures]

    network = KeypointRCNN()
    network.net = Finds()
    find = KeypointRCNNDetector(network, device=torch.device("cpu"), batch_size=2)
    seen = find(np.full((3, 48, 64, 3), 255, np.uint8))
    assert len(seen) == 3 and seen[0].boxes.tolist() == [[1, 2, 30, 40]]
    assert np.array_equal(seen[0].keypoints[0, :, :2], np.arange(51).reshape(17, 3)[:, :2])
    confidence = seen[0].keypoints[0, :, 2]
    assert confidence[0] == 0 and (np.diff(confidence) >= 0).all() and 0.9 < confidence[-1] < 1


def test_ultralytics_gets_frames_in_its_own_order_of_colours_and_looks_for_people(monkeypatch):
    asked = {}

    class YOLO:
        def __init__(self, weights):
            asked["weights"] = weights

        def predict(self, pictures, **options):
            asked.update(options, first=pictures[0][0, 0].tolist())
            boxes = types.SimpleNamespace(xyxy=torch.tensor([[1.0, 2, 3, 4]]), conf=torch.tensor([0.8]))
            return [
                types.SimpleNamespace(boxes=boxes, keypoints=types.SimpleNamespace(data=torch.ones(1, 17, 3)))
            ] * len(pictures)

    monkeypatch.setitem(sys.modules, "ultralytics", types.SimpleNamespace(YOLO=YOLO))
    detector = make_detector(Scene(detector="ultralytics", tracker="none"), weights="mine.pt")
    frames = np.zeros((1, 4, 4, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    (seen,) = detector.for_video("a", fps=25)(frames, np.arange(1))
    assert asked["weights"] == "mine.pt" and asked["classes"] == [0] and asked["first"] == [30, 20, 10]
    assert (
        seen.boxes.tolist() == [[1, 2, 3, 4]]
        and (seen.keypoints == 1).all()
        and detector.digest == "ultralytics:mine.pt"
    )


class Keypoints:
    """As in the package ultralytics: joints below a confidence of one half move to (0, 0) and keep it."""

    def __init__(self, joints):
        if joints.shape[2] == 3:
            joints[..., :2][joints[..., 2] < 0.5] = 0
        self.data = joints


@pytest.mark.parametrize("confidences", [True, False])
def test_joints_that_ultralytics_moves_into_the_corner_are_unknown(confidences, monkeypatch):
    joints = torch.arange(51.0).reshape(1, 17, 3) + 1
    joints[..., 2] = torch.linspace(0.1, 0.9, 17)
    half_sure = (joints[0, :, 2] < 0.5).numpy()
    if not confidences:
        joints = torch.where(joints[..., 2:] < 0.5, 0, joints[..., :2])
    boxes = types.SimpleNamespace(xyxy=torch.tensor([[1.0, 2, 60, 60]]), conf=torch.tensor([0.8]))
    found = types.SimpleNamespace(boxes=boxes, keypoints=Keypoints(joints))
    network = types.SimpleNamespace(predict=lambda pictures, **_options: [found] * len(pictures))
    monkeypatch.setitem(sys.modules, "ultralytics", types.SimpleNamespace(YOLO=lambda _weights: network))
    detector = make_detector(Scene(detector="ultralytics", tracker="none"), weights="mine.pt")
    (seen,) = detector.for_video("a", fps=25)(np.zeros((1, 64, 64, 3), np.uint8), np.arange(1))
    assert half_sure.any() and not seen.keypoints[0, half_sure].any()
    expected = joints[0, :, 2].numpy() if confidences else np.ones(17)
    assert np.allclose(seen.keypoints[0, ~half_sure, 2], expected[~half_sure])
    assert np.array_equal(seen.keypoints[0, :, :2], joints[0, :, :2].numpy())


def test_hog_finds_people_in_real_footage(test_data, tmp_path):
    video = test_data / "ucf_crime" / "videos" / "Normal_Videos_010_x264.mp4"
    command = ["scene", str(video), "--detector", "hog", "--out", str(tmp_path / "h.mp4"), "--frames", "16"]
    done = CliRunner().invoke(main, [*command, "--set", "scene.detect_every=8"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output.split("frames, ")[1].split(" people")[0])
    assert found > 0.5


def test_memory_holds_a_slice_of_a_spooled_array_and_no_more(tmp_path):
    spool = Spool(tmp_path)
    rows = np.arange(60, dtype=np.int16).reshape(5, 3, 4)
    for row in rows:
        spool.append({"rows": row})
    shown = spool.arrays()["rows"]
    assert (len(shown), shown.shape, shown.dtype, shown.nbytes) == (5, (5, 3, 4), np.int16, 120)
    for part in (slice(0, 5), slice(1, 3), slice(4, 9), slice(2, 2)):
        assert np.array_equal(shown[part], rows[part])
    assert not list(tmp_path.iterdir())  # its files have no name
    spool.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full, a disk that is full")
def test_a_disk_that_is_full_at_the_end_of_a_video_is_one_reason_and_names_what_is_lost(tmp_path):
    spool = Spool(tmp_path)
    spool.append({"rows": np.arange(4)})  # small enough to wait in a buffer
    file = spool._files["rows"][0]
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file.fileno())
    os.close(full)
    with pytest.raises(VideoError, match="its regions cannot be kept: No space left on device"):
        spool.content("regions")
