"""The graph of a clip follows its formulas, ignores order and padding, and is empty for an empty scene."""

import numpy as np
import pytest

from extract.presets.scene_preset import Scene
from extract.scene.body_direction import body_direction
from extract.scene.people import JOINT_INDEX, JOINTS, NOBODY, make_people
from extract.scene.person_graph import clip_graph, frame_adjacency
from extract.scene.track_interpolation import fill_gaps
from extract.scene.tracking import make_tracker

SECONDS = np.arange(8) * 0.08
SIZE = (200, 100)
SETTINGS = Scene(persons=4, sigma=2.0, reach=4.0)


def walk(*, starts, speeds, frames=8, height=40.0, keypoints=None):
    """People who walk right at constant speed: starts in pixels, speeds in pixels per frame, ids from 5."""
    boxes = [
        [[x + v * t, 30, x + v * t + height / 4, 30 + height] for x, v in zip(starts, speeds, strict=True)]
        for t in range(frames)
    ]
    return [make_people(each, keypoints=keypoints, track_id=5 + np.arange(len(starts))) for each in boxes]


def graph_of(frames, settings=SETTINGS, **more):
    return clip_graph(frames, seconds=SECONDS[: len(frames)], size=SIZE, settings=settings, **more)


def test_node_features_follow_the_layout():
    graph = graph_of(walk(starts=[20, 90], speeds=[2, 0]))
    centre = np.array([[20 + 2 * 3 + 5, 50], [95, 50]])
    assert np.allclose(graph.nodes[3, :2, 0:2], centre / SIZE)
    assert np.allclose(graph.nodes[3, :2, 2:4], [10 / 200, 40 / 100])
    assert np.allclose(graph.nodes[3, :2, 4:6], [[2 / 0.08 / 40, 0], [0, 0]], atol=1e-6)
    assert np.allclose(graph.nodes[:, :2, 59], 1) and not graph.nodes[:, :2, 6:59].any()
    assert graph.track_id.tolist() == [5, 6, -1, -1]
    assert graph.node_mask[:, :2].all() and not graph.node_mask[:, 2:].any()


def test_joints_are_relative_to_the_box_and_unknown_ones_are_zero():
    joints = np.zeros((1, 17, 3))
    joints[0, JOINT_INDEX["nose"]] = [25, 40, 0.8]
    graph = graph_of([make_people([[20, 30, 30, 70]], keypoints=joints, track_id=[1])])
    found = graph.nodes[0, 0, 6:57].reshape(17, 3)
    assert np.allclose(found[JOINT_INDEX["nose"]], [0.5, 0.25, 0.8]) and not found[1:].any()


def test_distance_is_a_kernel_in_mean_box_heights():
    boxes = np.array([[0, 0, 10, 40], [60, 0, 70, 20]], float)  # centres (5, 20) and (65, 10), mean height 30
    distance = np.hypot(60, 10) / 30
    found = frame_adjacency(boxes, np.zeros((2, 2)), np.ones(2, bool), SETTINGS)
    assert found[0, 0, 1] == found[0, 1, 0] == pytest.approx(np.exp(-((distance / 2) ** 2)))
    assert not found[1:].any() and not np.diagonal(found, axis1=1, axis2=2).any()


def test_gaze_is_mutual_and_a_target_is_where_two_lines_of_sight_meet():
    # Two side by side, the third below and between them.
    boxes = np.array([[0, 0, 10, 40], [40, 0, 50, 40], [20, 60, 30, 100]], float)
    right, left = np.array([1.0, 0]), np.array([-1.0, 0])
    mask = np.ones(3, bool)
    toward = frame_adjacency(boxes, np.stack([right, left, np.zeros(2)]), mask, SETTINGS)
    assert (
        toward[1, 0, 1] == pytest.approx(1) and toward[2, 0, 1] == 0
    )  # they face each other, no third thing
    one_sided = frame_adjacency(boxes, np.stack([right, right, right]), mask, SETTINGS)
    assert not one_sided[1].any()  # only one faces the other
    way = np.array([20.0, 60.0]) / np.hypot(20, 60)  # from the first to the third, mirrored for the second
    shared = frame_adjacency(boxes, np.stack([way, way * [-1, 1], np.zeros(2)]), mask, SETTINGS)
    assert shared[2, 0, 1] == pytest.approx(np.exp(-((np.hypot(20, 60) / 40 / 4) ** 2)))
    apart = frame_adjacency(boxes, np.stack([way * [-1, 1], way, np.zeros(2)]), mask, SETTINGS)
    assert apart[2, 0, 1] == 0  # the lines meet behind their backs


