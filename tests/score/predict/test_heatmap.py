"""Anomaly maps, Grad-CAM, and the command that draws them."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from data_lists import Video
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.reclass_parts.error_maps import boxed
from score.heads.reclass_parts.grad_cam import grad_cam
from score.predict.output.heatmap import overlaid
from score.runs.checkpoint import load_checkpoint
from score.scoring.anomaly_maps import Explanation, anomaly_maps, explain
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_checkpoints import write_h264
from support.tiny_clips import HEIGHT, WIDTH, make_clip_store
from support.tiny_reclass import TINY, build_tiny, clip_bags
from support.tiny_stores import make_store

pytestmark = pytest.mark.slow


def test_grad_cam_is_the_mean_gradient_of_each_channel_times_its_map_or_that_of_each_place():
    torch.manual_seed(0)
    layer, out = nn.Conv2d(2, 3, 1), torch.randn(3, 4, 5)
    pictures = torch.randn(2, 2, 4, 5)
    mean = out.mean(dim=(1, 2), keepdim=True)  # the gradient of every channel is `out`, for both pictures
    for averaged, weight in ((True, mean), (False, out)):
        found = grad_cam(layer, lambda: (layer(pictures) * out).sum(), averaged=averaged)
        torch.testing.assert_close(found, (layer(pictures) * weight).sum(dim=1).relu().detach())
    behind = nn.Linear(2, 3)  # channels last
    rows, last = torch.randn(4, 5, 2), torch.randn(5, 3)
    found = grad_cam(behind, lambda: (behind(rows) * last).sum(), channels=2)
    torch.testing.assert_close(found, (behind(rows) * last).sum(dim=2).relu().detach())
    assert not layer._forward_hooks and layer.weight.grad is None


def test_people_are_anomalous_only_inside_their_boxes():
    bags = clip_bags((1,))
    clips = build_tiny().clips(bags)
    nodes = torch.zeros_like(clips.nodes)
    nodes[..., 0, :4] = torch.tensor([0.25, 0.5, 0.5, 1.0])  # the left half
    nodes[..., 1, :4] = torch.tensor([0.5, 0.25, 1.0, 0.5])  # the upper half
    nodes[..., 3, :4] = torch.tensor([0.5, 0.5, 1.0, 1.0])  # everywhere, but this node holds nobody
    found = boxed(clips._replace(nodes=nodes), torch.tensor([1.0, 2.0, 5.0, 9.0]).expand(1, 3, 4))
    assert found.shape == (1, 3, HEIGHT, WIDTH)
    corners = found[0, 0][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == [2.0, 2.0, 1.0, 0.0]


def test_boxes_enclose_anomalies_the_strongest_first():
    maps = np.zeros((2, 10, 20), np.float32)
    maps[0, 2:4, 5:10], maps[0, 8:, 18:] = 4.0, 7.0
    explanation = Explanation(np.array([0, 4]), {"one": maps, "other": maps - 1}, maps)
    assert explanation.boxes(3.0) == [[(0.9, 0.8, 1.0, 1.0, 7.0), (0.25, 0.2, 0.5, 0.4, 4.0)], []]


def test_no_heat_leaves_the_picture_unchanged():
    picture = np.full((2, 2, 3), 100, np.uint8)
    found = overlaid(picture, np.array([[0.0, -1.0], [1.0, 5.0]]), np.array([200, 100, 0]))
    assert found[0].tolist() == [[100] * 3] * 2
    assert found[1].tolist() == [[165, 100, 35]] * 2  # 0.35 of the picture, 0.65 of the colour


@pytest.fixture
def trained(tmp_path):
    videos = [Video(f"n{number}") for number in range(4)]
    store = make_clip_store(tmp_path / "store", videos)
    train_seed(
        config := resolve(preset_of("reclass"), overrides=TINY),
        prepare(config, [store], videos),
        folder=tmp_path / "run/seed_0",
        seed=0,
    )
    return tmp_path, store


def test_a_planted_patch_is_anomalous_in_its_place_and_time(trained):
    root, store = trained
    scorer = Scorer(load_checkpoint(root / "run/seed_0"))
    normal, video = store.read("n1"), store.read("n1")
    video.arrays["rgb"][1, :, 12:18, 3:9] = [255, 0, 255]
    before, found = explain(scorer, normal), explain(scorer, video)
    assert found.frame.tolist() == [0, 2, 4, 6, 10, 12, 14, 16, 20, 22, 24, 26]
    change = found.maps["appearance"] - before.maps["appearance"]
    planted = (found.frame >= 10) & (found.frame < 20)
    assert not change[~planted].any()
    for rows in change[planted]:
        top, left = np.unravel_index(rows.argmax(), rows.shape)
        assert 12 <= top < 18 and 3 <= left < 9
    assert found.attention.shape == found.highest.shape == (12, HEIGHT, WIDTH)
    assert 0 <= found.attention.min() and found.attention.max() <= 1


def test_boxes_begin_where_normal_training_frames_end(trained):
    """At the 80th percentile at most a fifth of the calibration frames have a box, and not much fewer."""
    root, store = trained
    scorer = Scorer(load_checkpoint(root / "run/seed_0"))
    peaks = []
    for video_id in ("n0", "n1", "n2", "n3"):
        video = store.read(video_id)
        found = anomaly_maps(scorer, video, frames=scorer.head.config.frames)
        assert found.maps.keys() == {"appearance", "motion", "people"}
        np.testing.assert_array_equal(found.highest, explain(scorer, video, frames=3).highest)
        peaks.append(found.highest.max(axis=(1, 2)))
        boxes = found.boxes(scorer.head.statistics.threshold(80))
        assert [bool(each) for each in boxes] == (peaks[-1] >= scorer.head.statistics.threshold(80)).tolist()
    peaks = np.concatenate(peaks)
    share = (peaks >= scorer.head.statistics.threshold(80)).mean()
    assert 0.2 - 2 / len(peaks) <= share <= 0.2
    assert not (peaks >= scorer.head.statistics.threshold(100)).any()
    for name in found.maps:  # 0 and 1 are the median and 99th percentile per map
        own = np.concatenate(
            [
                anomaly_maps(scorer, store.read(video_id), frames=3).maps[name].max(axis=(1, 2))
                for video_id in ("n0", "n1", "n2", "n3")
            ]
        )
        assert abs((own <= 1e-5).mean() - 0.5) <= 1 / len(own) and (own > 1.00001).mean() <= 0.01
    assert found.frame[:4].tolist() == [0, 4, 6, 10]
    assert found.map_of_frame(12).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]


def test_explain_draws_a_video_a_contact_sheet_and_boxes(trained):
    root, store = trained
    frames = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    write_h264(root / "videos/n0.mp4", frames)
    arguments = ["explain", str(root / "run"), "--store", str(root / "store"), "--video", "n0"]
    arguments += ["--videos", str(root / "videos"), "--out", str(root / "out"), "--device", "cpu"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "of 8 frames" in result.output
    with av.open(str(root / "out/n0.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == 20 and shown[0].shape == (48, 64, 3)
    boxes = json.loads((root / "out/n0.json").read_text())
    assert [each["frame"] for each in boxes["frames"]] == [0, 2, 4, 6, 10, 12, 14, 16]
    scorer = Scorer(load_checkpoint(root / "run/seed_0"))
    assert (boxes["threshold"], boxes["percentile"]) == (scorer.head.statistics.threshold(99), 99)
    import cv2

    assert cv2.imread(str(root / "out/n0.png")).shape == (3 * 180, 8 * 240, 3)
    absent = CliRunner().invoke(main, [*arguments[:5], "nobody", *arguments[6:]])
    assert absent.exit_code == 2 and absent.output.startswith("error: nobody: not in the store")


def test_heads_on_features_cannot_explain_pixels(tmp_path):
    videos = [Video("a"), Video("b", "Fight"), Video("c"), Video("d", "Fight")]
    store = make_store(tmp_path / "store", videos)
    config = resolve(preset_of("mil", "debug"))
    done = train_seed(config, prepare(config, [store], videos), folder=tmp_path / "run", seed=0)
    with pytest.raises(ValueError, match="mil does not look at pixels; train reclass"):
        explain(Scorer(done), store.read("a"))
