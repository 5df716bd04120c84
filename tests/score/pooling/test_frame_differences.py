"""Frame differences and centred features: the same when a head is trained and when it scores."""

import numpy as np
import pytest
import torch

from score.config.presets import preset_of
from score.config.run_config import resolve
from score.pooling.modalities import segment_features
from score.pooling.rules import SegmentsConfig
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_spec, make_store, make_videos


def transformed(rows, **settings):
    """The features of one store: rows [N, D] or [N, C, D] -> the same."""
    crops = rows[:, None] if rows.ndim == 2 else rows
    spec = make_spec(num_crops=crops.shape[1])
    found = segment_features([crops], [spec], SegmentsConfig(**settings))["rgb"]
    return found[:, 0] if rows.ndim == 2 else found


def test_differences_are_absolute_and_the_first_segment_repeats_the_second():
    rows = np.array([[1.0, 5.0], [4.0, 3.0], [2.0, 3.0]], dtype=np.float32)
    differences = [[3, 2], [3, 2], [2, 0]]  # |4 - 1| |3 - 5|, again for the first, then |2 - 4| |3 - 3|
    assert transformed(rows, changes="only").tolist() == differences
    added = transformed(rows, changes="add")
    assert np.array_equal(added[:, :2], rows) and added[:, 2:].tolist() == differences
    assert np.array_equal(transformed(rows), rows)


def test_a_single_segment_has_no_difference_and_each_crop_has_its_own():
    rows = np.random.default_rng(0).normal(size=(1, 2, 3))
    assert not transformed(rows, changes="only").any()
    rows = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)
    both = transformed(rows, changes="add")
    for crop in range(2):
        assert np.array_equal(both[:, crop], transformed(rows[:, crop], changes="add"))


def test_centring_removes_what_a_camera_adds_to_all_segments():
    random = np.random.default_rng(0)
    rows, offset = random.normal(size=(9, 2, 3)), random.normal(size=(2, 3))
    centred = transformed(rows, centre="video")
    assert np.allclose(centred, transformed(rows + 10 * offset, centre="video"), atol=1e-5)
    assert np.allclose(np.median(centred, axis=0), 0, atol=1e-6)
    assert np.allclose(centred, rows - np.sort(rows, axis=0)[4], atol=1e-6)
    assert not transformed(rows[:1], centre="video").any()


@pytest.mark.parametrize("centre", ["none", "video"])
@pytest.mark.parametrize("changes, dim", [("add", 12), ("only", 6)])
@pytest.mark.parametrize("mode", ["mean", "crop"])
def test_a_trained_head_scores_on_the_features_that_it_was_trained_on(tmp_path, changes, dim, mode, centre):
    videos = make_videos(6, 6)
    store = make_store(tmp_path / "store", videos)
    overrides = [
        "train.epochs=1",
        "head.hidden=[4]",
        f"data.segments.changes={changes}",
        f"data.segments.mode={mode}",
        f"data.segments.centre={centre}",
        "data.segments.n=20",
        "train.validation_share=0",
        "train.select=last",
    ]
    data = prepare(resolve(preset_of("mil"), overrides=overrides), [store], videos)
    config = resolve(preset_of("mil"), overrides=overrides)
    scorer = Scorer(train_seed(config, data, folder=tmp_path / "run", seed=0))
    assert data.bag_spec.feature_dims == {"rgb": dim}
    for number, video in enumerate(videos):
        trained = data.train.bags(torch.tensor([number])).features["rgb"]
        assert torch.equal(scorer.bags(store.read(video.video_id)).features["rgb"], trained)
