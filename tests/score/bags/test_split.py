"""The hold-out split: by video and group, both classes on both sides."""

import pytest

from data_lists import Video
from score.bags.split import hold_out
from support.tiny_stores import make_videos


@pytest.mark.parametrize("groups", [0, 5, 9])
def test_the_held_out_part_is_disjoint_stratified_and_never_splits_a_group(groups):
    videos = make_videos(40, 20, groups=groups)
    split = hold_out(videos, 0.25)
    train, held = set(split.train), set(split.validation)
    assert train | held == set(videos) and not train & held
    if groups:
        assert not {video.group for video in train} & {video.group for video in held}
    anomalous = sum(video.is_anomalous for video in held)
    slack = 0 if not groups else 12  # a group is up to 12 videos
    assert (
        abs(anomalous - 5) <= slack and abs(len(held) - anomalous - 10) <= slack and 0 < anomalous < len(held)
    )
    assert hold_out(videos, 0.25) == split and hold_out(videos, 0.25, seed=1) != split


def test_groups_that_mix_unevenly_still_leave_both_classes_on_both_sides():
    videos = [Video(f"n{n}", group="street") for n in range(10)] + [
        Video(f"a{n}", "Fight", group="bar") for n in range(10)
    ]
    videos += [Video("n", group="park"), Video("a", "Fight", group="park")]
    held = hold_out(videos, 0.2).validation
    assert {video.video_id for video in held} == {"n", "a"}


def test_nothing_is_held_out_where_a_class_has_one_video():
    split = hold_out(make_videos(5, 1), 0.2)
    assert split.validation == () and "both parts need both" in split.reason
    assert hold_out(make_videos(5, 5), 0).reason == "none was requested"