def test_direction_follows_shoulders_and_nose_or_the_walk():
    boxes = np.tile([0.0, 0, 20, 100], (5, 1))
    joints, velocity = np.zeros((5, 17, 3)), np.zeros((5, 2))
    for person, (left, right, nose) in enumerate([(22, -2, 10), (-2, 22, 10), (10, 10, 16)]):
        for name, x in (("left_shoulder", left), ("right_shoulder", right), ("nose", nose)):
            joints[person, JOINT_INDEX[name]] = [x, 20, 1]
    velocity[3] = [-1, 0]
    found = body_direction(boxes, joints, velocity)
    assert np.allclose(found, [[0, 1], [0, -1], [1, 0], [-1, 0], [0, 0]], atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_people_and_unused_slots_do_not_matter(seed):
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(6):
        corner = random.uniform(0, 60, (3, 2))
        boxes = np.concatenate([corner, corner + random.uniform(10, 40, (3, 2))], axis=1)
        joints = np.concatenate([random.uniform(0, 90, (3, 17, 2)), random.uniform(0, 1, (3, 17, 1))], axis=2)
        frames.append(make_people(boxes, random.uniform(0.5, 1, 3), joints, [9, 4, 7]))
    flow = random.normal(size=(6, 2, 25, 50)).astype(np.float32)
    first = graph_of(frames, flow=flow)
    other = graph_of([each.select(random.permutation(3)) for each in frames], flow=flow)
    wide = graph_of(frames, Scene(persons=7, sigma=2.0), flow=flow)
    for name in ("nodes", "node_mask", "adjacency", "track_id"):
        assert np.array_equal(getattr(first, name), getattr(other, name))
    assert first.track_id.tolist() == [4, 7, 9, -1]
    assert np.array_equal(wide.nodes[:, :4], first.nodes)
    assert np.array_equal(wide.adjacency[..., :4, :4], first.adjacency)
    assert not wide.adjacency[..., 4:, :].any()
    assert np.array_equal(first.adjacency, first.adjacency.transpose(0, 1, 3, 2))
    assert (first.adjacency >= 0).all() and (first.adjacency <= 1).all()


def test_slots_go_to_the_people_visible_longest():
    frames = walk(starts=[0, 40, 80, 120, 160], speeds=[0] * 5)
    frames = [each.select(np.array([0, 1, 3, 4] if t < 5 else [0, 1, 2, 3])) for t, each in enumerate(frames)]
    assert graph_of(frames).track_id.tolist() == [5, 6, 8, 9]  # 7 is visible in three frames, 9 in five


def test_a_clip_without_people_has_an_empty_graph():
    graph = graph_of([NOBODY] * 4)
    assert not graph.node_mask.any() and not graph.nodes.any() and not graph.adjacency.any()
    assert (graph.track_id == -1).all()


def test_flow_in_a_box_is_measured_in_box_heights_per_second():
    flow = np.zeros((8, 2, 50, 100), np.float32)  # half the size of the frame
    flow[:, 0, 15:35, 10:15] = 3.0
    graph = graph_of([make_people([[20, 30, 30, 70]], track_id=[1])] * 8, flow=flow)
    assert np.allclose(graph.nodes[:, 0, 57:59], 6 / 40 / 0.08)


def test_people_missed_for_a_moment_are_interpolated():
    frames = walk(starts=[10], speeds=[4])
    thinned = [each if t in (0, 2, 5) else NOBODY for t, each in enumerate(frames)]
    filled = fill_gaps(thinned)
    assert [len(each) for each in filled] == [1, 1, 1, 1, 1, 1, 0, 0]
    for t in range(6):
        assert np.allclose(filled[t].boxes, frames[t].boxes) and filled[t].track_id.tolist() == [5]
    every = fill_gaps([each if t % 4 == 0 else NOBODY for t, each in enumerate(frames)], detect_every=4)
    assert [len(each) for each in every] == [1] * 8 and np.allclose(every[7].boxes, frames[4].boxes)


@pytest.mark.parametrize("name", ["overlap", "bytetrack"])
def test_trackers_keep_identities_through_a_gap_and_a_crossing_of_scores(name):
    tracker = make_tracker(name, fps=12.5, least_score=0.5)
    seen = []
    for t, each in enumerate(walk(starts=[10, 150], speeds=[2, -2], frames=20)):
        # A detection with a low score continues its track.
        scores = np.array([0.9, 0.3 if 5 < t < 9 else 0.8], np.float32)
        each = make_people(each.boxes, scores)
        seen.append(tracker(NOBODY if t == 12 else each.select(np.array([1, 0]))))
    assert [len(each) for each in seen] == [2] * 12 + [0] + [2] * 7
    identities = {tuple(each.track_id[np.argsort(each.boxes[:, 0])].tolist()) for each in seen if len(each)}
    assert len(identities) == 1 and len(set(*identities)) == 2


def test_detections_with_a_low_score_start_no_track():
    tracker = make_tracker("overlap", fps=12.5, least_score=0.5)
    assert len(tracker(make_people([[0, 0, 10, 30]], [0.4]))) == 0
    assert len(tracker(make_people([[0, 0, 10, 30]], [0.6]))) == 1
    no_tracker = make_tracker("none", fps=25, least_score=0.5)
    assert len(no_tracker(make_people([[0, 0, 1, 1], [0, 0, 2, 2]], [0.4, 0.6]))) == 1


@pytest.mark.parametrize(
    "field, value",
    [("detector", "yolo"), ("tracker", "sort"), ("persons", 0), ("sigma", 0), ("least_score", 2)],
)
def test_wrong_settings_are_reported_by_name(field, value):
    with pytest.raises(ValueError, match=f"scene.{field} is {value!r}, expected"):
        Scene(**{field: value})


def test_joints_are_those_of_coco():
    assert len(JOINTS) == 17 and JOINTS[0] == "nose" and JOINTS[-1] == "right_ankle"
