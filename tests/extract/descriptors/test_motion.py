"""Laws of the motion descriptor: it measures what moves, how fast and where to, not cameras and cuts."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest

from data_lists import read_list
from extract.decode.open_video import DecodedFrame
from extract.decode.sampling import Sampler
from extract.descriptors import DESCRIPTORS
from extract.descriptors.camera_motion import CameraMotion
from extract.descriptors.motion import Motion
from extract.descriptors.motion_cells import CELLS, CHANNELS, COLUMNS, QUANTITIES, ROWS
from extract.descriptors.motion_statistics import FAMILIES, INDEX

HEIGHT, WIDTH = 180, 240
PATCH = 90  # pixels: three cells wide and high, so that one cell is entirely inside


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth random grey levels, float32 in [20, 235]."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(smooth, None, 20, 235, cv2.NORM_MINMAX)


def scene(
    count: int = 12,
    *,
    speed: tuple[float, float] = (0, 0),
    camera: tuple[float, float] = (0, 0),
    seed: int = 0,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    start: tuple[float, float] = (60, 40),
) -> np.ndarray:
    """uint8 [count, H, W, 3]: a patch moves by `speed` per frame over a background that moves by `camera`."""
    height, width = size
    background, patch = texture(height + 200, width + 200, seed), texture(PATCH, PATCH, seed + 1)
    frames = []
    for number in range(count):
        move = np.float32([[1, 0, camera[0] * number - 100], [0, 1, camera[1] * number - 100]])
        frame = cv2.warpAffine(background, move, (width, height))
        position = [start[k] + (speed[k] + camera[k]) * number for k in (0, 1)]
        move = np.float32([[1, 0, position[0]], [0, 1, position[1]]])
        inside = cv2.warpAffine(np.ones_like(patch), move, (width, height))
        frames.append(frame * (1 - inside) + cv2.warpAffine(patch, move, (width, height)))
    return np.repeat(np.round(frames).astype(np.uint8)[..., None], 3, axis=3)


def rows_of(frames, fps: float = 25.0) -> np.ndarray:
    motion = Motion(fps)
    return np.stack([motion.frame(frame) for frame in frames])


def cells_of(rows: np.ndarray, name: str) -> np.ndarray:
    """One quantity of the measured frames, [n, ROWS, COLUMNS]."""
    cells = rows[rows[:, 0] > 0, 1:].reshape(-1, CELLS, len(CHANNELS))
    return cells[..., INDEX[name]].reshape(-1, ROWS, COLUMNS)


def described(frames, fps: float = 25.0) -> dict[str, float]:
    return dict(zip(Motion.names(), Motion(fps).segment(rows_of(frames, fps)), strict=True))


def test_every_dimension_has_its_own_name():
    names = Motion.names()
    assert DESCRIPTORS["motion"] is Motion
    assert len(names) == len(set(names)) == Motion.feature_dim
    assert {name.split(".")[0] for name in names} == set(FAMILIES)


def test_a_still_video_has_no_motion():
    rows = rows_of(scene())
    assert rows[0, 0] == -1 and (rows[1:, 0] == 1).all()
    for name in set(QUANTITIES) - {"edges"}:
        assert (np.nan_to_num(cells_of(rows, name)) == 0).all(), name
    numbers = described(scene())
    speeds = [value for name, value in numbers.items() if "speed_of_cell" in name]
    assert speeds == pytest.approx([np.log(0.01)] * len(speeds)) and speeds


@pytest.mark.parametrize(
    "direction, bin_number", [((1, 0), 0), ((0, 1), 2), ((-1, 0), 4), ((0, -1), 6), ((0.7071, 0.7071), 1)]
)
def test_speed_and_direction_of_a_moving_patch_are_right(direction, bin_number):
    pixels = 2.0  # per frame
    rows = rows_of(scene(5, speed=(pixels * direction[0], pixels * direction[1])))
    # a cell is 30 x 30 pixels; the patch starts at (60, 40), so cell (2, 3) stays inside it for four steps
    cell = np.s_[:, 2, 3]
    expected = pixels * 25 / HEIGHT  # frame heights per second
    assert cells_of(rows, "speed")[cell] == pytest.approx(expected, rel=0.15)
    assert cells_of(rows, "right")[cell] == pytest.approx(expected * direction[0], abs=0.15 * expected)
    assert cells_of(rows, "down")[cell] == pytest.approx(expected * direction[1], abs=0.15 * expected)
    bins = np.array([cells_of(rows, f"direction_{k}")[cell].mean() for k in range(8)])
    assert bins.argmax() == bin_number and bins[bin_number] > 0.8 * bins.sum()
    # the bins sum to the speed
    assert bins.sum() == pytest.approx(cells_of(rows, "speed")[cell].mean(), rel=1e-4)
    assert cells_of(rows, "speed")[:, 5, 7] == pytest.approx(0, abs=0.05)  # far from the patch


def test_steady_motion_has_little_acceleration_and_a_jerk_has_much():
    steady = scene(9, speed=(2, 0))
    jerky = np.concatenate([scene(5, speed=(2, 0)), scene(5, speed=(2, 0))[::-1][1:]])  # reverses half-way
    most = [np.nanmax(cells_of(rows_of(frames), "acceleration")[:, 2, 3]) for frames in (steady[:5], jerky)]
    # reversing changes 2 px per frame to -2: 4 * 25 / 180 heights per second within 1/25 s
    assert most[1] == pytest.approx(4 * 25 / 180 * 25, rel=0.2)
    assert most[0] < 0.2 * most[1]


def test_a_moving_camera_is_not_motion():
    rows = rows_of(scene(camera=(3, 1)))
    assert cells_of(rows, "speed").mean() < 0.02 * np.hypot(3, 1) * 25 / HEIGHT


def test_motion_is_the_same_in_front_of_a_moving_and_a_fixed_camera():
    scenes = [scene(5, speed=(2, 0), camera=camera) for camera in ((0, 0), (1, 1))]
    fixed, moving = (cells_of(rows_of(frames), "speed") for frames in scenes)
    assert moving[:, 2, 3] == pytest.approx(fixed[:, 2, 3], rel=0.15)


def test_the_camera_fit_is_exact_while_two_fifths_of_the_frame_move_independently():
    camera = CameraMotion(90, 120)
    zoom, roll, right, down = 1.5, -2.0, 3.0, 0.5
    flow = np.stack(
        [zoom * camera.x - roll * camera.y + right, roll * camera.x + zoom * camera.y + down], axis=-1
    ).astype(np.float32)
    flow[:, :48] += (6.0, -4.0)
    assert camera.fit(flow) == pytest.approx([zoom, roll, right, down], abs=0.05)


def test_a_cut_is_not_motion():
    first, second = scene(8, seed=0), scene(8, seed=10)
    rows = rows_of(np.concatenate([first, second]))
    assert rows[:, 0].tolist() == [-1] + [1] * 7 + [-1] + [1] * 7
    assert (cells_of(rows, "speed") == 0).all() and (cells_of(rows, "unexplained") == 0).all()


def test_no_acceleration_is_measured_across_a_cut():
    rows = rows_of(np.concatenate([scene(6, speed=(2, 0)), scene(6, speed=(-2, 0), seed=10)]))
    unknown = np.isnan(cells_of(rows, "acceleration")).all(axis=(1, 2))
    assert unknown.tolist() == [True] + [False] * 4 + [True] + [False] * 4
    assert np.isfinite(Motion(25).segment(rows)).all()


def test_repeated_frames_do_not_slow_a_video_down():
    frames = scene(8, speed=(2, 0))
    once = rows_of(frames, fps=12.5)
    twice = rows_of(np.repeat(frames, 2, axis=0)[1:], fps=25)  # the first step sets the typical difference
    assert twice[:, 0].tolist() == [-1, 1, *[0, 1] * 6, 0]
    assert cells_of(twice, "speed")[1:] == pytest.approx(cells_of(once, "speed")[1:], rel=1e-4)


def test_a_still_shot_is_not_taken_for_repeats_for_ever():
    moving = scene(8, speed=(3, 0))
    rows = rows_of(np.concatenate([moving, np.repeat(moving[-1:], 20, axis=0)]))
    assert (rows[8:, 0] > 0).any()


@pytest.mark.parametrize("fps, step", [(50, 1.0), (25, 2.0), (60, 2.0 * 25 / 60)])
def test_speed_does_not_depend_on_the_frame_rate(fps, step):
    rows = rows_of(scene(round(5 * fps / 25), speed=(step, 0)), fps=fps)
    assert cells_of(rows, "speed")[:, 2, 3] == pytest.approx(2.0 * 25 / HEIGHT, rel=0.2)


def shown_at(seconds: float, speed: float = 50.0) -> np.ndarray:
    """A patch that moves right by `speed` pixels per second, as it is at one time."""
    return scene(1, start=(60 + speed * seconds, 40))[0]


UNEVEN = np.cumsum([0.0, 0.02, 0.09, 0.04, 0.01, 0.04, 0.02, 0.1])


@pytest.mark.parametrize(
    ("times", "fps", "rate"),
    [
        (UNEVEN, 25.0, None),
        (np.arange(4) / 10, 25.0, None),  # a header that says another rate
        (np.arange(4) / 25, 2.0, None),
        (np.arange(10) / 25, 25.0, 10.0),  # sampled to a lower rate, and to a higher one
        (np.arange(5) / 10, 10.0, 30.0),
        (UNEVEN, 25.0, 12.0),
    ],
    ids=["uneven", "slower", "faster", "resampled lower", "resampled higher", "uneven resampled"],
)
def test_speed_is_per_second_of_the_clock(times, fps, rate):
    frames = [
        DecodedFrame(number, number + 1, time, time + 0.04, partial(shown_at, time))
        for number, time in enumerate(times)
    ]
    motion = Motion(rate or fps)
    rows = np.stack([motion.frame(frame.rgb(), frame.pts_seconds) for frame in Sampler(rate, 1).pick(frames)])
    speeds = cells_of(rows, "speed")[:, 2, 3]
    assert len(speeds) > 2 and speeds == pytest.approx(50 / HEIGHT, rel=0.15)


def test_no_speed_is_measured_over_a_pause():
    times = [*np.arange(4) / 25, *(600 + np.arange(4) / 25)]
    motion = Motion(25.0)
    rows = np.stack([motion.frame(shown_at(place / 25), time) for place, time in enumerate(times)])
    assert rows[:, 0].tolist() == [-1, 1, 1, 1, -1, 1, 1, 1]
    assert cells_of(rows, "speed")[:, 2, 3] == pytest.approx(50 / HEIGHT, rel=0.15)


def test_speed_does_not_depend_on_the_resolution():
    frames = scene(5, speed=(2, 0))
    large = [cv2.resize(frame, (2 * WIDTH, 2 * HEIGHT)) for frame in frames]
    small, large = (cells_of(rows_of(each), "speed")[:, 2, 3] for each in (frames, large))
    assert large == pytest.approx(small, rel=0.1)


def test_a_mirrored_video_has_the_same_description():
    frames = scene(8, speed=(2, 1), start=(40, 30))
    plain, mirrored = described(frames), described(frames[:, :, ::-1])
    for name, value in plain.items():
        assert mirrored[name] == pytest.approx(value, abs=0.12), name


def test_where_in_the_frame_something_moves_hardly_matters():
    here, there = (described(scene(6, speed=(2, 0), start=start)) for start in ((30, 30), (90, 60)))
    for name in (f"profile.speed_of_cell_{rank}" for rank in (0, 1, 2, 4)):
        assert there[name] == pytest.approx(here[name], abs=0.25), name


def test_rows_do_not_depend_on_how_segments_are_requested():
    frames = scene(40, speed=(1, 0.5))
    rows = rows_of(frames)
    motion, again, segments = Motion(25.0), [], []
    for start in range(0, 40, 16):
        for frame in frames[start : start + 16]:
            again.append(motion.frame(frame))
        segments.append(motion.segment(np.stack(again[start:])))
    assert np.array_equal(rows, np.stack(again), equal_nan=True)
    assert np.array_equal(Motion(25.0).segment(rows[16:32]), segments[1])


def test_frames_and_rows_are_not_modified():
    frames = scene(6, speed=(1, 0))
    kept = frames.copy()
    rows = rows_of(frames)
    kept_rows = rows.copy()
    Motion(25).segment(rows)
    assert np.array_equal(frames, kept) and np.array_equal(rows, kept_rows, equal_nan=True)


def test_a_frame_may_be_overwritten_after_the_call():
    frames = scene(6, speed=(2, 0))
    motion, shared, rows = Motion(25), np.empty_like(frames[0]), []
    for frame in frames:
        shared[:] = frame
        rows.append(motion.frame(shared))
    assert np.array_equal(rows_of(frames), np.stack(rows), equal_nan=True)


@pytest.mark.parametrize(
    "shape", [(8, 8, 3), (1, 1, 3), (8, 200, 3), (200, 8, 3), (120, 160), (120, 160, 1), (720, 1280, 3)]
)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_numbers_are_finite_for_any_shape_and_length(shape, count):
    frames = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    numbers = Motion(25).segment(rows_of(frames))
    assert numbers.dtype == np.float32 and numbers.shape == (Motion.feature_dim,)
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("level", [0, 255])
def test_uniform_frames_have_no_motion(level):
    frames = np.full((4, 60, 80, 3), level, dtype=np.uint8)
    assert (cells_of(rows_of(frames), "speed") == 0).all()


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_an_unknown_frame_rate_counts_as_25(fps):
    frames = scene(4, speed=(2, 0))
    assert np.array_equal(rows_of(frames, fps=fps), rows_of(frames, fps=25), equal_nan=True)


def test_a_frame_size_that_changes_starts_a_shot():
    rows = rows_of([*scene(3), *scene(3, size=(180, 320))])
    assert rows[:, 0].tolist() == [-1, 1, 1, -1, 1, 1]


@pytest.mark.parametrize("frame", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_a_frame_of_another_shape_or_dtype_is_refused(frame):
    with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\]"):
        Motion(25).frame(frame)


def test_cuts_of_real_footage_are_detected_and_cause_no_speed(test_data):
    av = pytest.importorskip("av")
    folder = test_data / "fight_untrimmed"
    videos = {video.video_id: video for video in read_list(folder / "train.tsv")}
    video = videos["train/fight_train_0_00"]
    with av.open(str(folder / "videos" / f"{video.video_id}.mp4")) as container:
        rows = rows_of([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    cut = video.anomaly_spans[0][1]
    assert len(rows) == video.num_frames and rows[cut, 0] == -1
    assert (rows[:, 0] == -1).sum() == 6  # clips in a montage
    assert cells_of(rows, "speed").max() < 3  # frame heights per second
