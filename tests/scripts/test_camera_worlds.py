"""Other cameras for the same videos: what they change, and tracks that are planted in their regions."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from data_lists import Video
from scripts.experiments.camera_worlds import between, enlarged, main, regions_of
from scripts.experiments.planted_tracks import auc_of, folds, plants
from support.moving_block import street
from support.tiny_regions import region_arrays


def test_frames_between_lie_halfway_and_mean_the_same_speed():
    frames = street(12, speed=2)
    twice = between(frames)
    assert len(twice) == 23 and (twice[::2] == frames).all()
    halfway = street(12, speed=1)[1]  # one pixel on: the second half step
    assert np.abs(twice[1, 45:80, 15:60].astype(float) - halfway[45:80, 15:60]).mean() < 3
    assert enlarged(frames).shape == frames.shape


@pytest.mark.slow
def test_speeds_are_the_same_at_twice_the_rate():
    frames = street(30, speed=3)
    once, twice = regions_of(frames, 10.0), regions_of(between(frames), 20.0)
    speed = [rows["region_speed"][8:-8, 0, 2].median() for rows in (once, twice)]
    assert float(speed[1]) == pytest.approx(float(speed[0]), rel=0.1)
    assert float(speed[0]) == pytest.approx(30 / 120, rel=0.2)


def test_only_one_track_is_planted_for_a_while_and_restless_ones_get_no_farther():
    arrays = {name: torch.from_numpy(rows) for name, rows in region_arrays(seed=0).items()}
    found = list(plants(arrays, "restless", 2.0))
    assert len(found) == 2 and all(shown.all() for _, shown in found)
    for changed, _ in found:
        ratio = (changed["region_speed"] / arrays["region_speed"]).nan_to_num(1.0)
        assert (ratio[..., :3] == 1).all() and (ratio[..., 3].amax(dim=0) == 2).sum() == 1
    cells = {"speed": torch.ones(len(arrays["region_track"]), 10, 20)}
    (with_cells, _), *_ = plants(arrays | cells, "faster", 2.0)
    left, top, right, bottom = (float(each) for each in arrays["region_box"][0, 0])
    down, across = ((with_cells["speed"][0] == 2).any(dim=each).nonzero()[:, 0] for each in (1, 0))
    assert top * 10 - 1 < down[0] <= top * 10 and bottom * 10 <= down[-1] + 1 < bottom * 10 + 1
    assert left * 20 - 1 < across[0] <= left * 20 and right * 20 <= across[-1] + 1 < right * 20 + 1
    (faster, _), *_ = plants(arrays, "faster", 2.0)
    assert ((faster["region_speed"] / arrays["region_speed"]).nan_to_num(1.0).amax(dim=(0, 1)) == 2).all()
    assert auc_of(np.zeros(3), np.ones(4)) == 1


def test_groups_stay_in_one_fold_and_unknown_worlds_are_named(tmp_path):
    videos = [Video(f"v{number}", group=f"g{number // 3}") for number in range(12)]
    parts = list(folds(videos))
    assert sorted(sum(parts, [])) == sorted(video.video_id for video in videos)
    assert all(
        {video.group for video in videos if video.video_id in part} <= {f"g{number}"}
        for number, part in enumerate(parts)
    )
    found = CliRunner().invoke(main, [str(tmp_path), "--world", "mars"])
    assert found.exit_code == 2 and "no world mars, expected as it is, half the rate" in found.output
