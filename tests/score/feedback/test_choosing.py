"""Which moments are asked about: by hand, and the law that it is the same every time."""

import numpy as np

from score.feedback.choosing import choose_moments, uncertainty
from score.feedback.review_moments import Moment, camera_of


def moment(number, score, look, *, camera="a", disagreement=0.0):
    return Moment(
        f"{camera}/v{number}", camera, (0, 1), (0, 16), (0.0, 0.6), score, disagreement, np.array(look)
    )


def names(chosen):
    return [each.moment.video_id for each in chosen]


def test_the_score_nearest_to_the_threshold_is_the_most_uncertain():
    moments = [moment(number, score, [0.0]) for number, score in enumerate((0.1, 0.4, 0.52, 0.9))]
    assert int(np.argmax(uncertainty(moments, 0.5))) == 2
    assert uncertainty(moments, 0.5).tolist() == [0.0, 0.5, 1.0, 0.5]
    doubted = [moment(0, 0.1, [0.0], disagreement=0.2), moment(1, 0.5, [0.0], disagreement=0.1)]
    assert uncertainty(doubted, 0.5).tolist() == [0.5, 0.75]


def test_a_moment_like_one_that_is_labelled_comes_last():
    looks = [[0.0, 0.0], [0.0, 0.1], [5.0, 5.0], [-5.0, 5.0]]
    moments = [moment(number, 0.5, look) for number, look in enumerate(looks)]
    chosen = choose_moments(moments, 0.5, 4, labelled={"a/v0/0-16"})
    assert len(chosen) == 3 and names(chosen)[-1] == "a/v1"
    assert names(choose_moments(moments, 0.5, 2, labelled={"a/v0/0-16"})) == names(chosen)[:2]


def test_cameras_take_turns_where_moments_are_worth_the_same():
    random = np.random.default_rng(0)
    moments = [
        moment(number, 0.5, random.normal(size=8), camera=camera)
        for camera, count in (("a", 12), ("b", 3), ("c", 3))
        for number in range(count)
    ]
    cameras = [each.moment.camera for each in choose_moments(moments, 0.5, 6)]
    assert sorted(cameras) == ["a", "a", "b", "b", "c", "c"]
    assert names(choose_moments(moments, 0.5, 6)) == names(choose_moments(list(moments), 0.5, 6))


def test_no_moment_no_choice():
    assert choose_moments([], 0.5, 3) == []


def test_a_camera_is_known_by_the_list_or_by_the_folder():
    assert camera_of("gate/day1", {}) == "gate" and camera_of("day1", {}) == "day1"
    assert camera_of("gate/day1", {"gate/day1": "north"}) == "north"
    assert camera_of("gate/day1", {"gate/day1": None}) == "gate"
