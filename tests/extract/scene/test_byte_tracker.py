"""ByteTrack: people whose true identities are known keep them; each rule of the rounds shows in a scene."""

import numpy as np
import pytest

from extract.scene.box_filter import BoxFilter
from extract.scene.byte_tracker import ByteTracker
from extract.scene.people import NOBODY, make_people

LOST_FRAMES = 6


def tracker() -> ByteTracker:
    return ByteTracker(least_score=0.5, lost_frames=LOST_FRAMES, min_overlap=0.1)


def person(x: float, y: float = 100.0, *, height: float = 60.0) -> list[float]:
    """A box that stands at (x, y)."""
    return [x - height / 5, y - height, x + height / 5, y]


def ids_of(frames: list[tuple[list[list[float]], list[float]]], track=None) -> list[list[int | None]]:
    """The identity of each person in each frame, None for those without one."""
    track, found = track or tracker(), []
    for boxes, scores in frames:
        tracked = track(make_people(boxes, scores))
        by_box = {tuple(box): int(each) for box, each in zip(tracked.boxes, tracked.track_id, strict=True)}
        assert len(by_box) == len(tracked)
        found.append([by_box.get(tuple(np.float32(box))) for box in boxes])
    return found


def test_two_people_who_cross_keep_their_identities():
    """Each hides the other in the middle; who is behind is found with a low score or not at all."""
    walkers, frames = [], []
    for t in range(40):
        left, right = person(20 + 4 * t, 100), person(180 - 4 * t, 104)
        hidden = abs(20 + 4 * t - (180 - 4 * t)) < 10
        frames.append(([right], [0.9]) if hidden else ([left, right], [0.9, 0.9]))
        walkers.append([1] if hidden else [0, 1])
    assert any(len(each) == 1 for each in walkers)
    assert ids_of(frames) == walkers


@pytest.mark.parametrize("seed", range(3))
def test_people_on_lanes_stay_themselves_whatever_the_order_of_boxes(seed):
    """Six people of random speeds, boxes with noise, a tenth of them missed, a fifth with low scores."""
    random = np.random.default_rng(seed)
    speeds, starts = random.uniform(-3, 3, 6), random.uniform(150, 350, 6)
    of_truth: dict[int, set] = {}
    track = tracker()
    for t in range(60):
        boxes = np.array([person(starts[lane] + speeds[lane] * t, 100 + 70 * lane) for lane in range(6)])
        boxes += random.normal(0, 1, boxes.shape)
        chosen = random.permutation(6)
        chosen = chosen[(random.random(6) < 0.9) | (t < 2)]
        scores = np.where((random.random(len(chosen)) < 0.2) & (t > 1), 0.3, 0.9)
        tracked = track(make_people(boxes[chosen], scores))
        for box, identity in zip(tracked.boxes, tracked.track_id, strict=True):
            of_truth.setdefault(int(np.abs(boxes - box).sum(axis=1).argmin()), set()).add(int(identity))
    assert sorted(of_truth) == list(range(6))
    assert sorted(of_truth.values(), key=min) == [{number} for number in range(6)]


@pytest.mark.parametrize("away, same", [(1, True), (LOST_FRAMES, True), (LOST_FRAMES + 1, False)])
def test_who_returns_in_time_is_the_same_person(away, same):
    """They walk on while out of sight; a new person is known from the second frame on."""
    frames = [([person(50 + 3 * t)], [0.9]) for t in range(20 + away)]
    frames[10 : 10 + away] = [([], [])] * away
    found = ids_of(frames)
    assert found[:10] == [[0]] * 10
    assert found[10 + away :] == ([[0]] * 10 if same else [[None]] + [[1]] * 9)


def test_low_scores_continue_tracks_of_the_last_frame_and_start_none():
    low = ([person(52)], [0.2])
    assert ids_of([([person(50)], [0.9]), low, low, ([person(50)], [0.9])]) == [[0]] * 4
    assert ids_of([low] * 4) == [[None]] * 4
    # A box of low score whose overlap is 0.1 to 0.5 may be a shadow.
    beside = ([person(64)], [0.2])
    assert ids_of([([person(50)], [0.9]), beside]) == [[0], [None]]
    assert ids_of([([person(50)], [0.9]), ([person(64)], [0.9])]) == [[0], [0]]
    # Nobody who was lost returns by a low score.
    assert ids_of([([person(50)], [0.9]), ([], []), low, ([person(50)], [0.9])]) == [[0], [], [None], [0]]


def test_confident_boxes_choose_before_low_ones():
    """The low box lies better on the track, but the confident one may be the same person as well."""
    frames = [([person(50)], [0.9]), ([person(50), person(55)], [0.3, 0.9])]
    assert ids_of(frames) == [[0], [None, 0]]


