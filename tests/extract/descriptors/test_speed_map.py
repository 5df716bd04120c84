"""A speed map says how fast each place moves, in frame heights per second, for every frame of a video."""

import numpy as np
import pytest

from data_lists import Video
from extract.descriptors.speed_map import CELL, COLUMNS, HEIGHT, PERCENTILE, ROWS, WIDTH, SpeedMap, in_cells
from extract.pipeline.extractor import run
from extract.pipeline.run_settings import RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.progress import Progress
from extract.store import FeatureStore

FPS = 25.0


def texture(height, width, seed=0):
    from scipy.ndimage import gaussian_filter

    rough = gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 3)
    return np.clip(128 + 60 * rough / rough.std(), 0, 255)


def gliding(count, *, step, size=(HEIGHT, WIDTH), seed=0, still_rows=0):
    """uint8 [count, H, W, 3]: a texture moves right by `step` pixels per frame, below still_rows."""
    wide = texture(size[0], size[1] + count * step, seed)
    frames = np.stack([wide[:, (count - n) * step :][:, : size[1]] for n in range(count)])
    frames[:, :still_rows] = frames[0, :still_rows]
    return np.repeat(frames[..., None], 3, axis=3).astype(np.uint8)


def maps_of(frames, *, fps=FPS, seconds=None):
    """The maps of all frames [n, ROWS, COLUMNS]."""
    speed_map = SpeedMap(fps)
    times = [None] * len(frames) if seconds is None else seconds
    rows = [speed_map.frame(frame, time) for frame, time in zip(frames, times, strict=True)]
    assert rows[0] is None and all(row is not None for row in rows[1:])
    return np.stack([*rows[1:], speed_map.end()])


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (480, 720), (240, 320)])
def test_a_steady_glide_has_its_speed_everywhere_and_in_every_frame(size):
    step = size[0] // 120
    found = maps_of(gliding(6, step=step, size=size))[:, 2:-2, 3:-3]
    assert found.dtype == np.float32 and len(found) == 6
    np.testing.assert_allclose(np.median(found, axis=(1, 2)), step * FPS / size[0], rtol=0.07)


def test_what_stands_still_has_no_speed_next_to_what_moves():
    found = maps_of(gliding(5, step=2, still_rows=HEIGHT // 2))
    assert np.median(found[:, : ROWS // 2 - 2]) < 0.01 < 0.15 < np.median(found[:, ROWS // 2 + 2 :])


def test_speed_follows_the_clock_of_the_video():
    frames = gliding(6, step=2)
    even, slow = maps_of(frames), maps_of(frames, seconds=np.arange(6) * 2 / FPS)
    np.testing.assert_allclose(slow, even / 2, rtol=1e-4)
    assert not maps_of(frames, seconds=[0.1] * 6).any()  # one frame, repeated
    paused = maps_of(frames, seconds=[0, 0.04, 0.08, 9.0, 9.04, 9.08])
    assert paused.any(axis=(1, 2)).all()  # each side of the pause is measured by itself


def test_nothing_moves_across_a_cut():
    frames = np.concatenate([gliding(4, step=2), 255 - gliding(4, step=2, seed=7)])
    whole, apart = maps_of(frames), [maps_of(frames[:4]), maps_of(frames[4:])]
    np.testing.assert_allclose(whole, np.concatenate(apart), rtol=1e-4, atol=1e-6)
    single = maps_of(np.concatenate([frames[:1], frames[4:5], 255 - frames[1:2]]))
    assert not single[1].any()


def test_a_cell_has_the_percentile_of_its_pixels():
    length = np.random.default_rng(0).gamma(1.0, size=(HEIGHT, WIDTH)).astype(np.float32)
    found = in_cells(length)
    assert found.shape == (ROWS, COLUMNS)
    for row, column in ((0, 0), (7, 19), (ROWS - 1, COLUMNS - 1)):
        cell = length[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        assert found[row, column] == pytest.approx(np.percentile(cell, PERCENTILE), rel=1e-5)


def test_other_pictures_are_refused_and_a_video_of_one_frame_is_still():
    with pytest.raises(ValueError, match="expected uint8 .H, W, 3."):
        SpeedMap(FPS).frame(np.zeros((4, 4), np.uint8))
    single = SpeedMap(float("nan"))
    assert single.end() is None and single.frame(np.zeros((48, 64, 3), np.uint8)) is None
    assert single.end().shape == (ROWS, COLUMNS) and not single.end().any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from PIL import Image

    place = tmp_path_factory.mktemp("frames")
    (place / "a").mkdir()
    for number, frame in enumerate(gliding(7, step=2)):
        Image.fromarray(frame).save(place / "a" / f"{number:03}.png")
    return place


def stored(folder, root, *assignments):
    run(
        overridden(PRESETS["speed"], assignments),
        [Video("a")],
        root=folder,
        store_root=root,
        settings=RunSettings(device="cpu", workers=1),
        progress=Progress(total=0),
    )
    return FeatureStore(root).read("a")


def test_a_store_has_one_map_for_every_frame(folder, tmp_path):
    video = stored(folder, tmp_path / "store")
    assert video.features is None and set(video.arrays) == {"speed"}
    assert video.frame_span.tolist() == [[n, n + 1] for n in range(7)]
    expected = maps_of(gliding(7, step=2), seconds=np.arange(7) / 25)
    np.testing.assert_allclose(video.arrays["speed"], expected, rtol=1e-4)


def test_a_segment_of_several_frames_has_the_highest_speed_of_each_cell(folder, tmp_path):
    video = stored(folder, tmp_path / "store", "clip_length=3", "segment_stride=2", "dtype=float16")
    maps = maps_of(gliding(7, step=2), seconds=np.arange(7) / 25)
    assert video.frame_span.tolist() == [[0, 3], [2, 5], [4, 7]] and video.arrays["speed"].dtype == np.float16
    expected = np.stack([maps[start : start + 3].max(axis=0) for start in (0, 2, 4)])
    np.testing.assert_allclose(video.arrays["speed"], expected, rtol=1e-3)
