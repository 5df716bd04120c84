"""The regions of frames: speeds of known motion, boxes of known blobs, crops, and no dependence on chunks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from extract.descriptors.speed_map import COLUMNS, ROWS
from extract.presets import PRESETS, Regions
from extract.presets.preset import Preset
from extract.regions.crops import square_crop
from extract.regions.path_speed import path_motion
from extract.regions.region_arrays import RegionArrays
from extract.regions.region_boxes import components, region_boxes
from extract.regions.region_speed import region_speed, speed_of_parts
from extract.regions.region_stream import FrameRegions, RegionStream
from extract.regions.still_picture import still_picture
from extract.regions.usual_size import UsualSize
from support.moving_block import HEIGHT, SETTINGS, WIDTH, described, street


@pytest.mark.parametrize("speed", [1.0, 2.5])
def test_the_fastest_part_of_a_region_has_the_speed_that_its_block_has(speed):
    # Slow enough things belong to the background: the block must leave the places that it passes.
    frames = street(round(90 / speed), speed=speed)
    found = described(frames)
    assert len(found) == len(frames)
    for number in range(6, len(frames) - 6):
        (box,) = found[number].boxes
        left = 20 + speed * number
        np.testing.assert_allclose(box, [left, 50, left + 14, 76], atol=3)
        measured = found[number].speed[0, 2] * HEIGHT / 25
        assert measured == pytest.approx(speed, rel=0.2)
    assert len({int(frame.track_id[0]) for frame in found[6:-6]}) == 1


def test_chunks_of_frames_do_not_matter():
    frames = street(24, speed=2)
    whole = described(frames)
    for one, other in zip(whole, described(frames, chunk=5), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.speed, other.speed)
        np.testing.assert_array_equal(one.picture, other.picture)


def test_nothing_moves_across_a_cut_or_a_pause():
    stripes = np.tile(np.arange(WIDTH) // 8 % 2 * 200, (HEIGHT, 1)).astype(np.uint8)
    shots = [
        np.repeat(each[None, ..., None], 8, axis=0).repeat(3, axis=3) for each in (stripes, 200 - stripes)
    ]
    frames = np.concatenate(shots)
    assert all((frame.speed < 0.05).all() for frame in described(frames))
    stream = RegionStream(SETTINGS)
    moved = street(2, speed=12)
    found = [*stream.add(moved, np.array([0.0, 60.0])), *stream.end()]
    assert len(found) == 2 and all(not frame.speed.any() for frame in found)


def test_a_path_follows_what_it_stands_on():
    # Flow of 2 pixels right in the left half, 0 in the right half; a path that crosses the middle slows down.
    field = np.zeros((20, 40, 2), np.float32)
    field[:, :20, 0] = 2
    mean, steps = path_motion([field] * 4, [-field] * 4)
    np.testing.assert_allclose(mean[10, 8], [2, 0], atol=1e-5)
    np.testing.assert_allclose(mean[10, 35], [0, 0], atol=1e-5)
    assert 1 < mean[10, 19, 0] < 2 > mean[10, 18, 0]
    with pytest.raises(ValueError, match="needs a field"):
        path_motion([], [])


def test_the_still_picture_shows_nobody_who_passes():
    frames = street(40, speed=3)[..., 0]
    wall = street(1, speed=0, seed=0)[0, ..., 0].astype(float)
    wall = np.where(frames[-1] == wall, wall, frames[-1])
    apart = np.abs(still_picture(list(frames)) - cv2.blur(frames[-1], (3, 3)))
    assert np.median(apart) == 0 and (apart[:, :100] < 6).all()


def usual_of(shape=(HEIGHT, WIDTH)) -> UsualSize:
    usual = UsualSize(shape)
    usual.add(np.array([[50, 40, 10, 24, 200]] * 50))
    return usual


def blobs(*boxes) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_things_of_usual_size_stay_and_crowds_are_cut():
    usual = usual_of()
    alone = blobs((20, 40, 30, 64), (60, 40, 70, 64))
    assert sorted(region_boxes(alone, usual).tolist()) == [[20, 40, 30, 64], [60, 40, 70, 64]]
    bicycle = blobs((20, 40, 42, 64))
    assert region_boxes(bicycle, usual).tolist() == [[20, 40, 42, 64]]
    crowd = region_boxes(blobs((20, 40, 60, 64)), usual)
    assert len(crowd) == 5 and (crowd[:, 2] - crowd[:, 0] < 25).all()
    assert crowd[:, 0].min() == 20 and crowd[:, 2].max() == 60


def test_pieces_join_what_they_belong_to():
    usual = usual_of()
    walker = blobs((20, 40, 30, 58), (22, 62, 28, 67))  # legs below a body
    assert region_boxes(walker, usual).tolist() == [[20, 40, 30, 67]]
    apart = blobs((20, 40, 30, 64), (100, 90, 108, 95))
    assert region_boxes(apart, usual).tolist() == [[20, 40, 30, 64]]
    assert region_boxes(np.zeros((HEIGHT, WIDTH), bool), usual).shape == (0, 4)
    assert components(apart)[1].shape == (2, 5)


def test_the_usual_size_is_that_of_things_nearby():
    usual = UsualSize((100, 100))
    assert usual.at(50) is None
    usual.add(
        np.array([[40, 10, 4, 10, 60]] * 30 + [[40, 50, 12, 30, 300]] * 30 + [[0, 50, 90, 30, 999]] * 300)
    )
    assert usual.at(20)[:2] == pytest.approx((4, 10)) and usual.at(80)[:2] == pytest.approx((12, 30))


def test_speeds_of_a_region_are_those_of_its_own_pixels():
    length = np.full((48, 60), 9.0, np.float32)
    mask = np.zeros((48, 60), bool)
    mask[10:30, 10:20], length[10:30, 10:20] = True, 1.0
    length[12:18, 12:18] = 3.0
    parts = [speed_of_parts(length, mask)]
    found = region_speed(length, parts, mask, np.array([8, 8, 24, 32]))
    assert found.tolist() == [1, 3, 3]
    assert region_speed(length, parts, mask & False, np.array([40, 40, 44, 44])).tolist() == [9, 9, 0]


def test_a_crop_moves_with_its_box_and_shows_its_middle():
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 255, (90, 120, 3)).astype(np.uint8), (0, 0), 2)
    box = np.array([30, 30, 50, 62])
    crop = square_crop(picture, box, size=48, margin=1.5)
    moved = square_crop(np.roll(picture, (5, 7), (0, 1)), box + [7, 5, 7, 5], size=48, margin=1.5)
    np.testing.assert_array_equal(crop, moved)
    # At scale 1 a crop is a part of the picture.
    same = square_crop(picture, box, size=48, margin=1.5)
    np.testing.assert_allclose(same, picture[22:70, 16:64], atol=1)
    large = square_crop(picture, np.array([0, 0, 120, 90]), size=32, margin=1.0)
    assert large.shape == (32, 32, 3) and abs(float(large.mean()) - float(picture.mean())) < 12


def test_arrays_have_fixed_shapes_and_every_track_has_its_turn():
    settings = replace(Regions(), most=6, crop_every=2)
    arrays, turns = RegionArrays(settings, feature_dim=3), []
    for _ in range(4):
        count = 9 if len(turns) == 2 else 2
        count = min(count, settings.most)
        track = np.arange(count)
        frame = FrameRegions(
            np.zeros((60, 80, 3), np.uint8),
            np.tile(np.array([8, 6, 16, 30], np.float32), (count, 1)),
            track,
            np.ones((count, 4), np.float32),
            np.zeros((count, 17, 3), np.float32),
            0.0,
            np.zeros((ROWS, COLUMNS), np.float32),
        )
        slots = arrays.due(track)
        turns.append(slots)
        rows = arrays.rows(frame, slots, np.full((len(slots), 3), 1e9, np.float32))
        assert {name: each.shape for name, each in rows.items()} == {
            "region_box": (6, 4),
            "region_track": (6,),
            "region_speed": (6, 4),
            "region_second": (1,),
            "crop_slot": (settings.crops_kept,),
            "crop_feature": (settings.crops_kept, 3),
        }
        assert rows["region_box"][0].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.5])
        assert rows["region_track"].tolist() == [*range(count), *[-1] * (6 - count)]
        assert np.isfinite(rows["crop_feature"]).all() and rows["crop_slot"][: len(slots)].tolist() == slots
    assert turns == [[0], [1], [0, 2, 4], [1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detector": "yolo"}, "regions.detector is 'yolo', expected foreground"),
        ({"most": 0}, "regions.most is 0, expected a whole number from 1 to 256"),
        ({"crop_size": 8}, "regions.crop_size is 8, expected pixels from 32"),
        ({"crop_margin": 9.0}, "regions.crop_margin is 9.0"),
        ({"classes": (1,)}, "regions.classes is set, but the detector foreground knows no classes"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(Regions(), **change)


def test_a_spec_restores_its_preset_and_says_which_arrays_there_are():
    preset = PRESETS["regions"]
    spec = preset.spec(weights="none:seed0")
    assert Preset.from_spec(spec, PRESETS) == preset
    regions = ("region_box", "region_track", "region_speed", "region_second")
    assert spec.arrays == (*regions, "speed", "crop_slot", "crop_feature")
    without = replace(preset, regions=SETTINGS).spec()
    assert without.arrays == regions
