"""The preset regions end to end: a store with a moving block, resumed, and without crops."""

from pathlib import Path

import numpy as np
import pytest

from data_lists import Video
from extract.pipeline.extractor import run as extract
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from support.guide_data import FRAMES, write_square

# These start decode workers.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("regions")
    for number, name in enumerate("ab"):
        write_square(root / f"{name}.mp4", shaking=False, seed=number)
    return root


def run(videos, store, ids=("a", "b"), *assignments):
    return extract(
        overridden(PRESETS["regions"], ["resize.size=96", "regions.crop_size=32", *assignments]),
        [Video(each) for each in ids],
        root=videos,
        store_root=store,
        settings=RunSettings(device="cpu", workers=1, weights="none"),
        progress=Progress(total=0, live=False),
    )


def test_a_store_holds_what_moves_and_continues_where_it_stopped(videos, tmp_path):
    assert run(videos, tmp_path, ["a"]).done == 1
    assert run(videos, tmp_path).done == 1
    found = FeatureStore(tmp_path).read("a")
    assert found.num_segments == FRAMES and found.frame_span.tolist() == [[n, n + 1] for n in range(FRAMES)]
    arrays = found.arrays
    assert set(arrays) == {*PRESETS["regions"].spec().arrays}
    for frame in range(10, 50):
        left = (20 + frame) / 128
        boxes = arrays["region_box"][frame][arrays["region_track"][frame] >= 0]
        assert np.abs(boxes - [left, 36 / 96, left + 24 / 128, 60 / 96]).max(axis=1).min() < 0.05
        # One pixel a frame of 96, 25 a second.
        assert arrays["region_speed"][frame, 0, 2] == pytest.approx(25 / 96, rel=0.25)
    described = arrays["crop_feature"][arrays["crop_slot"] >= 0]
    assert len(described) >= FRAMES // 4 and np.ptp(described, axis=1).min() > 0


def test_crops_can_be_left_out_and_wrong_networks_are_named(videos, tmp_path):
    assert run(videos, tmp_path / "store", ["a"], "regions.crops=none").done == 1
    (store, arrays) = FeatureStore(tmp_path / "store"), PRESETS["regions"].spec().arrays
    assert set(store.read("a").arrays) == set(arrays[:5])
    for wrong in ("vggish", "i3d-rgb-16", "effnet"):
        with pytest.raises(ValueError, match=f"regions.crops is '{wrong}', expected none or one of") as found:
            run(videos, tmp_path / "other", ["a"], f"regions.crops={wrong}")
        assert f" {wrong}," not in str(found.value)
    with pytest.raises(ValueError, match="regions describe every frame"):
        run(videos, tmp_path / "other", ["a"], "segment_stride=4")