def test_the_assignment_is_the_best_of_all_together():
    """Greedily, the nearer pair (first track, second box) would leave the other track without a box."""
    tracks = ([person(50), person(59)], [0.9, 0.9])
    boxes = ([person(36), person(52.5)], [0.9, 0.9])
    assert ids_of([tracks, boxes]) == [[0, 1], [0, 1]]
    # Here the largest sum has a pair of 0.08, which is none and would leave the first track a worse box.
    tracks, boxes = ([person(50), person(21.6)], [0.9, 0.9]), ([person(42), person(59.1)], [0.9, 0.9])
    assert ids_of([tracks, boxes]) == [[0, 1], [0, None]]


def test_a_mistake_of_one_frame_is_nobody():
    steady = person(50)
    frames = [([steady], [0.9]) for _ in range(6)]
    frames[2] = ([steady, person(200)], [0.9, 0.9])
    frames[4] = ([steady, person(205)], [0.9, 0.9])  # two frames later: not the same mistake
    assert ids_of(frames) == [[0], [0], [0, None], [0], [0, None], [0]]
    assert ids_of([([], []), ([steady], [0.9]), ([steady], [0.9])]) == [[], [None], [0]]


def test_identities_do_not_depend_on_units_or_on_where_the_picture_begins():
    random = np.random.default_rng(7)
    x = random.uniform(0, 300, (30, 5)).cumsum(axis=0) / 12
    frames = [[person(each, 100, height=50 + 5 * n) for n, each in enumerate(row)] for row in x]
    scores = random.uniform(0.2, 1, (30, 5)).round(2)

    def found(scale: float, shift: float) -> list:
        moved = [np.float32(np.array(boxes) * scale + shift).tolist() for boxes in frames]
        return ids_of(list(zip(moved, scores.tolist(), strict=True)))

    assert found(1, 0) == found(4, 0) == found(1, 512)
    assert max(each for row in found(1, 0) for each in row if each is not None) >= 5


def test_the_filter_learns_a_velocity_and_keeps_the_height_of_who_is_hidden():
    motion = BoxFilter(np.array([0.0, 0, 20, 50]))
    for t in range(1, 40):
        motion.predict(keep_height=False)
        motion.update(np.array([3.0 * t, -t, 20 + 3 * t, 50 - t]))
    assert motion.mean[4:6] == pytest.approx([3, -1], abs=0.01)
    eigenvalues = np.linalg.eigvalsh(motion.covariance)
    assert (eigenvalues > 0).all() and np.allclose(motion.covariance, motion.covariance.T)
    height = motion.mean[3]
    motion.mean[7] = -9
    for _ in range(10):
        motion.predict(keep_height=True)
    assert motion.mean[3] == height
    assert motion.box[:2] == pytest.approx([3 * 49, -49], abs=0.5)
    assert np.linalg.eigvalsh(motion.covariance).sum() > eigenvalues.sum()


def test_who_came_near_is_expected_back_at_the_same_height():
    track = tracker()
    for t in range(10):
        track(make_people([person(50, height=40 + 6 * t)]))
    for _ in range(LOST_FRAMES):
        track(NOBODY)
    # One step on is foreseen in the first frame without them.
    assert track.tracks[0].motion.mean[3] == pytest.approx(40 + 6 * 10, abs=2)


def test_the_first_update_weighs_box_and_prediction_by_their_variances():
    """By the scalar formulas of Kalman (1960) for the centre x, whose noise is independent of the others."""
    height = 40.0
    motion = BoxFilter(np.array([0.0, 0, 20, height]))
    motion.predict(keep_height=False)
    motion.update(np.array([6.0, 0, 26, height]))
    place, speed = (height / 20) ** 2, (height / 160) ** 2
    p, v, covariance = 4 * place + 100 * speed + place, 100 * speed + speed, 100 * speed
    gain = p / (p + place)
    assert motion.mean[0] == pytest.approx(10 + 6 * gain)
    assert motion.mean[4] == pytest.approx(6 * covariance / (p + place))
    assert motion.covariance[0, 0] == pytest.approx(p * (1 - gain))
    assert motion.covariance[4, 4] == pytest.approx(v - covariance**2 / (p + place))


@pytest.mark.parametrize("box", [[0, 0, 1e9, 1e9], [5, 5, 5, 5], [0, 0, 1e-6, 1e-6], [0, 0, 1e9, 1e-6]])
def test_boxes_of_any_size_leave_the_numbers_finite(box):
    track = tracker()
    for _ in range(3):
        track(make_people([box, person(50)], [0.9, 0.9]))
        track(NOBODY)
    for each in track.tracks:
        assert np.isfinite(each.motion.covariance).all() and np.isfinite(each.motion.mean).all()
    assert track(make_people([person(50)], [0.9])).track_id.tolist() == [1]
