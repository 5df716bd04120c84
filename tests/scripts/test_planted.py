"""The planted scenes have the numbers that they say, and every mechanism is switched off by its settings."""

import numpy as np
import pytest

from score.config.presets import preset_of
from score.config.run_config import resolve
from scripts.experiments.planted_mechanisms import MECHANISMS
from scripts.experiments.planted_videos import (
    DIM,
    kinds,
    lasting,
    louder,
    ordered,
    scattered,
    shifted,
    turning,
    unmarked,
    write_planted,
)

SCENES = (kinds, lasting, louder, ordered, scattered, shifted, turning, unmarked)


def videos(scene, anomalous: bool, *, count=200, seed=0):
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(random.normal(size=(DIM, 4)))[0].T
    return directions, [scene(random, directions, anomalous) for _ in range(count)]


@pytest.mark.parametrize("preset", ["default", "cameras"])
@pytest.mark.parametrize("name", MECHANISMS)
def test_switching_a_mechanism_off_changes_the_head_and_nothing_else(name, preset):
    each = MECHANISMS[name]
    own = preset_of(each.head, preset)
    on, off = resolve(own, overrides=each.on), resolve(own, overrides=each.on + each.off)
    assert on.head != off.head
    assert (on.data, on.train) == (off.data, off.train) == (own.data, own.train)


@pytest.mark.parametrize("scene", SCENES)
def test_lengths_and_places_are_those_of_the_scene(scene):
    _, anomalous = videos(scene, True)
    _, normal = videos(scene, False)
    assert all(video.planted is None for video in normal)
    for video in anomalous + normal:
        assert video.rows.shape[1] == DIM and 20 <= len(video.rows) <= 80 and np.isfinite(video.rows).all()
    for video in anomalous:
        start, stop = video.planted
        assert 0 <= start < stop <= len(video.rows) and stop - start in {ordered: (12,), turning: (6,)}.get(
            scene, (4, 5, 6)
        )


def test_a_shift_is_of_4_5_along_one_direction_over_a_camera_offset_a_walk_and_noise():
    directions, anomalous = videos(shifted, True, count=600)
    inside, outside = [], []
    for video in anomalous:
        planted = np.zeros(len(video.rows), dtype=bool)
        planted[slice(*video.planted)] = True
        inside.append(video.rows[planted].mean(axis=0))
        outside.append(video.rows[~planted].mean(axis=0))
    difference = np.mean(inside, axis=0) - np.mean(outside, axis=0)
    assert difference @ directions[0] == pytest.approx(4.5, abs=0.1)
    assert np.abs(directions[1:] @ difference).max() < 0.1
    step = np.concatenate([np.diff(video.rows, axis=0).ravel() for video in videos(shifted, False)[1]])
    assert step.var() == pytest.approx(2 + 0.01, abs=0.02)  # of the noise twice, and of the walk
    offset = np.stack([video.rows[0] for video in videos(shifted, False, count=600)[1]])
    assert offset.var() == pytest.approx(2 + 0.01, abs=0.05)  # of the camera and of the noise


def test_a_seed_is_a_world_whose_lists_and_store_agree(tmp_path):
    store, train, test = write_planted(tmp_path / "a", shifted, train=6, test=4, seed=3)
    again, _, _ = write_planted(tmp_path / "b", shifted, train=6, test=4, seed=3)
    other, _, _ = write_planted(tmp_path / "c", shifted, train=6, test=4, seed=4)
    assert [len(train), len(test)] == [6, 4] and sum(video.is_anomalous for video in train + test) == 5
    for video in train + test:
        rows = store.read(video.video_id).features
        assert np.array_equal(rows, again.read(video.video_id).features)
        assert rows.shape != other.read(video.video_id).features.shape or not np.array_equal(
            rows, other.read(video.video_id).features
        )
        assert video.num_frames == 16 * len(rows) and bool(video.anomaly_spans) == video.is_anomalous
